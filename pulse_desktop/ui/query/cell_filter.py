"""Conditions that a cell of a table can be filtered by: only this, not this, this and more."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.query.amount_text import amount_text
from pulse_desktop.query.fields import Field, FieldKind, FieldSet
from pulse_desktop.query.query_edit import joined, with_condition
from pulse_desktop.query.quoting import argument_field, local_time_text, query_text
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import _

RowT = TypeVar("RowT")

_MAX_SHOWN: Final = 40
_MAX_VALUE: Final = 500
"""Longer values make a query that nobody can read."""
_AMOUNTS: Final = frozenset({FieldKind.NUMBER, FieldKind.DURATION, FieldKind.SIZE})


@dataclass(frozen=True, slots=True)
class CellCondition:
    """A condition that can be added to a query.

    Attributes:
        title: for a menu, such as `Only this: task embed_messages`.
        label: the same without what it does, such as `task embed_messages`.
        apply: returns a query with the condition added.
        negated: whether it excludes what it names.
    """

    title: str
    label: str
    apply: Callable[[str], str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class CellValue:
    """A value of a row that it can be filtered by.

    Attributes:
        field: name of the query field.
        kind: of the values of the field.
        value: as in the row.
        title: what the field is called.
        shown: the value as shown, if that differs.
    """

    field: str
    kind: FieldKind
    value: Any
    title: str
    shown: str = ""

    @property
    def label(self) -> str:
        """The value with the name of its field, short enough for a menu."""
        return f"{self.title} {self.text}" if self.title else self.text

    @property
    def text(self) -> str:
        """The value, short enough for a menu."""
        text = printable_cell(self.shown or query_text(self.value))
        return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def values_of_field(
    found: Field[RowT] | None, row: RowT, now: float, *, title: str, shown: str
) -> Sequence[CellValue]:
    """Return the values of a field in a row: usually one.

    Args:
        found: the field, None if there is none.
        row: the row.
        now: Unix seconds.
        title: of the column.
        shown: text of the cell.
    """
    if found is None or found.keyed:
        return ()
    values = found.get(row, now)[:1]
    if found.kind is FieldKind.CHOICE:
        shown = ""  # a state is shown with its progress
    return [CellValue(found.name, found.kind, value, title, shown) for value in values]


def values_of_arguments(
    fields: FieldSet[Any],
    args: Sequence[Any],
    kwargs: Iterable[tuple[str, Any]],
    names: Sequence[str],
) -> Sequence[CellValue]:
    """Return each argument of a call that has a name or a number.

    Args:
        fields: of the rows.
        args: positional arguments.
        kwargs: keyword arguments.
        names: of the positional arguments, as far as they are known.
    """
    named = [
        (names[number] if number < len(names) else str(number), value)
        for number, value in enumerate(args)
    ]
    result = []
    for name, value in (*named, *kwargs):
        if isinstance(value, dict | list):
            continue
        field = argument_field(name, fields.is_known)
        shown = to_json(value)
        result.append(CellValue(field, FieldKind.VALUE, value, f"{field} =", shown))
    return result


def cell_conditions(value: CellValue) -> Sequence[CellCondition]:
    """Return the conditions that a value offers."""
    if value.kind is FieldKind.TIME:
        return _time_conditions(value)
    if value.kind in _AMOUNTS:
        low, high = (amount_text(value.value, value.kind, is_end=end) for end in (False, True))
        if not low or not high:
            return ()
        return [
            _comparison(value, ">=", low, _("This and more: {value}"), "≥"),
            _comparison(value, "<=", high, _("This and less: {value}"), "≤"),
        ]
    text = query_text(value.value)
    if len(text) > _MAX_VALUE:
        return ()
    return [
        CellCondition(
            _("Only this: {value}").format(value=value.label),
            value.label,
            lambda query: with_condition(query, value.field, text),
        ),
        CellCondition(
            _("Not this: {value}").format(value=value.label),
            value.label,
            lambda query: with_condition(query, value.field, text, negated=True),
            negated=True,
        ),
    ]


def _time_conditions(value: CellValue) -> Sequence[CellCondition]:
    try:
        start, end = local_time_text(value.value), local_time_text(value.value, is_end=True)
    except (OverflowError, OSError, ValueError, TypeError):
        return ()
    return [
        _comparison(value, ">=", start, _("From here on: {value}"), "≥"),
        _comparison(value, "<=", end, _("Until here: {value}"), "≤"),
    ]


def _comparison(
    value: CellValue, operator: str, amount: str, title: str, sign: str
) -> CellCondition:
    condition = f"{value.field}{operator}{amount}"
    label = f"{value.title} {sign} {value.text}"
    return CellCondition(
        title.format(value=value.label), label, lambda query: joined(query, condition)
    )
