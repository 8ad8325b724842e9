"""Fields of rows: their names, the kind of their values, and how a row gives them."""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pulse_desktop.query.tokens import split_field

RowT = TypeVar("RowT")
RowT_contra = TypeVar("RowT_contra", contravariant=True)

Values = tuple[Any, ...]
"""The values of a field in one row; empty if the row does not have it."""


class FieldKind(enum.Enum):
    """The kind of a field's values, which says how they are compared."""

    TEXT = "text"
    """`:` finds a part of it"""
    CHOICE = "choice"
    """one of a few values"""
    ID = "id"
    """`:` finds the whole"""
    NUMBER = "number"
    DURATION = "duration"
    """seconds"""
    SIZE = "size"
    """bytes"""
    TIME = "time"
    """Unix seconds"""
    VALUE = "value"
    """any value of JSON"""


ORDERED = frozenset(
    {FieldKind.NUMBER, FieldKind.DURATION, FieldKind.SIZE, FieldKind.TIME, FieldKind.VALUE}
)
"""Kinds whose values can be compared with `>` and `<`."""


@dataclass(frozen=True)
class FieldIndex:
    """Where the values of a field are found without looking at the row.

    Attributes:
        column: name of the dictionary column that holds them, "" for none.
        from_column: returns the values of the field for a value of the column.
        in_payload: whether the values, if they are texts, stand as they are in the row's payload.
        is_task_id: whether they are the `task_id` in the row's payload.
        payload_path: for a key of a keyed field in the payload, the path to its values.
    """

    column: str = ""
    from_column: Callable[[str], Values] = lambda value: (value,)
    in_payload: bool = False
    is_task_id: bool = False
    payload_path: str = ""


@dataclass(frozen=True)
class Field(Generic[RowT_contra]):
    """A field that a query can name.

    Attributes:
        name: in a query; of a keyed field `args`, for `args.NAME`.
        kind: of its values.
        title: what it is, for completion.
        get: returns its values in a row at a time (Unix seconds). Text, or numbers in the unit of
            the kind.
        choices: canonical values by what may be typed for them, in small letters.
        bind: for a keyed field, returns the function `get` of a key.
        key_kind: for a keyed field, the kind of the values by key.
        index: where its values are found without looking at the row.
        time_dependent: whether its values change with time alone.
        is_free_text: whether the field is the free text of a row.
    """

    name: str
    kind: FieldKind
    title: str
    get: Callable[[RowT_contra, float], Values]
    choices: Mapping[str, str] = field(default_factory=dict)
    bind: Callable[[str], Callable[[RowT_contra, float], Values]] | None = None
    key_kind: FieldKind = FieldKind.VALUE
    index: FieldIndex = FieldIndex()
    time_dependent: bool = False
    is_free_text: bool = False

    @property
    def keyed(self) -> bool:
        """Whether it has values by key: `args.NAME`."""
        return self.bind is not None

    @property
    def ordered(self) -> bool:
        """Whether its values can be compared with `>` and `<`."""
        return self.kind in ORDERED


class TextPredicate(Protocol[RowT_contra]):
    """A predicate of free text."""

    def __call__(self, row: RowT_contra, /) -> bool:
        """Return whether a row contains it."""


class FieldSet(Generic[RowT_contra]):
    """The fields of one kind of rows.

    Attributes:
        fields: by name, in the order in which they are offered.
        fallback: name of the keyed field that an unknown name belongs to, "" for none.
        text_columns: dictionary columns whose values are part of the free text, with the function
            that returns the text of a value in small letters.
        text_in_payload: whether all else of the free text is in the payload of a row.
    """

    def __init__(
        self,
        fields: Iterable[Field[RowT_contra]],
        free_text: Callable[[RowT_contra], str],
        *,
        contains: Callable[[str], TextPredicate[RowT_contra]] | None = None,
        fallback: str = "",
        aliases: Mapping[str, str] | None = None,
        text_columns: Mapping[str, Callable[[str], str]] | None = None,
        text_in_payload: bool = False,
    ) -> None:
        """Describe the fields.

        Args:
            fields: in the order in which they are offered.
            free_text: returns the text of a row that words are searched for in, in small letters.
            contains: returns a test for a text in small letters, faster than searching `free_text`.
            fallback: name of the keyed field that an unknown name belongs to.
            aliases: other names of fields.
            text_columns: dictionary columns that are part of the free text.
            text_in_payload: whether all else of it is in the payload of a row.
        """
        self.fields: Mapping[str, Field[RowT_contra]] = {each.name: each for each in fields}
        self.fallback = fallback
        self.text_columns = text_columns or {}
        self.text_in_payload = text_in_payload
        self._free_text = free_text
        self._contains = contains
        self._aliases = aliases or {}

    def get(self, name: str) -> Field[RowT_contra] | None:
        """Return a field by name, `args.NAME` included; None if rows have no such field."""
        first, *rest = split_field(name)
        known = self.fields.get(first) or self.fields.get(self._aliases.get(first, ""))
        if known is None:
            fallback = self.fields.get(self.fallback)
            return None if fallback is None else _bound(fallback, name, [first, *rest])
        if not rest:
            return known
        return _bound(known, name, rest)

    def is_known(self, name: str) -> bool:
        """Return whether a name is that of a field, and not one of the fallback's keys."""
        first = split_field(name)[0]
        return first in self.fields or first in self._aliases

    def names(self) -> Sequence[str]:
        """Return the names of the fields in the order in which they are offered."""
        return tuple(self.fields)

    def free_text(self, row: RowT_contra) -> str:
        """Return the text of a row that words are searched for in, in small letters."""
        return self._free_text(row)

    def contains(self, text: str) -> TextPredicate[RowT_contra]:
        """Return a test whether the free text of a row contains a text in small letters."""
        if self._contains is not None:
            return self._contains(text)
        free_text = self._free_text
        return lambda row: text in free_text(row)


def _bound(base: Field[RowT_contra], name: str, path: Sequence[str]) -> Field[RowT_contra] | None:
    if base.bind is None:
        return None
    key = ".".join(path)
    in_payload = base.index.in_payload
    index = FieldIndex(in_payload=in_payload, payload_path=key if in_payload else "")
    return Field(name, base.key_kind, base.title, base.bind(key), index=index)
