"""Columns that many tables have, so that a time or a run reads the same everywhere."""

from collections.abc import Callable
from typing import TypeVar

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.column import Column

RowT = TypeVar("RowT")

_SHOWN_ID = 12


def time_column(
    at: Callable[[RowT], float | None],
    title: str = "Time",
    key: str = "time",
    **options: int | bool,
) -> Column[RowT]:
    """Return a column with a clock time, the full time and how long ago in the tooltip."""

    def story(row: RowT, now: float) -> str:
        moment = at(row)
        return "" if moment is None else f"{formats.absolute(moment)}, {formats.ago(moment, now)}"

    return Column(
        title,
        key,
        lambda row, now: formats.clock(at(row), now),
        width=82,
        color=lambda _: SemanticColor.MUTED,
        sort=at,
        tooltip=story,
        **options,  # type: ignore[arg-type]
    )


def ago_column(
    at: Callable[[RowT], float | None],
    title: str,
    key: str,
    *,
    width: int = 96,
    color: Callable[[RowT], SemanticColor | None] | None = None,
    hide_below: int = 0,
) -> Column[RowT]:
    """Return a column that says how long ago something was, the full time in the tooltip."""
    return Column(
        title,
        key,
        lambda row, now: formats.ago(at(row), now),
        width=width,
        align="right",
        color=color or (lambda _: SemanticColor.MUTED),
        sort=at,
        tooltip=lambda row, _: formats.absolute(at(row)),
        ticking=True,
        hide_below=hide_below,
    )


def run_column(task_id: Callable[[RowT], str], *, hide_below: int = 0) -> Column[RowT]:
    """Return a column with the beginning of a task id, the whole in the tooltip."""
    return Column(
        "Run",
        "run",
        lambda row, _: task_id(row)[:_SHOWN_ID],
        width=112,
        mono=True,
        color=lambda _: SemanticColor.FAINT,
        tooltip=lambda row, _: task_id(row),
        hide_below=hide_below,
    )
