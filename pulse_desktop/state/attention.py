"""Attention items: what needs the operator, computed from the state, the worst first."""

import enum
import math
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.fingerprint import OTHER
from pulse_desktop.state.failure_group import FailureGroup
from pulse_desktop.state.system import SystemState

WINDOW_S: Final = 3600.0
_MAX_DETAILED: Final = 500
"""Failure groups, and tasks with overdue runs, of which runs are read; senders choose how many."""
_MAX_IDS: Final = 500

_WAITING: Final = (RunState.QUEUED, RunState.RETRYING, RunState.OVERDUE)


class Severity(enum.IntEnum):
    """How severe an attention item is; the lower, the more severe."""

    BAD = 0
    WARNING = 1


class AttentionKind(enum.StrEnum):
    """What an attention item is about."""

    FAILED = "failed"
    SOFT_FAILED = "soft_failed"
    OVERDUE = "overdue"
    WORKER_OFFLINE = "worker"
    WORKERS_PAUSED = "paused"
    MISSING_TASKS = "missing"
    PROVIDER_DOWN = "provider"


class AttentionItem(msgspec.Struct, frozen=True, gc=False):
    """One item of "Needs attention".

    Attributes:
        severity: how severe it is.
        kind: what it is about.
        target: the task's name, the worker's identity or the provider's name; empty for the queue.
        at: Unix seconds of the latest failure; of the earliest overdue run; of a worker's last
            heartbeat; since when a provider has been down.
        count: number of runs; of tasks that a worker lacks; 1 for a worker or a provider.
        cause: exception type of the failures, empty if unknown.
        message: message of the latest failure or of the provider's error, or the names of the tasks
            that a worker lacks; empty for none.
        task_ids: ids of the runs, newest first, at most 500; empty for an item after the 500th.
        group: id of the failure group, empty if it is about none.
        since: Unix seconds from which failures are counted, 0 for any time.
        is_rest: whether it stands for all failures, or overdue runs, that are in no other item.
    """

    severity: Severity
    kind: AttentionKind
    target: str
    at: float
    count: int = 1
    cause: str = ""
    message: str = ""
    task_ids: tuple[str, ...] = ()
    group: str = ""
    since: float = 0.0
    is_rest: bool = False


def attention_items(state: SystemState, now: float) -> list[AttentionItem]:
    """Return what needs attention at a time (Unix seconds), the most severe and latest first.

    Failures of the last hour count; overdue runs, workers and providers count while they are so.
    """
    items = [
        *_run_items(state, now),
        *_paused_items(state, now),
        *_missing_items(state, now),
        *(
            AttentionItem(
                Severity.BAD,
                AttentionKind.PROVIDER_DOWN,
                provider.name,
                provider.since,
                message=provider.error,
            )
            for provider in state.providers.down
        ),
        *(
            AttentionItem(Severity.BAD, AttentionKind.WORKER_OFFLINE, worker.id, worker.last_seen)
            for worker in state.workers.offline(now)
        ),
    ]
    return sorted(items, key=lambda item: (item.severity, item.is_rest, -item.at))


def muted_groups(state: SystemState, now: float) -> int:
    """Return how many failure groups need no attention only because they are muted."""
    groups = state.failure_groups.since(now - WINDOW_S)
    return sum(each.marks.muted is not None for each in groups if _is_unsolved(each))


class QuietFailures(NamedTuple):
    """Failures that need no attention.

    Attributes:
        muted: of muted groups.
        resolved: of groups that were resolved and have not failed since.
    """

    muted: int = 0
    resolved: int = 0


def quiet_failures(
    state: SystemState, start: float, end: float, *, soft: bool = False
) -> QuietFailures:
    """Return how many failures in a span of time, Unix seconds, need no attention.

    Args:
        state: the state.
        start: Unix seconds.
        end: Unix seconds.
        soft: whether of the soft failures instead of the failures.
    """
    muted = resolved = 0
    for group in state.failure_groups.since(start):
        if group.fingerprint.soft is not soft or _needs_attention(group):
            continue
        count = group.times.count(start, end)
        if group.marks.muted is not None:
            muted += count
        elif group.has_mark(MarkKind.RESOLVED):
            resolved += count
    return QuietFailures(muted, resolved)


