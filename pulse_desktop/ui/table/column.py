"""What a table shows, as data: a page describes its columns and writes no model of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pulse_desktop.text.semantic_color import SemanticColor

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Column(Generic[RowT]):
    """One column of a live table.

    Attributes:
        title: header, sentence case.
        key: short name under which width, order and visibility are remembered.
        value: text of a cell; the float is now, Unix seconds.
        width: in device-independent pixels.
        align: numbers go right.
        mono: monospaced, for numbers, identifiers and code.
        color: what the cell means, None for ordinary text.
        glyph: one character drawn before the text, so that a state is never told by colour alone.
        sort: key to sort by; None sorts by the text. Rows whose key is None stay last.
        tooltip: the whole story; the text itself when None.
        stretch: takes the room that is left. One column of a table should.
        hidden: not shown until the operator asks for it.
        ticking: the text changes as time passes, though the row does not.
        hide_below: width of the table in pixels under which the column gives way, 0 for never.
        bar: share of a whole (0 to 1) drawn as a small bar after the text, None for no bar.
    """

    title: str
    key: str
    value: Callable[[RowT, float], str]
    width: int = 120
    align: Literal["left", "right"] = "left"
    mono: bool = False
    color: Callable[[RowT], SemanticColor | None] | None = None
    glyph: Callable[[RowT], str] | None = None
    sort: Callable[[RowT], Any] | None = None
    tooltip: Callable[[RowT, float], str] | None = None
    stretch: bool = False
    hidden: bool = False
    ticking: bool = False
    hide_below: int = 0
    bar: Callable[[RowT], float | None] | None = None
