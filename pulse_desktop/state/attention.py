"""What needs the operator, judged from the state: a few lines, the worst first."""

import enum
from collections import defaultdict
from typing import Final

import msgspec

from pulse_desktop.state.run import RunState, TaskRun
from pulse_desktop.state.system import SystemState

WINDOW_S: Final = 3600.0
_SCAN_LIMIT: Final = 20_000


class Severity(enum.IntEnum):
    """How bad it is."""

    BAD = 0
    WARNING = 1


class Concern(msgspec.Struct, frozen=True, gc=False):
    """One line of "Needs attention".

    Attributes:
        severity: how bad.
        kind: "failed", "soft_failed", "overdue", "worker", "provider" or "unreadable".
        title: what, such as `5 × ProviderTimeout`.
        subject: to whom, such as a task name.
        detail: more, such as the error message.
        at: Unix seconds of the latest occurrence.
        task_ids: the runs concerned, newest first.
    """

    severity: Severity
    kind: str
    title: str
    subject: str
    detail: str
    at: float
    task_ids: tuple[str, ...] = ()


def concerns(state: SystemState, now: float, window_s: float = WINDOW_S) -> list[Concern]:
    """List what needs attention at a time (Unix seconds), the worst and latest first."""
    found = [
        *_of_runs(state, now, window_s),
        *(
            Concern(Severity.BAD, "provider", "provider down", p.provider, p.error, p.since)
            for p in state.providers.down
        ),
        *(
            Concern(Severity.BAD, "worker", "worker gone", w.worker, "no heartbeat", w.seen_at)
            for w in state.workers.gone(now)
        ),
    ]
    return sorted(found, key=lambda concern: (concern.severity, -concern.at))


def failure_cause(run: TaskRun) -> str:
    """Return what failed runs are grouped by: the exception's type, or the soft failure."""
    if run.state is RunState.SOFT_FAILED:
        return "soft failure"
    error = run.error
    return error.type if error is not None else "failure"


def _of_runs(state: SystemState, now: float, window_s: float) -> list[Concern]:
    groups: dict[tuple[RunState, str, str], list[TaskRun]] = defaultdict(list)
    counts = state.runs.counts
    watched = (RunState.FAILED, RunState.SOFT_FAILED, RunState.OVERDUE)
    if not any(counts[each] for each in watched):
        return []
    for run in state.runs.rows.newest_first(_SCAN_LIMIT):
        if run.state is RunState.OVERDUE or (
            run.state in watched and (run.finished_at or 0.0) >= now - window_s
        ):
            groups[run.state, failure_cause(run), run.name].append(run)
    return [_of_group(key, runs) for key, runs in groups.items()]


def _of_group(key: tuple[RunState, str, str], runs: list[TaskRun]) -> Concern:
    kind, cause, name = key
    ids = tuple(run.task_id for run in runs[:500])
    latest = max(runs, key=lambda run: run.finished_at or run.heard_at)
    at = latest.finished_at or latest.heard_at
    if kind is RunState.OVERDUE:
        first = min(run.queued_at or run.heard_at for run in runs)
        return Concern(
            Severity.WARNING, "overdue", f"{len(runs)} overdue", name, "no answer since", first, ids
        )
    if kind is RunState.SOFT_FAILED:
        many = "soft failure" if len(runs) == 1 else "soft failures"
        return Concern(
            Severity.WARNING, "soft_failed", f"{len(runs)} {many}", name, latest.reason, at, ids
        )
    message = latest.error.message if latest.error is not None else ""
    return Concern(Severity.BAD, "failed", f"{len(runs)} × {cause}", name, message, at, ids)
