"""One task run, as a value that two accounts of it can be joined into.

What is known of a run comes from four places, in any order and more than once: the task subject,
worker events, the result bucket, and the result's body. Each account is written down as a `TaskRun`
that knows only its own part, and `join` merges two of them. Because every field is merged by a
rule that does not care for order or repetition (earliest, latest, largest by a fixed order), the
same accounts give the same record however they arrive.
"""

import enum
from typing import Final

import msgspec


class RunState(enum.StrEnum):
    """What a run is doing, in the words shown to the operator."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    SOFT_FAILED = "soft_failed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OVERDUE = "overdue"
    """seen, and not answered within the limit for this task"""
    ANSWERED = "answered"
    """a result is stored, and what it says has not been, or cannot be, read"""


OPEN_STATES: Final = frozenset(
    {RunState.QUEUED, RunState.RUNNING, RunState.RETRYING, RunState.OVERDUE}
)
FAILURE_STATES: Final = frozenset({RunState.FAILED, RunState.SOFT_FAILED})


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


class Ending(msgspec.Struct, frozen=True, gc=False, order=True):
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
    ending: Ending | None = None


class Progress(msgspec.Struct, frozen=True, gc=False, order=True):
    """How far a run has come: `done` of `total` units at a time, Unix seconds."""

    at: float
    done: float
    total: float
    message: str = ""


class Answer(msgspec.Struct, frozen=True, gc=False):
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
    def merit(self) -> tuple[int, float, bool, str, str]:
        """Order of preference: the later answer, and of one answer the one that was read."""
        return (self.sequence, self.stored_at, bool(self.format), self.outcome, self.reason)


class TaskRun(msgspec.Struct, gc=False):
    """All that is known of one task id. Treated as a value: it is replaced, never changed.

    Attributes:
        task_id: TaskIQ's id.
        name: the registered task name, empty when nobody has told it.
        request: what was asked for, None when only its traces were seen.
        queued_at: Unix seconds of the first sign that it was enqueued.
        tries: how many times the task has been put on the subject.
        max_attempts: as the worker said, 0 when it did not.
        attempts: by number, rising.
        progress: the latest.
        cancelled_at: Unix seconds.
        answer: the stored result.
        rerun_of: the task id it repeats.
        heard_at: Unix seconds of the latest account.
        state: derived by `with_state`.
    """

    task_id: str
    name: str = ""
    request: Request | None = None
    queued_at: float | None = None
    tries: int = 0
    max_attempts: int = 0
    attempts: tuple[Attempt, ...] = ()
    progress: Progress | None = None
    cancelled_at: float | None = None
    answer: Answer | None = None
    rerun_of: str = ""
    heard_at: float = 0.0
    state: RunState = RunState.QUEUED

    @property
    def attempt(self) -> int:
        """Number of the latest attempt, at least 1."""
        return max(self.attempts[-1].number if self.attempts else 0, self.tries, 1)

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
        if self.attempts and (ending := self.attempts[-1].ending) is not None:
            return ending.at
        if self.answer is not None:
            return self.answer.stored_at
        return self.cancelled_at

    @property
    def wait_s(self) -> float | None:
        """Seconds from being queued to the first start, None when either is unknown."""
        if self.queued_at is None or not self.attempts or self.attempts[0].started_at is None:
            return None
        return max(0.0, self.attempts[0].started_at - self.queued_at)

    @property
    def run_s(self) -> float | None:
        """Seconds the last ended attempt took, by its worker's own clock."""
        if self.attempts and (ending := self.attempts[-1].ending) is not None:
            if ending.run_s is not None:
                return ending.run_s
            if self.attempts[-1].started_at is not None:
                return max(0.0, ending.at - self.attempts[-1].started_at)
        return self.answer.run_s if self.answer is not None else None

    @property
    def error(self) -> RunError | None:
        """Why it failed: the worker's account, which has a traceback, before the stored one."""
        if self.state is RunState.SUCCEEDED:
            return None
        if self.attempts and (ending := self.attempts[-1].ending) is not None and ending.error:
            return ending.error
        return self.answer.error if self.answer is not None else None

    @property
    def reason(self) -> str:
        """One line that says why the state is not plain success; empty when it is."""
        if self.answer is not None and self.answer.reason:
            return self.answer.reason
        error = self.error
        return f"{error.type}: {error.message}" if error is not None else ""


