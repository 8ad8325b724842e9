"""Columns of a table of task runs."""

from typing import Final

from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import (
    STATE_LABELS,
    STATE_RANKS,
    arguments,
    attempts,
    ran,
    short_name,
    state_label,
    state_tooltip,
    waited,
)
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.column import Column


def _state_color(run: TaskRun) -> SemanticColor:
    return STATE_LABELS[run.state][2]


def _muted(_run: TaskRun) -> SemanticColor:
    return SemanticColor.MUTED


STATE: Final = Column[TaskRun](
    "State",
    "state",
    lambda run, _: state_label(run),
    width=126,
    color=_state_color,
    glyph=lambda run: STATE_LABELS[run.state][1],
    sort=lambda run: STATE_RANKS[run.state],
    tooltip=lambda run, _: state_tooltip(run),
)
TASK: Final = Column[TaskRun](
    "Task",
    "task",
    lambda run, _: short_name(run.name),
    width=184,
    sort=lambda run: short_name(run.name) or None,
    tooltip=lambda run, _: run.name,
)
ARGUMENTS: Final = Column[TaskRun](
    "Arguments",
    "arguments",
    lambda run, _: arguments(run),
    width=200,
    mono=True,
    color=_muted,
    stretch=True,
)
QUEUED: Final = Column[TaskRun](
    "Queued",
    "queued",
    lambda run, now: formats.clock(run.queued_at, now),
    width=84,
    color=_muted,
    sort=lambda run: run.queued_at,
    hide_below=580,
    tooltip=lambda run, now: (
        f"{formats.absolute(run.queued_at)}\n{formats.ago(run.queued_at, now)}"
    ),
)
WAITED: Final = Column[TaskRun](
    "Waited",
    "waited",
    waited,
    width=88,
    align="right",
    mono=True,
    sort=lambda run: run.wait_s,
    hide_below=680,
    ticking=True,
)
RAN: Final = Column[TaskRun](
    "Ran",
    "ran",
    ran,
    width=88,
    align="right",
    mono=True,
    sort=lambda run: run.run_s,
    hide_below=500,
    ticking=True,
)
WORKER: Final = Column[TaskRun](
    "Worker",
    "worker",
    lambda run, _: run.worker.partition("@")[0],
    width=96,
    color=_muted,
    sort=lambda run: run.worker or None,
    tooltip=lambda run, _: run.worker,
    hide_below=980,
)
ATTEMPT: Final = Column[TaskRun](
    "Attempt",
    "attempt",
    lambda run, _: attempts(run),
    width=72,
    align="right",
    mono=True,
    color=lambda run: SemanticColor.WARNING if run.attempt > 1 else SemanticColor.FAINT,
    sort=lambda run: run.attempt,
    hide_below=980,
)
TASK_ID: Final = Column[TaskRun](
    "Task id",
    "task_id",
    lambda run, _: run.task_id,
    width=240,
    mono=True,
    color=_muted,
    hidden=True,
)
RERUN_OF: Final = Column[TaskRun](
    "Re-run of",
    "rerun_of",
    lambda run, _: run.rerun_of,
    width=240,
    mono=True,
    color=_muted,
    hidden=True,
)
RUN_COLUMNS: Final = (
    *(STATE, TASK, ARGUMENTS, QUEUED, WAITED, RAN),
    *(WORKER, ATTEMPT, TASK_ID, RERUN_OF),
)
LATEST_COLUMNS: Final = RUN_COLUMNS[:6]
