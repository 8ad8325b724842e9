"""Why nothing matches a query: what never occurs, and which condition hides how many rows."""

import difflib
import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Generic

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.fields import Field, FieldKind, FieldSet, RowT_contra
from pulse_desktop.query.matcher import argument_condition, compile_query
from pulse_desktop.query.parser import parse
from pulse_desktop.query.quoting import query_text
from pulse_desktop.query.syntax import And, Comparison, FreeText, Node, Not, Or, Query, Value
from pulse_desktop.query.tokens import split_field

MAX_ROWS: Final = 50_000
"""Newest rows that are looked at to explain why nothing matches."""
MAX_REASONS: Final = 2
"""Reasons that are shown."""
_MAX_NAMES: Final = 1_000
"""Different names and values that are remembered for a suggestion."""
_MAX_LENGTH: Final = 200
_CLOSE: Final = 0.7
_COMPARED: Final = frozenset({FieldKind.TEXT, FieldKind.CHOICE, FieldKind.ID, FieldKind.VALUE})


class Reason(enum.Enum):
    """Why nothing matches."""

    FIELD_NEVER = "field"
    """no row has the field"""
    VALUE_NEVER = "value"
    """rows have the field, and none has the value"""
    TEXT_NEVER = "text"
    """no row contains the text"""
    ARGUMENT = "argument"
    """no row has the value in the field, and some have it in an argument of the same name"""
    HIDES = "hides"
    """rows match all the rest"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason why nothing matches.

    Attributes:
        reason: the kind of reason.
        condition: the condition as typed, or the name of a test beside the query.
        count: of `HIDES`, how many rows match without the condition.
        close: a name or value that occurs and is much like what was typed, empty for none; of
            `ARGUMENT`, the condition on the argument.
        title: of `ARGUMENT`, what the field is.
    """

    reason: Reason
    condition: str
    count: int = 0
    close: str = ""
    title: str = ""


class Explainer(Generic[RowT_contra]):
    """Finds out why no row matches a query, some rows at a time.

    Attributes:
        matching: number of rows that match after all.
    """

    def __init__(
        self,
        query: Query,
        fields: FieldSet[RowT_contra],
        now: float,
        *,
        others: Mapping[str, Callable[[Any], bool]] | None = None,
        keys: Callable[[str, Any], Iterable[str]] | None = None,
    ) -> None:
        """Prepare for a query.

        Args:
            query: a query that can be compiled.
            fields: of the rows.
            now: Unix seconds.
            others: tests that rows have to pass besides, by name: a time range, for example.
            keys: returns the names in a keyed field of a row.

        Raises:
            QueryError: the query does not suit the fields.
        """
        root = query.root
        nodes = root.operands if isinstance(root, And) else () if root is None else (root,)
        self._conditions: list[tuple[str, Callable[[RowT_contra], bool]]] = [
            (query.text[each.start : each.end], _compiled(each, query, fields, now))
            for each in nodes
        ]
        self._conditions += (others or {}).items()
        self._hidden = [0] * len(self._conditions)
        self._nodes = nodes
        self._leaves = {
            node: _Leaf(node, _compiled(node, query, fields, now), fields, now)
            for each in nodes
            for node in _leaves(each)
        }
        self._now = now
        self._keys = keys
        self.matching = 0

    def look_at(self, rows: Iterable[RowT_contra]) -> None:
        """Look at some rows."""
        conditions, hidden, now = self._conditions, self._hidden, self._now
        for row in rows:
            failed = -1
            for index, (_text, accepts) in enumerate(conditions):
                if not accepts(row):
                    if failed >= 0:
                        break
                    failed = index
            else:
                if failed >= 0:
                    hidden[failed] += 1
                else:
                    self.matching += 1
            for leaf in self._leaves.values():
                if not leaf.matched:
                    leaf.look_at(row, now, self._keys)

    def explanations(self) -> list[Explanation]:
        """Return the reasons found, the most useful first; none if rows match."""
        if self.matching:
            return []
        found = [
            explanation
            for node in self._nodes
            for leaf in self._never_matched(node)
            for explanation in leaf.explanations()
        ]
        hiding = sorted(zip(self._hidden, self._conditions, strict=True), key=lambda e: -e[0])
        if len(self._conditions) > 1:
            found += [
                Explanation(Reason.HIDES, text, count) for count, (text, _test) in hiding if count
            ]
        return found

    def _never_matched(self, node: Node) -> "list[_Leaf[RowT_contra]]":
        """Return the conditions because of which a node matches no row, none if it may match."""
        match node:
            case And(operands):
                return [leaf for each in operands for leaf in self._never_matched(each)]
            case Or(operands):
                found = list(map(self._never_matched, operands))
                return list(chain.from_iterable(found)) if all(found) else []
            case Comparison() | FreeText():
                leaf = self._leaves.get(node)
                return [leaf] if leaf is not None and not leaf.matched else []
            case Not():
                return []


