"""A task run, as a value that is merged from partial updates.

What is known of a run arrives from four sources, in any order and possibly repeated: the task
subject, worker events, the result bucket's metadata, and the result's body. Each is converted into
a `TaskRun` with only the fields it knows; `pulse_desktop.state.run_merge` merges them.
"""

from typing import Final

import msgspec

from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.protocol.timestamps import elapsed_since
from pulse_desktop.state.progress import Progress

UNREADABLE: Final = "unreadable"
"""Format of a stored result that cannot be decoded."""

UNREAD: Final = "unread"
"""Format of a stored result that is too large to be read automatically."""


class RunError(msgspec.Struct, frozen=True, gc=False, order=True):
    """An exception: its type, its message, and the traceback if the worker sent one."""

    type: str
    message: str
    traceback: str = ""


class Request(msgspec.Struct, frozen=True, gc=False, order=True):
    """The request to run a task: its name, arguments and labels, as needed for a re-run.

    Requests are ordered: of several for one run, the largest is the most complete and original.

    Attributes:
        rank: 2 from the task message, 1 from a queued event, 0 if incomplete.
        retry_rank: minus the retry count of the message, so that the original ranks highest.
        task_name: as sent; a renamed task may be sent under its legacy name.
        args: JSON array.
        kwargs: JSON object.
        labels: JSON object.
        labels_types: JSON object or `null`.
        format: in which the task was sent: "json", "msgpack", "cbor" or "pickle".
        not_plain: what the message held beyond plain data, empty for nothing. It cannot be sent
            again then.
    """

    rank: int
    retry_rank: int
    task_name: str
    args: bytes
    kwargs: bytes
    labels: bytes
    labels_types: bytes = b"null"
    format: str = "json"
    not_plain: str = ""

    @property
    def complete(self) -> bool:
        """Whether the request has all that a re-run needs."""
        return self.rank > 0

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent again as it was."""
        return self.complete and not self.not_plain

    @property
    def captured(self) -> bool:
        """Whether it is the task message itself, and not what an event says of it."""
        return self.rank > 1


class AttemptResult(msgspec.Struct, frozen=True, gc=False):
    """The end of one attempt, as its worker reported it.

    Attributes:
        at: Unix seconds.
        outcome: "succeeded", "failed" or "cancelled".
        will_retry: whether the worker announced a retry.
        run_s: run time in seconds, None if unknown.
        error: why it failed, None if it did not or it is unknown.
        result_bytes: size of the result, None if unknown.
    """

    at: float
    outcome: str
    will_retry: bool = False
    run_s: float | None = None
    error: RunError | None = None
    result_bytes: int | None = None

    @property
    def priority(self) -> tuple[object, ...]:
        """Sort key: of two results the larger wins. The latest first, the rest breaks ties."""
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
        number: counts from 1.
        started_at: Unix seconds by the worker's clock, None if only the end was seen.
        worker: identity of the worker.
        result: its end, None while it runs.
        seen_at: Unix seconds at which the report of its start arrived, None without one.
    """

    number: int
    started_at: float | None = None
    worker: str = ""
    result: AttemptResult | None = None
    seen_at: float | None = None


