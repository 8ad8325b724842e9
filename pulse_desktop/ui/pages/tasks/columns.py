"""Columns of the table of task runs, and of the events of one run."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.topics import TASK_TOPIC
from pulse_desktop.query.fields import Field
from pulse_desktop.query.quoting import query_text
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.short_names import short_name
from pulse_desktop.state.task_runs import TaskRuns
from pulse_desktop.state.task_schemas import TaskSchemas
from pulse_desktop.text import formats
from pulse_desktop.text.event_text import event_summary
from pulse_desktop.text.run_text import (
    STATE_LABELS,
    STATE_RANKS,
    arguments_text,
    attempts_text,
    duration_text,
    reason_text,
    state_label,
    state_tooltip,
    wait_text,
)
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.text.worker_text import worker_name
from pulse_desktop.ui.table.arrival_order import ArrivalOrder
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import muted

_MAX_ERROR: Final = 400
_ERROR_COLORS: Final = {
    RunState.FAILED: SemanticColor.BAD,
    RunState.SOFT_FAILED: SemanticColor.WARNING,
}


def run_arrival_order(runs: TaskRuns) -> ArrivalOrder[TaskRun]:
    """Return the order of runs while no column is sorted: the last that arrived on top.

    Those from history are read in another order: results, events, and what is older than both.
    """
    return ArrivalOrder(lambda run: run.arrived_at, lambda: not runs.in_order)


def _state_color(run: TaskRun) -> SemanticColor:
    return STATE_LABELS[run.state][2]


STATE: Final = Column[TaskRun](
    _("State"),
    "state",
    lambda run, _now: state_label(run),
    width=126,
    color=_state_color,
    glyph=lambda run: STATE_LABELS[run.state][1],
    sort=lambda run: STATE_RANKS[run.state],
    tooltip=lambda run, _now: state_tooltip(run),
)
TASK: Final = Column[TaskRun](
    _("Task"),
    "task",
    lambda run, _now: short_name(run.name),
    width=184,
    sort=lambda run: (short_name(run.name), run.name) if run.name else None,
    tooltip=lambda run, _now: run.name,
)
ARGUMENTS: Final = Column[TaskRun](
    _("Arguments"),
    "arguments",
    lambda run, _now: arguments_text(run),
    width=200,
    mono=True,
    color=muted,
    stretch=True,
)
ERROR: Final = Column[TaskRun](
    _("Error"),
    "error",
    lambda run, _now: formats.elided(reason_text(run), _MAX_ERROR),
    width=190,
    color=lambda run: _ERROR_COLORS.get(run.state, SemanticColor.MUTED),
    sort=lambda run: run.reason or None,
    tooltip=lambda run, _now: reason_text(run),
    hide_below=880,
)
QUEUED: Final = Column[TaskRun](
    _("Queued"),
    "queued",
    lambda run, now: formats.clock(run.queued_at, now),
    width=84,
    color=muted,
    sort=lambda run: run.queued_at,
    hide_below=580,
    crowded_below=760,
    is_time=True,
    tooltip=lambda run, now: (
        f"{formats.absolute(run.queued_at)}\n{formats.ago(run.queued_at, now)}"
    ),
)
WAIT: Final = Column[TaskRun](
    _("Wait"),
    "waited",
    wait_text,
    width=88,
    align="right",
    mono=True,
    sort=lambda run: run.wait_s,
    hide_below=680,
    crowded_below=960,
    time_dependent=True,
)
DURATION: Final = Column[TaskRun](
    _("Duration"),
    "ran",
    duration_text,
    width=88,
    align="right",
    mono=True,
    sort=lambda run: run.run_s,
    hide_below=500,
    crowded_below=860,
    time_dependent=True,
)
WORKER: Final = Column[TaskRun](
    _("Worker"),
    "worker",
    lambda run, _now: worker_name(run.worker),
    width=96,
    color=muted,
    sort=lambda run: run.worker or None,
    tooltip=lambda run, _now: run.worker,
    hide_below=1080,
)
ATTEMPT: Final = Column[TaskRun](
    _("Attempt"),
    "attempt",
    lambda run, _now: attempts_text(run),
    width=72,
    align="right",
    mono=True,
    color=lambda run: SemanticColor.WARNING if run.attempt > 1 else SemanticColor.FAINT,
    sort=lambda run: run.attempt,
    hide_below=1140,
)
TASK_ID: Final = Column[TaskRun](
    _("Task id"),
    "task_id",
    lambda run, _now: run.task_id,
    width=240,
    mono=True,
    color=muted,
    hidden=True,
)
RERUN_OF: Final = Column[TaskRun](
    _("Re-run of"),
    "rerun_of",
    lambda run, _now: run.rerun_of,
    width=240,
    mono=True,
    color=muted,
    hidden=True,
)


def run_columns(
    task_label: Callable[[str], str],
    worker_label: Callable[[str], str],
    schemas: TaskSchemas,
) -> Sequence[Column[TaskRun]]:
    """Return the columns of the table of task runs.

    Args:
        task_label: returns the short name of a task.
        worker_label: returns the short name of a worker.
        schemas: of the tasks, which name positional arguments.
    """
    worker = replace(WORKER, text=lambda run, _now: worker_label(run.worker))
    queued = replace(
        QUEUED, text=lambda run, now: formats.clock(run.queued_at, now, precise=True), width=104
    )
    state, task, arguments, *times = latest_columns(task_label, schemas)
    times = [queued if each is QUEUED else each for each in times]
    return (state, task, arguments, ERROR, *times, worker, ATTEMPT, TASK_ID, RERUN_OF)


def latest_columns(
    task_label: Callable[[str], str], schemas: TaskSchemas
) -> Sequence[Column[TaskRun]]:
    """Return the columns of the table of the latest runs.

    Args:
        task_label: returns the short name of a task.
        schemas: of the tasks, which name positional arguments.
    """
    task = replace(TASK, text=lambda run, _now: task_label(run.name))
    arguments = replace(
        ARGUMENTS, text=lambda run, _now: arguments_text(run, schemas.get(run.name))
    )
    return (STATE, task, arguments, QUEUED, WAIT, DURATION)


def value_column(key: str, field: Field[TaskRun]) -> Column[TaskRun]:
    """Return a column with the values of a label or an argument.

    Args:
        key: name of the query field, such as `label.queue` or `args.language`.
        field: the query field.
    """

    def text(run: TaskRun, now: float) -> str:
        values = field.get(run, now)
        return formats.elided(query_text(values[0]), _MAX_ERROR) if values else ""

    def sort(run: TaskRun) -> object:
        value = next(iter(field.get(run, run.last_seen)), None)
        return value if isinstance(value, int | float | str | None) else query_text(value)

    return Column(key, key, text, width=120, mono=True, color=muted, sort=sort, hidden=True)


def event_columns(task_label: Callable[[str], str]) -> Sequence[Column[Event]]:
    """Return the columns of the table of a run's events.

    Args:
        task_label: returns the short name of a task.
    """
    return (
        Column[Event](
            _("Time"),
            "time",
            lambda event, _now: formats.clock_ms(event.timestamp),
            width=104,
            mono=True,
            color=muted,
            tooltip=lambda event, _now: formats.absolute(event.timestamp),
            is_time=True,
        ),
        Column[Event](
            _("Event"),
            "event",
            lambda event, _now: _("enqueued") if event.topic == TASK_TOPIC else event.type,
            width=118,
            sort=lambda event: event.type,
        ),
        Column[Event](
            _("Summary"),
            "what",
            lambda event, _now: event_summary(event, task_label),
            stretch=True,
            color=muted,
        ),
    )
