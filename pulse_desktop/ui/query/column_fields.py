"""Query fields of a table whose rows have no fields of their own: what its columns show.

What an operator sees in a column can be typed: the key of the column, and the text of a cell, or
its number, duration, size or time.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pulse_desktop.query.fields import Field, FieldKind, FieldSet, TextTest, Values
from pulse_desktop.ui.table.column import Column

RowT = TypeVar("RowT")

_ORDERED = frozenset({FieldKind.NUMBER, FieldKind.DURATION, FieldKind.SIZE, FieldKind.TIME})


def column_fields(
    columns: Iterable[Column[RowT]],
    search_text: Callable[[RowT], str],
    contains: Callable[[str], TextTest[RowT]] | None = None,
) -> FieldSet[RowT]:
    """Return the fields of the columns of a table.

    Args:
        columns: of the table.
        search_text: returns the text of a row that words are searched for in.
        contains: returns a test for a casefolded text, faster than searching that text.
    """
    return FieldSet(
        (_field(column) for column in columns),
        lambda row: search_text(row).casefold(),
        contains=contains,
    )


def column_kind(column: Column[Any]) -> FieldKind:
    """Return the kind of the values that a column shows."""
    if column.kind is not None:
        return column.kind
    if column.is_time:
        return FieldKind.TIME
    if column.sort is not None and column.align == "right":
        return FieldKind.NUMBER
    return FieldKind.TEXT


def _field(column: Column[RowT]) -> Field[RowT]:
    kind = column_kind(column)
    get = _amounts(column) if kind in _ORDERED else _texts(column)
    return Field(column.field or column.key, kind, column.title, get, ticking=column.ticking)


def _texts(column: Column[RowT]) -> Callable[[RowT, float], Values]:
    values, text = column.values, column.text
    if values is not None:
        return lambda row, _now: values(row)

    def get(row: RowT, now: float) -> Values:
        shown = text(row, now)
        return (shown,) if shown else ()

    return get


def _amounts(column: Column[RowT]) -> Callable[[RowT, float], Values]:
    amount = column.sort

    def get(row: RowT, _now: float) -> Values:
        found = amount(row) if amount is not None else None
        return (found,) if isinstance(found, int | float) else ()

    return get
