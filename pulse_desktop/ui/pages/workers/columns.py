"""The table of workers: its columns, and the words for what a worker is and does."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from pulse_desktop.state.workers import Worker, WorkerActivity, WorkerHealth
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.worker_text import (
    ACTIVITY_LABELS,
    ACTIVITY_MEANINGS,
    HEALTH_LABELS,
    HEALTH_MEANINGS,
    worker_name,
)
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import ago_column

NO_CONTROL: Final = "no control"
NO_CONTROL_MEANS: Final = (
    "Takes no orders: it was started with control switched off, or is of a version without it"
)
PRESENT: Final = (WorkerHealth.ONLINE, WorkerHealth.LATE)


def worker_columns(time: Callable[[], float]) -> Sequence[Column[Worker]]:
    """Return the columns.

    Args:
        time: returns what time the page is told it is, Unix seconds.
    """

    def health_color(row: Worker) -> SemanticColor:
        return HEALTH_LABELS[row.health(time())][2]

    def heartbeat_color(row: Worker) -> SemanticColor:
        return (
            SemanticColor.MUTED if row.health(time()) is WorkerHealth.ONLINE else health_color(row)
        )

    return (
        Column(
            "Worker",
            "worker",
            lambda row, _: worker_name(row.id),
            width=112,
            tooltip=lambda row, _: row.id,
        ),
        Column(
            "Health",
            "health",
            lambda row, now: HEALTH_LABELS[row.health(now)][0],
            width=96,
            color=health_color,
            glyph=lambda row: HEALTH_LABELS[row.health(time())][1],
            tooltip=lambda row, now: HEALTH_MEANINGS[row.health(now)],
            ticking=True,
        ),
        Column(
            "State",
            "work",
            lambda row, now: ACTIVITY_LABELS[activity_of(row, now)][0],
            width=104,
            color=lambda row: ACTIVITY_LABELS[activity_of(row, time())][2],
            glyph=lambda row: ACTIVITY_LABELS[activity_of(row, time())][1],
            tooltip=lambda row, now: ACTIVITY_MEANINGS[activity_of(row, now)],
            ticking=True,
        ),
        Column(
            "Host",
            "host",
            lambda row, _: row.host,
            width=120,
            color=lambda _: SemanticColor.MUTED,
            hide_below=980,
        ),
        _number("Pid", "pid", 74, lambda row: row.pid, whole, 1080),
        Column(
            "Slots busy",
            "slots",
            slots_words,
            width=124,
            align="right",
            mono=True,
            color=lambda _: SemanticColor.ACCENT,
            bar=slots_share,
            sort=lambda row: row.busy,
        ),
        Column("Running", "tasks", lambda row, _: task_names(row.tasks), width=160, stretch=True),
        _number("CPU", "cpu", 66, lambda row: row.cpu_percent, percent, 560),
        _number("Memory", "memory", 76, lambda row: row.rss_bytes, formats.size, 820),
        Column(
            "Log level",
            "log_level",
            lambda row, _: log_level_words(row),
            width=88,
            color=lambda row: SemanticColor.MUTED if row.control else SemanticColor.FAINT,
            tooltip=lambda row, _: (
                f"Logs from {row.log_level.lower()} on" if row.control else NO_CONTROL_MEANS
            ),
            hide_below=800,
        ),
        ago_column(lambda row: row.started_at, "Started", "started", hide_below=900),
        ago_column(
            lambda row: row.last_seen, "Heartbeat", "seen", color=heartbeat_color, hide_below=600
        ),
    )


def activity_of(row: Worker, now: float) -> WorkerActivity:
    """Return what a worker does; of one that is not there nobody knows."""
    return row.activity if row.health(now) in PRESENT else WorkerActivity.UNKNOWN


def log_level_words(row: Worker) -> str:
    """Return `info`, or that the worker takes no orders."""
    if not row.control:
        return "" if row.stopped else NO_CONTROL
    return row.log_level.lower()


def slots_words(row: Worker, _now: float) -> str:
    """Return `2 / 10`, nothing when it was not said."""
    if row.busy is None or row.stopped:
        return ""
    return f"{row.busy} / {row.slots}" if row.slots is not None else str(row.busy)


def slots_share(row: Worker) -> float | None:
    """Return how much of a worker is busy, 0 to 1, None when it was not said."""
    if row.busy is None or not row.slots or row.stopped:
        return None
    return row.busy / row.slots


@lru_cache(maxsize=1024)
def task_names(tasks: bytes) -> str:
    """Return the names of the tasks in a heartbeat, each with how often it is running."""
    counts: dict[str, int] = {}
    for task in msgspec.json.decode(tasks):
        name = task.get("task_name") if isinstance(task, dict) else task
        if isinstance(name, str):
            short = name.rpartition(":")[2][:100]
            counts[short] = counts.get(short, 0) + 1
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items())


def whole(value: float | None) -> str:
    """Return a whole number, nothing when it is not known."""
    return "" if value is None else f"{value:.0f}"


def percent(value: float | None) -> str:
    """Return `12 %`, nothing when it is not known."""
    return "" if value is None else f"{value:.0f} %"


def _number(
    title: str,
    key: str,
    width: int,
    value: Callable[[Worker], float | None],
    words: Callable[[float | None], str],
    hide_below: int = 0,
) -> Column[Worker]:
    return Column(
        title,
        key,
        lambda row, _: words(value(row)),
        width=width,
        align="right",
        mono=True,
        sort=value,
        hide_below=hide_below,
    )