class StoredOutcome(msgspec.Struct, frozen=True, gc=False):
    """The outcome in a stored result.

    Attributes:
        stored_at: Unix seconds, by the server's clock.
        sequence: the metadata's sequence in the bucket's stream; orders two results.
        size: bytes.
        outcome: "succeeded", "soft_failed", "failed", "cancelled", or "" until it is decoded.
        reason: why it is a soft failure, or why it cannot be decoded.
        run_s: execution time in seconds, None if unknown.
        error: the stored exception, None for none.
        format: "json", "pickle", ..., `UNREADABLE` or `UNREAD`; empty until it is known.
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
        """Sort key: of two outcomes the larger wins. The later result, then the decoded one.

        The other fields only make the order total.
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
    """One run, as far as it is known. Treated as a value: it is replaced, never modified.

    Attributes:
        task_id: TaskIQ's id.
        name: the task's canonical name, empty if unknown.
        request: name, arguments and labels, None if unknown.
        queued_at: Unix seconds when it was first enqueued, None if unknown.
        delivery_count: how often the task was published on the task subject.
        max_attempts: maximum number of attempts, 0 if unknown.
        attempts: in order of their numbers; the latest `MAX_ATTEMPTS` of them.
        progress: the latest progress.
        cancelled_at: Unix seconds of the latest cancellation.
        stored_outcome: the outcome in the stored result, None while there is no result.
        rerun_of: id of the run that this one repeats, empty for none.
        last_seen: Unix seconds of the latest update.
        state: set by `derive_state`.
        parent: id of the run that enqueued this one, empty if unknown.
        first_seen: Unix seconds of the earliest update, 0 while that is the latest one.
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
    parent: str = ""
    first_seen: float = 0.0

    @property
    def arrived_at(self) -> float:
        """When the earliest that is known of it arrived, Unix seconds.

        What was stored arrived when it was stored, however much later it is read.
        """
        return self.first_seen or self.last_seen

    @property
    def attempt(self) -> int:
        """Number of the latest attempt, at least 1."""
        return max(self.attempts[-1].number if self.attempts else 0, self.delivery_count, 1)

    @property
    def worker(self) -> str:
        """Identity of the worker of the latest attempt."""
        return self.attempts[-1].worker if self.attempts else ""

    @property
    def started_at(self) -> float | None:
        """Start of the latest attempt, Unix seconds."""
        return self.attempts[-1].started_at if self.attempts else None

    @property
    def began_at(self) -> float:
        """When it was enqueued, Unix seconds; else its start or the latest update, if unknown."""
        return self.queued_at or self.started_at or self.last_seen

    @property
    def last_activity(self) -> float:
        """The latest time known of it, Unix seconds."""
        return max(self.began_at, self.started_at or 0.0, self.finished_at or 0.0, self.last_seen)

    @property
    def running_since(self) -> float | None:
        """Start of the latest attempt by the clock that dates arrivals, None if it is unknown.

        A time until now counts from here: the worker's clock may be wrong.
        """
        if (started_at := self.started_at) is None:
            return None
        at, seen_at = max(started_at, self.queued_at or 0.0), self.attempts[-1].seen_at
        return at if seen_at is None else elapsed_since(at, seen_at)

    @property
    def finished_at(self) -> float | None:
        """Unix seconds when the run ended, None while it has not."""
        if self.state in OPEN_STATES:
            return None
        if self.attempts and (result := self.attempts[-1].result) is not None:
            return result.at
        if self.stored_outcome is not None:
            return self.stored_outcome.stored_at
        return self.cancelled_at

    @property
    def wait_s(self) -> float | None:
        """Seconds from enqueuing to the first start, None if either is unknown."""
        first = self.attempts[0] if self.attempts else None
        if self.queued_at is None or first is None or first.started_at is None or first.number > 1:
            return None
        return max(0.0, first.started_at - self.queued_at)

    @property
    def run_s(self) -> float | None:
        """Run time of the last ended attempt in seconds, by its worker's clock.

        TaskIQ stores it rounded to hundredths, where 0 means that it was not measured. An attempt
        that was cancelled before its start has none.
        """
        if self.attempts and (result := self.attempts[-1].result) is not None:
            if result.outcome == "cancelled" and self._last_attempt_never_started:
                return None
            if result.run_s is not None:
                return result.run_s
            if self.attempts[-1].started_at is not None:
                return max(0.0, result.at - self.attempts[-1].started_at)
        return (self._final_outcome.run_s or None) if self._final_outcome is not None else None

    @property
    def error(self) -> RunError | None:
        """The exception: the worker's, which has a traceback, else the stored one."""
        if self.state is RunState.SUCCEEDED:
            return None
        if self.attempts and (result := self.attempts[-1].result) is not None and result.error:
            return result.error
        return self._final_outcome.error if self._final_outcome is not None else None

    @property
    def reason(self) -> str:
        """Why the run did not succeed, in one line; empty if it did.

        That its result cannot be decoded is the reason only if nothing else tells how it ended.
        """
        outcome, error = self._final_outcome, self.error
        if outcome is not None and outcome.format == UNREADABLE:
            outcome = outcome if self.state is RunState.RESULT_UNREADABLE else None
        if outcome is not None and outcome.reason:
            return outcome.reason
        return f"{error.type}: {error.message}" if error is not None else ""

    @property
    def result_unread(self) -> bool:
        """Whether a result is stored that was not read, though it may be readable."""
        return self.stored_outcome is not None and self.stored_outcome.format in ("", UNREAD)

    @property
    def _last_attempt_never_started(self) -> bool:
        """Whether the start of the latest attempt is unknown, though that of an earlier one is."""
        *earlier, last = self.attempts
        return last.started_at is None and any(each.started_at is not None for each in earlier)

    @property
    def _final_outcome(self) -> StoredOutcome | None:
        """The stored outcome, None while the run continues after it."""
        return None if self.state in OPEN_STATES else self.stored_outcome
