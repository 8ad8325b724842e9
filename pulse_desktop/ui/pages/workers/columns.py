"""Columns of the table of workers, and the texts in their cells."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.fields.worker_fields import running_tasks
from pulse_desktop.state.worker import Worker, WorkerActivity, WorkerHealth
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.text.worker_text import (
    ACTIVITY_LABELS,
    ACTIVITY_MEANINGS,
    HEALTH_LABELS,
    HEALTH_MEANINGS,
)
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import ago_column, muted, number_column

NO_CONTROL: Final = _(
    "Accepts no commands: control is switched off, or the worker's version has none"
)
CANCEL_ONLY: Final = _("Cancels tasks; it is TaskIQ's own worker, which cannot be paused")
ONLINE: Final = (WorkerHealth.ONLINE, WorkerHealth.LATE)
"""Health of workers that are running."""
_MAX_TASK_NAME: Final = 100


def worker_columns(
    now: Callable[[], float],
    worker_label: Callable[[str], str],
    task_label: Callable[[str], str],
) -> Sequence[Column[Worker]]:
    """Return the columns.

    Args:
        now: returns the current time of the page, Unix seconds.
        worker_label: returns the short name of a worker.
        task_label: returns the short name of a task.
    """

    def health_color(row: Worker) -> SemanticColor:
        return HEALTH_LABELS[row.health(now())][2]

    def heartbeat_color(row: Worker) -> SemanticColor:
        online = row.health(now()) is WorkerHealth.ONLINE
        return SemanticColor.MUTED if online else health_color(row)

    def is_online(row: Worker) -> bool:
        return row.health(now()) in ONLINE

    return (
        Column(
            _("Worker"),
            "worker",
            lambda row, _now: worker_label(row.id),
            width=112,
            tooltip=lambda row, _now: row.id,
        ),
        Column(
            _("Health"),
            "health",
            lambda row, at: HEALTH_LABELS[row.health(at)][0],
            width=96,
            color=health_color,
            glyph=lambda row: HEALTH_LABELS[row.health(now())][1],
            tooltip=lambda row, at: HEALTH_MEANINGS[row.health(at)],
            time_dependent=True,
        ),
        Column(
            _("Activity"),
            "work",
            lambda row, at: ACTIVITY_LABELS[activity_of(row, at)][0],
            width=104,
            field="activity",
            color=lambda row: ACTIVITY_LABELS[activity_of(row, now())][2],
            glyph=lambda row: ACTIVITY_LABELS[activity_of(row, now())][1],
            tooltip=lambda row, at: ACTIVITY_MEANINGS[activity_of(row, at)],
            time_dependent=True,
        ),
        Column(
            _("Host"),
            "host",
            lambda row, _now: row.host,
            width=120,
            color=muted,
            hide_below=980,
        ),
        number_column(lambda row: row.pid, _("PID"), "pid", 74, text=integer, hide_below=1080),
        Column(
            _("Busy slots"),
            "slots",
            slots_text,
            width=124,
            field="running",
            align="right",
            mono=True,
            color=lambda _row: SemanticColor.ACCENT,
            bar=lambda row: busy_fraction(row, now()),
            sort=lambda row: row.busy,
            time_dependent=True,
        ),
        Column(
            _("Running"),
            "tasks",
            lambda row, at: task_names(row.tasks, task_label) if row.health(at) in ONLINE else "",
            width=160,
            stretch=True,
            time_dependent=True,
        ),
        number_column(
            lambda row: row.cpu_percent if is_online(row) else None,
            _("CPU"),
            "cpu",
            66,
            text=percent,
            hide_below=560,
        ),
        number_column(
            lambda row: row.rss_bytes if is_online(row) else None,
            _("Memory"),
            "memory",
            76,
            text=formats.size,
            hide_below=820,
        ),
        Column(
            _("Log level"),
            "log_level",
            lambda row, _now: log_level_text(row),
            width=88,
            color=lambda row: SemanticColor.MUTED if row.control else SemanticColor.FAINT,
            tooltip=lambda row, _now: log_level_tooltip(row),
            hide_below=800,
        ),
        ago_column(lambda row: row.up_since, _("Started"), "started", hide_below=900),
        ago_column(
            lambda row: row.last_seen, _("Heartbeat"), "seen", color=heartbeat_color, hide_below=600
        ),
    )


def activity_of(row: Worker, now: float) -> WorkerActivity:
    """Return what a worker does at a time, Unix seconds; unknown when it is offline."""
    return row.activity if row.health(now) in ONLINE else WorkerActivity.UNKNOWN


def log_level_text(row: Worker) -> str:
    """Return the log level, such as `info`, or that the worker accepts no commands."""
    if not row.control:
        return "" if row.stopped else _("no control")
    return row.log_level.lower()


def log_level_tooltip(row: Worker) -> str:
    """Return what the log level means, or why it cannot be changed."""
    if not row.control:
        return NO_CONTROL
    if not row.log_level:
        return "" if row.accepts_worker_commands else CANCEL_ONLY
    return _("Logs messages of level {level} and above").format(level=row.log_level.lower())


def slots_text(row: Worker, now: float) -> str:
    """Return busy slots of all slots, such as `2 / 10`; empty when unknown or offline."""
    if row.busy is None or row.health(now) not in ONLINE:
        return ""
    return f"{row.busy} / {row.slots}" if row.slots is not None else str(row.busy)


def busy_fraction(row: Worker, now: float) -> float | None:
    """Return the fraction of busy slots, 0 to 1, None when unknown or offline."""
    if row.busy is None or not row.slots or row.health(now) not in ONLINE:
        return None
    return row.busy / row.slots


def task_names(tasks: bytes, task_label: Callable[[str], str]) -> str:
    """Return the names of the running tasks in a heartbeat, such as `2 × embed, score`.

    Args:
        tasks: the list in the heartbeat, as JSON.
        task_label: returns the short name of a task.
    """
    counts = Counter(running_tasks(tasks))
    labels = ((task_label(name)[:_MAX_TASK_NAME], count) for name, count in counts.items())
    return ", ".join(
        formats.isolated(f"{count} × {label}" if count > 1 else label) for label, count in labels
    )


def integer(value: float | None) -> str:
    """Return a number without separators or decimals, empty for None."""
    return "" if value is None else f"{value:.0f}"


def percent(value: float | None) -> str:
    """Return a percentage such as `12 %`, empty for None."""
    return "" if value is None else f"{value:.0f} %"
