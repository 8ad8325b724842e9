"""The syntax tree of a query.

Every node knows its place in the text. Brackets around it are a part of it: the text from `start`
to `end` is a query of its own, with the same meaning.
"""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_LENGTH = 2_048
"""Characters of a query."""
MAX_TOKENS = 128
MAX_DEPTH = 32
"""Levels of brackets and negations."""
QUERY_VERSION = 1
"""Version of the language, stored with every saved query. Its meaning never changes."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value as typed.

    Attributes:
        text: the value, without quotes and escapes.
        quoted: whether it was quoted: `*` and `..` in it then stand for themselves.
        start: index of its first character in the query.
        end: index after its last character.
    """

    text: str
    quoted: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ValueRange:
    """A range `low..high` with a quoted end; an unquoted one is a `Value` whose text has `..`.

    Attributes:
        low: lower end, None if it has none.
        high: upper end, None if it has none.
        start: index of its first character in the query.
        end: index after its last character.
    """

    low: Value | None
    high: Value | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field, an operator and the values of which one has to fit.

    Attributes:
        field: name as typed, such as `args.language`.
        operator: `:`, `=`, `!=`, `>`, `>=`, `<` or `<=`.
        values: at least one.
        source: the comparison as typed, without brackets around it.
        start: index of its first character in the query.
        end: index after its last character.
        field_start: index of the name of the field.
        field_end: index after the name of the field.
    """

    field: str
    operator: str
    values: tuple[Value | ValueRange, ...]
    source: str
    start: int
    end: int
    field_start: int
    field_end: int


@dataclass(frozen=True, slots=True)
class FreeText:
    """A word or quoted phrase that is searched for in the text of a row."""

    text: str
    quoted: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Not:
    """The rows that an operand does not match."""

    operand: "Node"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class And:
    """The rows that all operands match."""

    operands: "tuple[Node, ...]"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Or:
    """The rows that any operand matches."""

    operands: "tuple[Node, ...]"
    start: int
    end: int


Node = Comparison | FreeText | Not | And | Or


def field_names(query: "Query") -> frozenset[str]:
    """Return the names of the fields that a query compares, as typed."""
    return frozenset(each.field for each, _negated in comparisons(query))


def comparisons(query: "Query") -> Iterator[tuple[Comparison, bool]]:
    """Iterate over the comparisons of a query, each with whether it is negated."""
    nodes = [] if query.root is None else [(query.root, False)]
    while nodes:
        node, negated = nodes.pop()
        match node:
            case And(operands) | Or(operands):
                nodes += ((each, negated) for each in operands)
            case Not(operand):
                nodes.append((operand, not negated))
            case Comparison():
                yield node, negated != (node.operator == "!=")


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query.

    Attributes:
        text: as typed.
        root: None if it has no condition.
    """

    text: str
    root: Node | None

    @property
    def active(self) -> bool:
        """Whether the query has any condition."""
        return self.root is not None
