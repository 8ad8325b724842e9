"""Merge partial updates of a task run; their order and repetition do not matter.

Every field is merged by a rule that is independent of both (earliest, latest, largest by a fixed
order), so that the same updates give the same run however they arrive.
"""

import math
from typing import Final

import msgspec

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run import Attempt, TaskRun

MAX_ATTEMPTS: Final = 100


def merge(a: TaskRun, b: TaskRun) -> TaskRun:
    """Merge two updates of the same run.

    Commutative, associative and idempotent in every field but `state`, which is derived again from
    the others.
    """
    run = msgspec.structs.replace(a)
    _merge_request(run, b)
    if b.queued_at is not None and (run.queued_at is None or b.queued_at < run.queued_at):
        run.queued_at = b.queued_at
    if b.delivery_count > run.delivery_count:
        run.delivery_count = b.delivery_count
    if b.max_attempts > run.max_attempts:
        run.max_attempts = b.max_attempts
    if b.attempts:
        run.attempts = _merge_attempts(run.attempts, b.attempts)
    if b.progress is not None and (
        run.progress is None or b.progress.priority > run.progress.priority
    ):
        run.progress = b.progress
    if b.cancelled_at is not None:
        run.cancelled_at = max(b.cancelled_at, run.cancelled_at or 0.0)
    if b.stored_outcome is not None and (
        run.stored_outcome is None or b.stored_outcome.priority > run.stored_outcome.priority
    ):
        run.stored_outcome = b.stored_outcome
    if b.rerun_of > run.rerun_of:
        run.rerun_of = b.rerun_of
    if b.parent > run.parent:
        run.parent = b.parent
    first = min(a.arrived_at or math.inf, b.arrived_at or math.inf)
    if b.last_seen > run.last_seen:
        run.last_seen = b.last_seen
    run.first_seen = first if first < run.last_seen else 0.0
    run.state = _derive(run)
    return run


def _merge_request(run: TaskRun, b: TaskRun) -> None:
    if b.request is not None and (run.request is None or b.request > run.request):
        run.request = b.request
        run.name = b.name
    elif run.request is None and b.name > run.name:
        run.name = b.name


def derive_state(run: TaskRun) -> TaskRun:
    """Set the state of a run from its other fields, and return the run."""
    run.state = _derive(run)
    return run


# Looking up a member of an enumeration is slow in Python 3.11, and this is done for every event.
_RESULT_UNREADABLE: Final = RunState.RESULT_UNREADABLE
_CANCELLED: Final = RunState.CANCELLED
_QUEUED: Final = RunState.QUEUED
_RETRYING: Final = RunState.RETRYING
_RUNNING: Final = RunState.RUNNING
_OUTCOMES: Final = {
    "succeeded": RunState.SUCCEEDED,
    "soft_failed": RunState.SOFT_FAILED,
    "failed": RunState.FAILED,
    "cancelled": RunState.CANCELLED,
}


def _derive(run: TaskRun) -> RunState:
    last = run.attempts[-1] if run.attempts else None
    result = last.result if last is not None else None
    # While an attempt runs, results from before its start no longer count.
    since = (last.started_at or 0.0) if last is not None and result is None else 0.0
    stored = run.stored_outcome
    if stored is not None and stored.stored_at >= since:
        if stored.outcome:
            return _OUTCOMES[stored.outcome]
        if result is not None and not result.will_retry:
            return _OUTCOMES[result.outcome]
        return _RESULT_UNREADABLE
    if run.cancelled_at is not None and run.cancelled_at >= since:
        return _CANCELLED
    if last is None:
        return _RETRYING if run.delivery_count > 1 else _QUEUED
    if result is None:
        return _RUNNING
    if result.will_retry or (result.outcome == "failed" and run.delivery_count > last.number):
        return _RETRYING
    return _OUTCOMES[result.outcome]


def _merge_attempts(a: tuple[Attempt, ...], b: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    if not a:
        return b
    if len(a) == 1 and len(b) == 1 and a[0].number == b[0].number:
        merged = _merge_attempt(a[0], b[0])
        return a if merged is a[0] else (merged,)
    by_number = {attempt.number: attempt for attempt in a}
    for attempt in b:
        known = by_number.get(attempt.number)
        by_number[attempt.number] = attempt if known is None else _merge_attempt(known, attempt)
    return tuple(by_number[number] for number in sorted(by_number)[-MAX_ATTEMPTS:])


def _merge_attempt(a: Attempt, b: Attempt) -> Attempt:
    if a == b:
        return a
    if a.result is None and b.started_at is None and b.worker == a.worker and b.result is not None:
        result = b.result if b.result.at >= (a.started_at or 0.0) else None
        return Attempt(a.number, a.started_at, a.worker, result, a.seen_at)  # its end
    # A second start with the same number is another delivery; the latest one counts.
    start = max(_start_priority(a), _start_priority(b))
    result = a.result if b.result is None else b.result
    if a.result is not None and b.result is not None and a.result.priority > b.result.priority:
        result = a.result
    if result is not None and result.at < start[0]:
        result = None  # of an earlier delivery
    return Attempt(a.number, start[0] or None, start[1], result, -start[2] or None)


def _start_priority(attempt: Attempt) -> tuple[float, str, float]:
    """Return the sort key of a start: the larger counts, and of equal ones the first seen."""
    return attempt.started_at or 0.0, attempt.worker, -(attempt.seen_at or 0.0)