class _Leaf(Generic[RowT_contra]):
    """A condition on one field, or a free text."""

    def __init__(
        self,
        node: Comparison | FreeText,
        accepts: Callable[[RowT_contra], bool],
        fields: FieldSet[RowT_contra],
        now: float,
    ) -> None:
        self.matched = False
        self._node = node
        self._accepts = accepts
        self._field: Field[RowT_contra] | None = None
        self._base = ""
        self._has_field = False
        self._values: dict[str, None] = {}
        self._names: dict[str, None] = {}
        self._argument = argument_condition(node, fields)
        self._is_in_argument: Callable[[RowT_contra], bool] | None = None
        self._found_in_argument = False
        if self._argument:
            try:
                in_argument = compile_query(parse(self._argument), fields, now)
            except QueryError:  # it is too long by now
                self._argument = ""
            else:
                self._is_in_argument = in_argument.accepts
        if isinstance(node, Comparison):
            self._field = fields.get(node.field)
            first = split_field(node.field)[0]
            base = first if fields.is_known(node.field) else fields.fallback
            known = fields.fields.get(base)
            self._base = base if known is not None and known.keyed else ""

    def look_at(
        self,
        row: RowT_contra,
        now: float,
        keys: Callable[[str, Any], Iterable[str]] | None,
    ) -> None:
        """Look at a row, until one matches."""
        if self._accepts(row):
            self.matched = True
            return
        if self._is_in_argument is not None and not self._found_in_argument:
            self._found_in_argument = self._is_in_argument(row)
        field = self._field
        if field is None or field.is_free_text:
            return
        values = field.get(row, now)
        if values:
            self._has_field = True
            if field.kind in _COMPARED and len(self._values) < _MAX_NAMES:
                texts = (query_text(each)[:_MAX_LENGTH] for each in values)
                self._values.update(dict.fromkeys(islice(texts, _MAX_NAMES)))
        elif self._base and keys is not None and len(self._names) < _MAX_NAMES:
            self._names.update(dict.fromkeys(keys(self._base, row)))

    def explanations(self) -> list[Explanation]:
        """Return why the condition matches nothing; one explanation for each text of `text:a,b`."""
        node = self._node
        if isinstance(node, FreeText):
            return [Explanation(Reason.TEXT_NEVER, node.text)]
        if self._field is not None and self._field.is_free_text:
            texts = [each.text for each in node.values if isinstance(each, Value)]
            return [Explanation(Reason.TEXT_NEVER, text) for text in texts]
        if self._field is not None and self._found_in_argument:
            title = self._field.title
            return [Explanation(Reason.ARGUMENT, node.source, close=self._argument, title=title)]
        if not self._has_field:
            close = _closest(split_field(node.field)[-1], self._names)
            return [Explanation(Reason.FIELD_NEVER, node.field, close=close)]
        first = node.values[0]
        typed = first.text if isinstance(first, Value) and len(node.values) == 1 else ""
        return [Explanation(Reason.VALUE_NEVER, node.source, close=_closest(typed, self._values))]


def _leaves(node: Node) -> Iterator[Comparison | FreeText]:
    """Yield the conditions that are not negated."""
    match node:
        case And(operands) | Or(operands):
            for each in operands:
                yield from _leaves(each)
        case Comparison() if node.operator != "!=":
            yield node
        case FreeText():
            yield node
        case Not() | Comparison():
            pass


def _closest(typed: str, known: Iterable[str]) -> str:
    """Return the known text that is most like a typed one, empty if none is much like it."""
    if not typed:
        return ""
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(typed.casefold(), by_folded, 1, _CLOSE)
    return by_folded[close[0]] if close else ""


def _compiled(
    node: Node, query: Query, fields: FieldSet[RowT_contra], now: float
) -> Callable[[Any], bool]:
    return compile_query(Query(query.text, node), fields, now).accepts
