"""One task run, as a value that two accounts of it can be joined into.

What is known of a run comes from four places, in any order and more than once: the task subject,
worker events, the result bucket, and the result's body. Each account is written down as a `TaskRun`
that knows only its own part; `pulse_desktop.state.run_merge` merges them.
"""

import msgspec

from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.state.progress import Progress


class RunError(msgspec.Struct, frozen=True, gc=False, order=True):
    """Why an attempt failed: exception type, its message, and the traceback if a worker sent it."""

    type: str
    message: str
    traceback: str = ""


class Request(msgspec.Struct, frozen=True, gc=False, order=True):
    """What was asked for: enough to ask for it again.

    Attributes:
        rank: how good the account is: 2 the task itself, 1 a queued event, 0 a partial account.
        first: 0 minus the retry count of the message, so that the original ranks highest.
        task_name: the registered name.
        args: JSON array.
        kwargs: JSON object.
        labels: JSON object.
        labels_types: JSON object or `null`.
    """

    rank: int
    first: int
    task_name: str
    args: bytes
    kwargs: bytes
    labels: bytes
    labels_types: bytes = b"null"

    @property
    def complete(self) -> bool:
        """Whether the run can be repeated from this account alone."""
        return self.rank > 0


class AttemptResult(msgspec.Struct, frozen=True, gc=False):
    """How one attempt ended, as its worker told it.

    Attributes:
        at: Unix seconds.
        outcome: "succeeded", "failed" or "cancelled".
        will_retry: whether the worker said it would try again.
        run_s: seconds, None when it was not said.
        error: why it failed.
        result_bytes: size of the result, None when it was not said.
    """

    at: float
    outcome: str
    will_retry: bool = False
    run_s: float | None = None
    error: RunError | None = None
    result_bytes: int | None = None

    @property
    def priority(self) -> tuple[object, ...]:
        """Order of preference: the latest, then anything that tells two apart."""
        return (
            self.at,
            self.outcome,
            self.will_retry,
            -1.0 if self.run_s is None else self.run_s,
            () if self.error is None else (self.error,),
            -1 if self.result_bytes is None else self.result_bytes,
        )


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One delivery of the task to a worker.

    Attributes:
        number: from 1.
        started_at: Unix seconds, None when only the end was seen.
        worker: who ran it.
        ending: how it ended, None while it runs.
    """

    number: int
    started_at: float | None = None
    worker: str = ""
    result: AttemptResult | None = None


class StoredOutcome(msgspec.Struct, frozen=True, gc=False):
    """What a stored result says.

    Attributes:
        stored_at: Unix seconds, by the server's clock.
        sequence: the metadata's sequence in the bucket's stream; orders two answers.
        size: bytes.
        outcome: "succeeded", "soft_failed", "failed", "cancelled", or "" while it is unread.
        reason: why it is a soft failure, or why it cannot be read.
        run_s: execution time in seconds, None when it was not said.
        error: the stored error.
        format: "json", "pickle", ...; empty while it is unread.
    """

    stored_at: float
    sequence: int
    size: int
    outcome: str = ""
    reason: str = ""
    run_s: float | None = None
    error: RunError | None = None
    format: str = ""

    @property
    def priority(self) -> tuple[object, ...]:
        """Order of preference: the later answer, of one answer the one that was read.

        The rest of the fields only make the order total.
        """
        return (
            self.sequence,
            bool(self.format),
            self.stored_at,
            self.outcome,
            self.reason,
            self.format,
            self.size,
            -1.0 if self.run_s is None else self.run_s,
            () if self.error is None else (self.error,),
        )


class TaskRun(msgspec.Struct, gc=False):
    """All that is known of one task id. Treated as a value: it is replaced, never changed.

    Attributes:
        task_id: TaskIQ's id.
        name: the registered task name, empty when nobody has told it.
        request: what was asked for, None when only its traces were seen.
        queued_at: Unix seconds of the first sign that it was enqueued.
        tries: how many times the task has been put on the subject.
        max_attempts: as the worker said, 0 when it did not.
        attempts: by number, rising; the latest `MOST_ATTEMPTS` of them.
        progress: the latest.
        cancelled_at: Unix seconds, the latest time somebody said so.
        answer: the stored result.
        rerun_of: the task id it repeats.
        heard_at: Unix seconds of the latest account.
        state: derived by `with_state`.
    """

    task_id: str
    name: str = ""
    request: Request | None = None
    queued_at: float | None = None
    delivery_count: int = 0
    max_attempts: int = 0
    attempts: tuple[Attempt, ...] = ()
    progress: Progress | None = None
    cancelled_at: float | None = None
    stored_outcome: StoredOutcome | None = None
    rerun_of: str = ""
    last_seen: float = 0.0
    state: RunState = RunState.QUEUED

    @property
    def attempt(self) -> int:
        """Number of the latest attempt, at least 1."""
        return max(self.attempts[-1].number if self.attempts else 0, self.delivery_count, 1)

    @property
    def worker(self) -> str:
        """Who has, or had, the latest attempt."""
        return self.attempts[-1].worker if self.attempts else ""

    @property
    def started_at(self) -> float | None:
        """Start of the latest attempt, Unix seconds."""
        return self.attempts[-1].started_at if self.attempts else None

    @property
    def finished_at(self) -> float | None:
        """When the run ended for good, Unix seconds; None while it has not."""
        if self.state in OPEN_STATES:
            return None
        if self.attempts and (ending := self.attempts[-1].result) is not None:
            return ending.at
        if self.stored_outcome is not None:
            return self.stored_outcome.stored_at
        return self.cancelled_at

    @property
    def wait_s(self) -> float | None:
        """Seconds from being queued to the first start, None when either is unknown."""
        first = self.attempts[0] if self.attempts else None
        if self.queued_at is None or first is None or first.started_at is None or first.number > 1:
            return None
        return max(0.0, first.started_at - self.queued_at)

    @property
    def run_s(self) -> float | None:
        """Seconds the last ended attempt took, by its worker's own clock.

        TaskIQ stores it rounded to hundredths: there 0 is no measurement.
        """
        if self.attempts and (ending := self.attempts[-1].result) is not None:
            if ending.run_s is not None:
                return ending.run_s
            if self.attempts[-1].started_at is not None:
                return max(0.0, ending.at - self.attempts[-1].started_at)
        return (self._last_word.run_s or None) if self._last_word is not None else None

    @property
    def error(self) -> RunError | None:
        """Why it failed: the worker's account, which has a traceback, before the stored one."""
        if self.state is RunState.SUCCEEDED:
            return None
        if self.attempts and (ending := self.attempts[-1].result) is not None and ending.error:
            return ending.error
        return self._last_word.error if self._last_word is not None else None

    @property
    def reason(self) -> str:
        """One line that says why the state is not plain success; empty when it is."""
        if self._last_word is not None and self._last_word.reason:
            return self._last_word.reason
        error = self.error
        return f"{error.type}: {error.message}" if error is not None else ""

    @property
    def _last_word(self) -> StoredOutcome | None:
        """The stored answer, unless the run goes on after it."""
        return None if self.state in OPEN_STATES else self.stored_outcome
