"""Column factories and colors that many tables share."""

from collections.abc import Callable
from typing import TypeVar

from pulse_desktop.state.serialize import rounded_seconds, utc_text
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.column import Column

RowT = TypeVar("RowT")


def muted(_row: object) -> SemanticColor:
    """Return the color of secondary text, the same for every row."""
    return SemanticColor.MUTED


def faint(_row: object) -> SemanticColor:
    """Return the color of text that is rarely read, the same for every row."""
    return SemanticColor.FAINT


def exact_time(at: Callable[[RowT], float | None]) -> Callable[[RowT], str | None]:
    """Return a function that returns the time of a row for export: ISO 8601, None if unknown.

    Args:
        at: returns the time of a row, Unix seconds, None when it is unknown.
    """
    return lambda row: utc_text(at(row))


def exact_seconds(value: Callable[[RowT], float | None]) -> Callable[[RowT], float | None]:
    """Return a function that returns the duration of a row for export, None if unknown.

    Args:
        value: returns the seconds of a row, None when they are unknown.
    """
    return lambda row: rounded_seconds(value(row))


def time_column(
    at: Callable[[RowT], float | None],
    title: str,
    key: str,
    *,
    hide_below: int = 0,
) -> Column[RowT]:
    """Return a column with a clock time in milliseconds; the tooltip has the full time and the age.

    Args:
        at: returns the time of a row, Unix seconds, None when it is unknown.
        title: of the column.
        key: of the column.
        hide_below: table width in pixels below which the column is hidden.
    """

    def tooltip(row: RowT, now: float) -> str:
        moment = at(row)
        if moment is None:
            return ""
        return _("{time}, {age}").format(
            time=formats.absolute(moment), age=formats.ago(moment, now)
        )

    return Column(
        title,
        key,
        lambda row, now: formats.clock(at(row), now, precise=True),
        width=104,
        color=muted,
        sort=at,
        tooltip=tooltip,
        hide_below=hide_below,
        is_time=True,
        exact=exact_time(at),
    )


def ago_column(
    at: Callable[[RowT], float | None],
    title: str,
    key: str,
    *,
    color: Callable[[RowT], SemanticColor | None] = muted,
    hide_below: int = 0,
) -> Column[RowT]:
    """Return a column with the age of something, such as "2 min ago"; full time in the tooltip.

    Args:
        at: returns the time of a row, Unix seconds, None when it is unknown.
        title: of the column.
        key: of the column.
        color: returns the color of a row's cell.
        hide_below: table width in pixels below which the column is hidden.
    """
    return Column(
        title,
        key,
        lambda row, now: formats.ago(at(row), now),
        width=96,
        align="right",
        color=color,
        sort=at,
        tooltip=lambda row, _now: formats.absolute(at(row)),
        time_dependent=True,
        hide_below=hide_below,
        exact=exact_time(at),
    )


def number_column(
    value: Callable[[RowT], float | None],
    title: str,
    key: str,
    width: int,
    *,
    text: Callable[[float | None], str] = formats.count,
    hide_below: int = 0,
) -> Column[RowT]:
    """Return a column with a number, aligned right and sorted by its value.

    Args:
        value: returns the number of a row, None when it is unknown.
        title: of the column.
        key: of the column.
        width: in pixels.
        text: formats the number; None gives an empty text.
        hide_below: table width in pixels below which the column is hidden.
    """
    return Column(
        title,
        key,
        lambda row, _now: text(value(row)),
        width=width,
        align="right",
        mono=True,
        sort=value,
        hide_below=hide_below,
        exact=value,
    )