def join(a: TaskRun, b: TaskRun) -> TaskRun:
    """Merge two accounts of the same run.

    Commutative, associative and idempotent in every field but `state`, which `with_state` derives
    anew from the rest.
    """
    request = b.request if a.request is None else a.request
    if a.request is not None and b.request is not None and a.request != b.request:
        request = max(a.request, b.request)
    return with_state(
        TaskRun(
            a.task_id,
            request.task_name if request is not None else max(a.name, b.name),
            request,
            _earliest(a.queued_at, b.queued_at),
            max(a.tries, b.tries),
            max(a.max_attempts, b.max_attempts),
            _join_attempts(a.attempts, b.attempts),
            _latest_progress(a.progress, b.progress),
            _earliest(a.cancelled_at, b.cancelled_at),
            _better_answer(a.answer, b.answer),
            max(a.rerun_of, b.rerun_of),
            max(a.heard_at, b.heard_at),
        )
    )


def with_state(run: TaskRun) -> TaskRun:
    """Set the state of a freshly made run from what is known of it, and return it."""
    run.state = _derive(run)
    return run


_OUTCOMES: Final = {
    "succeeded": RunState.SUCCEEDED,
    "soft_failed": RunState.SOFT_FAILED,
    "failed": RunState.FAILED,
    "cancelled": RunState.CANCELLED,
}


def _derive(run: TaskRun) -> RunState:
    last = run.attempts[-1] if run.attempts else None
    answer = run.answer
    if answer is not None and not _runs_again_since(run, answer):
        if answer.outcome:
            return _OUTCOMES[answer.outcome]
        if last is not None and last.ending is not None and not last.ending.will_retry:
            return _OUTCOMES[last.ending.outcome]
        return RunState.ANSWERED
    if run.cancelled_at is not None:
        return RunState.CANCELLED
    if last is None:
        return RunState.RETRYING if run.tries > 1 else RunState.QUEUED
    if run.tries > last.number:
        return RunState.RETRYING
    if last.ending is None:
        return RunState.RUNNING
    return RunState.RETRYING if last.ending.will_retry else _OUTCOMES[last.ending.outcome]


def _runs_again_since(run: TaskRun, answer: Answer) -> bool:
    """Whether the same task id was started anew after this answer was stored."""
    last = run.attempts[-1] if run.attempts else None
    return (
        last is not None
        and last.ending is None
        and last.started_at is not None
        and last.started_at > answer.stored_at
    )


def _earliest(a: float | None, b: float | None) -> float | None:
    if a is None:
        return b
    return a if b is None or a <= b else b


def _latest_progress(a: Progress | None, b: Progress | None) -> Progress | None:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def _better_answer(a: Answer | None, b: Answer | None) -> Answer | None:
    if a is None or b is None:
        return b if a is None else a
    return a if a.merit >= b.merit else b


def _join_attempts(a: tuple[Attempt, ...], b: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    if not b or a is b:
        return a
    if not a:
        return b
    by_number = {attempt.number: attempt for attempt in a}
    for attempt in b:
        known = by_number.get(attempt.number)
        by_number[attempt.number] = attempt if known is None else _join_attempt(known, attempt)
    if len(by_number) == 1:
        return tuple(by_number.values())
    return tuple(by_number[number] for number in sorted(by_number))


def _join_attempt(a: Attempt, b: Attempt) -> Attempt:
    if a == b:
        return a
    # A second start under the same number is another delivery; the latest is the one that counts.
    start = max((a.started_at or 0.0, a.worker), (b.started_at or 0.0, b.worker))
    ending = a.ending if b.ending is None else b.ending
    if a.ending is not None and b.ending is not None:
        ending = a.ending if _ending_merit(a.ending) >= _ending_merit(b.ending) else b.ending
    return Attempt(a.number, start[0] or None, start[1], ending)


def _ending_merit(ending: Ending) -> tuple[float, str, bool, float, str, int]:
    """A fixed order among endings: the latest first, then anything that tells two apart."""
    return (
        ending.at,
        ending.outcome,
        ending.will_retry,
        -1.0 if ending.run_s is None else ending.run_s,
        ""
        if ending.error is None
        else f"{ending.error.type}\0{ending.error.message}\0{ending.error.traceback}",
        -1 if ending.result_bytes is None else ending.result_bytes,
    )