def _needs_attention(group: FailureGroup) -> bool:
    return _is_unsolved(group) and group.marks.muted is None


def _is_unsolved(group: FailureGroup) -> bool:
    return group.id != OTHER.id and not group.has_mark(MarkKind.RESOLVED)


def _run_items(state: SystemState, now: float) -> Iterator[AttentionItem]:
    yield from _failed_items(state, now - WINDOW_S)
    yield from _overdue_items(state)


def _failed_items(state: SystemState, earliest: float) -> Iterator[AttentionItem]:
    number = 0
    for group in state.failure_groups.since(earliest):
        if _needs_attention(group):
            number += 1
            if number <= _MAX_DETAILED:
                yield _group_item(state, group, earliest)
            else:
                yield _brief_item(group, earliest)
        elif group.id == OTHER.id and (count := group.times.count(earliest, math.inf)):
            yield AttentionItem(
                Severity.BAD,
                AttentionKind.FAILED,
                "",
                group.last_seen,
                count,
                group=group.id,
                since=earliest,
                is_rest=True,
            )


def _overdue_items(state: SystemState) -> Iterator[AttentionItem]:
    groups, rest = state.runs.overdue.groups(_MAX_IDS), len(state.runs.overdue)
    for overdue in islice(groups, _MAX_DETAILED):
        rest -= overdue.count
        rows = state.runs.rows
        yield AttentionItem(
            Severity.WARNING,
            AttentionKind.OVERDUE,
            overdue.task_name,
            overdue.earliest,
            overdue.count,
            task_ids=tuple(rows[position].task_id for position in overdue.positions),
        )
    if rest:
        latest = max(overdue.earliest for overdue in groups)
        yield AttentionItem(Severity.WARNING, AttentionKind.OVERDUE, "", latest, rest, is_rest=True)


def _paused_items(state: SystemState, now: float) -> Iterator[AttentionItem]:
    waiting = sum(state.runs.counts[each] for each in _WAITING)
    online = state.workers.online(now)
    if waiting and online and not any(worker.takes_tasks for worker in online):
        at = max(worker.last_seen for worker in online)
        yield AttentionItem(Severity.WARNING, AttentionKind.WORKERS_PAUSED, "", at, waiting)


def _missing_items(state: SystemState, now: float) -> Iterator[AttentionItem]:
    for worker in state.workers.online(now):
        if worker.missing_tasks:
            yield AttentionItem(
                Severity.WARNING,
                AttentionKind.MISSING_TASKS,
                worker.id,
                worker.last_seen,
                len(worker.missing_tasks),
                message=", ".join(worker.missing_tasks),
            )


def _group_item(state: SystemState, group: FailureGroup, earliest: float) -> AttentionItem:
    soft = group.fingerprint.soft
    runs = list(islice(state.failure_groups.runs_of(group.id, earliest), _MAX_IDS))
    example = state.runs.get(group.example)
    error = example.error if example is not None and not soft else None
    return AttentionItem(
        Severity.WARNING if soft else Severity.BAD,
        AttentionKind.SOFT_FAILED if soft else AttentionKind.FAILED,
        group.tasks[0] if group.tasks else "",
        group.last_seen,
        group.times.count(earliest, math.inf),
        group.cause,
        group.message if error is None else error.message,
        tuple(run.task_id for run in runs),
        group.id,
        earliest,
    )


def _brief_item(group: FailureGroup, earliest: float) -> AttentionItem:
    """Return an item far down the list, made of nothing but the row of its group."""
    soft = group.fingerprint.soft
    times, cause = group.times, group.cause
    is_recent = group.first_seen >= earliest and not times.dropped
    return AttentionItem(
        Severity.WARNING if soft else Severity.BAD,
        AttentionKind.SOFT_FAILED if soft else AttentionKind.FAILED,
        group.tasks[0] if group.tasks else "",
        group.last_seen,
        len(times) if is_recent else times.count(earliest, math.inf),
        cause,
        group.message if soft else group.message.removeprefix(f"{cause}: "),
        group=group.id,
        since=earliest,
    )
