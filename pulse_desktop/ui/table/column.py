"""Column descriptions: a page lists its columns as data and needs no table model of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pulse_desktop.text.semantic_color import SemanticColor

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Column(Generic[RowT]):
    """One column of a live table.

    Attributes:
        title: header text, sentence case.
        key: identifier under which width, order and visibility are saved. Never translated.
        text: returns the text of a cell; the float is the current time, Unix seconds.
        width: initial width in device-independent pixels.
        align: "right" for numbers.
        mono: whether to use the monospaced font, for numbers, identifiers and code.
        color: returns the color of a cell, None for ordinary text.
        glyph: returns one character drawn before the text, so that color is never the only cue.
        sort: returns the sort key of a row; without it the text is used. Rows with the key None
            are always last.
        tooltip: returns the tooltip; without it the full text is shown when it was cut.
        stretch: whether the column takes the remaining width. One column of a table should.
        hidden: whether the column is hidden by default.
        time_dependent: whether the text changes with time although the row does not.
        hide_below: table width in pixels below which the column is hidden, 0 for never.
        crowded_below: table width below which it makes room for the columns that matter most at
            the time (`ColumnLayout.set_favored`), 0 for never.
        is_time: whether it is a time, which is sorted with the newest first. Rows that are not
            sorted are in the order of arrival, and thus only roughly in that of a time: a history
            arrives from several streams.
        bars: returns the values of a small histogram, which is painted instead of the text.
        bar: returns the fraction (0 to 1) drawn as a small bar after the text, None for no bar.
        field: name of the query field that a cell can be filtered by, empty for the key.
        exact: returns the JSON-ready value that is exported: a time as ISO 8601 in UTC, a duration
            in seconds, a size in bytes, None for what is unknown. Without it the text is exported,
            and bars are not.
    """

    title: str
    key: str
    text: Callable[[RowT, float], str]
    width: int = 120
    align: Literal["left", "right"] = "left"
    mono: bool = False
    color: Callable[[RowT], SemanticColor | None] | None = None
    glyph: Callable[[RowT], str] | None = None
    sort: Callable[[RowT], Any] | None = None
    tooltip: Callable[[RowT, float], str] | None = None
    stretch: bool = False
    hidden: bool = False
    time_dependent: bool = False
    hide_below: int = 0
    crowded_below: int = 0
    is_time: bool = False
    bars: Callable[[RowT], Sequence[int]] | None = None
    bar: Callable[[RowT], float | None] | None = None
    field: str = ""
    exact: Callable[[RowT], Any] | None = None
