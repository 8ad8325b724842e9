"""Values and fields that the rows of several pages share."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pulse_desktop.query.fields import Field, FieldIndex, FieldKind, Values
from pulse_desktop.text.translation import _

RowT = TypeVar("RowT")

_FLAGS = {"true": "true", "yes": "true", "1": "true", "false": "false", "no": "false", "0": "false"}


def text_values(text: str) -> Values:
    """Return a text as the only value, none if it is empty."""
    return (text,) if text else ()


def number_values(value: float | None) -> Values:
    """Return a number as the only value, none if it is unknown."""
    return () if value is None else (value,)


def name_values(name: str) -> Values:
    """Return a name on the wire as it is, and with spaces as it is shown: `weak_signal`."""
    if not name:
        return ()
    return tuple(dict.fromkeys((name, name.replace("_", " "))))


def dictionary_field(
    name: str,
    kind: FieldKind,
    title: str,
    attribute: str,
    values: Callable[[str], Values],
) -> Field[Any]:
    """Return a field whose values follow from one attribute, which has a dictionary column.

    Args:
        name: in a query, and of the column.
        kind: of its values.
        title: what it is, for completion.
        attribute: of a row.
        values: returns the values of the field for the attribute.
    """
    value_of = operator.attrgetter(attribute)

    def get(row: object, _now: float) -> Values:
        return values(value_of(row))

    return Field(name, kind, title, get, index=FieldIndex(name, values))


def free_text_field(text_of: Callable[[RowT], str]) -> Field[RowT]:
    """Return the field `text`, which stands for the free text of a row.

    Args:
        text_of: returns the free text of a row.
    """
    title = _("Any text")
    return Field(
        "text", FieldKind.TEXT, title, lambda row, _now: (text_of(row),), is_free_text=True
    )


def flag(
    name: str,
    title: str,
    test: Callable[[RowT, float], bool | None],
    *,
    time_dependent: bool = False,
) -> Field[RowT]:
    """Return a field that is `true` or `false`; a row has none where the test returns None.

    Args:
        name: in a query.
        title: what it is, for completion.
        test: of a row at a time, Unix seconds.
        time_dependent: whether it changes with time alone.
    """

    def get(row: RowT, now: float) -> Values:
        found = test(row, now)
        return () if found is None else ("true" if found else "false",)

    return Field(name, FieldKind.CHOICE, title, get, _FLAGS, time_dependent=time_dependent)


def choices(labels: Mapping[str, str], other: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return what may be typed for the values of a choice.

    A stable name keeps its meaning in every language: a translated label never replaces one.

    Args:
        labels: the words of the window by stable name.
        other: stable names by further words.
    """
    typed = {name: name for name in labels}
    for word, name in (*(other or {}).items(), *((label, name) for name, label in labels.items())):
        typed.setdefault(word.casefold(), name)
    return typed
