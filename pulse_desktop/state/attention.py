"""What needs the operator, judged from the state: a few lines, the worst first."""

import enum
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from pulse_desktop.state.failure_groups import FailureGroup, Key
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import RunState, TaskRun
from pulse_desktop.state.system import SystemState

WINDOW_S: Final = 3600.0
_MAX_GROUPS: Final = 500  # causes are the sender's choice
_MAX_IDS: Final = 500


class Severity(enum.IntEnum):
    """How bad it is."""

    BAD = 0
    WARNING = 1


class AttentionItem(msgspec.Struct, frozen=True, gc=False):
    """One line of "Needs attention".

    Attributes:
        severity: how bad.
        kind: "failed", "soft_failed", "overdue", "worker", "provider" or "unreadable".
        title: what, such as `5 × ProviderTimeout`.
        subject: to whom, such as a task name.
        detail: more, such as the error message.
        at: Unix seconds of the latest occurrence.
        task_ids: the runs concerned, newest first, at most 500.
    """

    severity: Severity
    kind: str
    title: str
    subject: str
    detail: str
    at: float
    task_ids: tuple[str, ...] = ()


def attention_items(state: SystemState, now: float) -> list[AttentionItem]:
    """List what needs attention at a time (Unix seconds), the worst and latest first.

    Failures of the last hour count, whatever is late or gone counts as long as it is.
    """
    found = [
        *_of_runs(state, now),
        *(
            AttentionItem(Severity.BAD, "provider", "provider down", p.name, p.error, p.since)
            for p in state.providers.down
        ),
        *(
            AttentionItem(Severity.BAD, "worker", "worker gone", w.id, "no heartbeat", w.last_seen)
            for w in state.workers.offline(now)
        ),
    ]
    return sorted(found, key=lambda concern: (concern.severity, -concern.at))


def _of_runs(state: SystemState, now: float) -> Iterator[AttentionItem]:
    for key, group in islice(state.runs.failure_groups.since(now - WINDOW_S), _MAX_GROUPS):
        yield _of_group(state.runs.rows, key, group)


def _of_group(rows: RingBuffer[TaskRun], key: Key, group: FailureGroup) -> AttentionItem:
    kind, cause, name = key
    many = len(group)
    runs = [rows[position] for position in group.newest(_MAX_IDS)]
    ids = tuple(run.task_id for run in runs)
    if kind is RunState.OVERDUE:
        earliest = group.earliest()
        first = earliest[0] if earliest is not None else 0.0
        return AttentionItem(
            Severity.WARNING, "overdue", f"{many} overdue", name, "no answer since", first, ids
        )
    latest = max(runs, key=lambda run: run.finished_at or run.last_seen)
    at = latest.finished_at or latest.last_seen
    if kind is RunState.SOFT_FAILED:
        what = "soft failure" if many == 1 else "soft failures"
        return AttentionItem(
            Severity.WARNING, "soft_failed", f"{many} {what}", name, latest.reason, at, ids
        )
    message = latest.error.message if latest.error is not None else ""
    return AttentionItem(Severity.BAD, "failed", f"{many} × {cause}", name, message, at, ids)
