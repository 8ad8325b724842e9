"""Compile a query for rows of one kind: a test per row, and masks over columns."""

import difflib
from typing import TYPE_CHECKING, Any, Generic

from pulse_desktop.query.conditions import (
    BY_FIELD,
    BY_SEARCH,
    AndCondition,
    Block,
    ColumnCondition,
    Condition,
    NotCondition,
    OrCondition,
    PayloadCondition,
    TextCondition,
    WildcardCondition,
)
from pulse_desktop.query.dictionary_columns import DictionaryColumns
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.field_predicates import literal_texts, value_predicate
from pulse_desktop.query.fields import Field, FieldKind, FieldSet, RowT_contra
from pulse_desktop.query.json_search import JsonSearch
from pulse_desktop.query.json_value_search import JsonValueSearch, is_searchable
from pulse_desktop.query.predicates import ANY, EQUAL, ValuePredicate, wildcard_predicate
from pulse_desktop.query.quoting import keyed_field
from pulse_desktop.query.syntax import And, Comparison, FreeText, Node, Not, Or, Query, Value
from pulse_desktop.query.tokens import split_field
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Matcher(Generic[RowT_contra]):
    """A compiled query.

    Attributes:
        accepts: returns whether a row matches.
        active: whether the query has any condition.
        searches: whether deciding rows by their columns searches payloads, which takes longer.
        time_dependent: whether the rows that match change with time alone.
    """

    def __init__(
        self,
        root: Condition[RowT_contra] | None,
        *,
        time_dependent: bool,
        searches: bool = False,
    ) -> None:
        self.accepts: Callable[[RowT_contra], bool] = _always if root is None else root.accepts
        self.active = root is not None
        self.searches = searches
        self.time_dependent = time_dependent
        self._root = root

    def candidates(self, columns: DictionaryColumns, start: int, stop: int) -> bytes | None:
        """Decide as much as dictionary columns tell about rows.

        Args:
            columns: of the rows.
            start: position of the first row.
            stop: position after the last row; all rows between exist.

        Returns:
            One byte per row, `NO`, `UNDECIDED` or `YES`; None if the columns tell nothing.
        """
        if self._root is None or not self._root.has_masks or start >= stop:
            return None
        block = Block(columns, start, stop)
        possible, certain = self._root.masks(block)
        if possible == block.ones and not certain:
            return None
        return (possible + certain).to_bytes(block.size, "little")


def compile_query(query: Query, fields: FieldSet[RowT_contra], now: float) -> Matcher[RowT_contra]:
    """Compile a query for rows.

    Args:
        query: the query.
        fields: of the rows.
        now: Unix seconds, from which relative times count.

    Raises:
        QueryError: a field, operator or value does not suit the rows.
    """
    return compile_all((query,), fields, now)


def compile_all(
    queries: "Sequence[Query]", fields: FieldSet[RowT_contra], now: float
) -> Matcher[RowT_contra]:
    """Compile several queries for the rows that match all of them.

    Args:
        queries: the queries. Together they may be longer than a query can be.
        fields: of the rows.
        now: Unix seconds, from which relative times count.

    Raises:
        QueryError: a field, operator or value does not suit the rows.
    """
    compiler = _Compiler(fields, now)
    roots = [compiler.compile(each.root) for each in queries if each.root is not None]
    root = AndCondition(roots) if len(roots) > 1 else roots[0] if roots else None
    return Matcher(root, time_dependent=compiler.time_dependent, searches=compiler.searches)


def argument_condition(node: Comparison | FreeText, fields: FieldSet[Any]) -> str:
    """Return a condition on a field as one on the argument of the same name.

    A row shows its argument as `size=3`, which asks for the field `size` where there is one.

    Returns:
        The condition, empty if the rows have no arguments or the name is not that of a field.
    """
    if not isinstance(node, Comparison) or not fields.fallback:
        return ""
    names = split_field(node.field)
    field = fields.get(names[0])
    if not fields.is_known(node.field) or field is None or field.keyed or field.is_free_text:
        return ""
    rest = node.source[node.field_end - node.field_start :]
    return f"{keyed_field(fields.fallback, names[0])}{rest}"


def _always(_row: Any) -> bool:
    return True


class _Compiler(Generic[RowT_contra]):
    """Compiles the nodes of one query."""

    def __init__(self, fields: FieldSet[RowT_contra], now: float) -> None:
        self._fields = fields
        self._now = now
        self.time_dependent = False
        self.searches = False

    def compile(self, node: Node) -> Condition[RowT_contra]:
        match node:
            case And(operands):
                return AndCondition([self.compile(each) for each in operands])
            case Or(operands):
                return OrCondition([self.compile(each) for each in operands])
            case Not(operand):
                return NotCondition(self.compile(operand))
            case FreeText(text, quoted):
                return self._free_text(text, quoted=quoted)
            case Comparison():
                found = self._comparison(node)
                return NotCondition(found) if node.operator == "!=" else found

    def _free_text(self, text: str, *, quoted: bool) -> Condition[RowT_contra]:
        fields, text = self._fields, text.casefold()
        wildcard = None if quoted else wildcard_predicate(text, whole=False)
        if wildcard is not None:
            free_text = fields.free_text
            parts = [part for part in text.split(ANY) if part]
            self.searches |= fields.text_in_payload and bool(parts)
            return WildcardCondition(lambda row: wildcard(free_text(row)), parts, fields)
        self.searches |= fields.text_in_payload
        return TextCondition(fields.contains(text), text, fields)

    def _comparison(self, node: Comparison) -> Condition[RowT_contra]:
        field = self._fields.get(node.field)
        if field is None:
            raise self._unknown_field(node)
        if field.is_free_text:
            return self._text_comparison(node)
        try:
            test, time_dependent = value_predicate(node, field, self._now)
        except QueryError as error:
            raise self._with_argument(error, node) from None
        self.time_dependent |= time_dependent or field.time_dependent
        found = self._field_condition(field, test)
        numbers = field.kind is not FieldKind.VALUE
        index = field.index
        texts = literal_texts(node, numbers=numbers) if index.in_payload else None
        if texts is not None:
            self.searches = True
            searches = [JsonSearch(text, is_task_id=index.is_task_id) for text in texts]
            found = PayloadCondition(found.accepts, searches)
        elif index.payload_path and is_searchable(index.payload_path):
            self.searches = True
            key = index.payload_path.rpartition(".")[2]
            found = PayloadCondition(found.accepts, [JsonValueSearch(key, test)])
        value = node.values[0]
        if (
            node.operator == ":"
            and not self._fields.is_known(node.field)
            and len(node.values) == 1
            and isinstance(value, Value)
            and not value.quoted
        ):
            # `shop.mail:send` is more likely a part of some text than an argument `shop.mail`.
            return OrCondition([found, self._free_text(node.source, quoted=False)])
        return found

    def _with_argument(self, error: QueryError, node: Comparison) -> QueryError:
        """Return an error that also names the argument: rows show it like a condition with `=`."""
        condition = argument_condition(node, self._fields) if node.operator == "=" else ""
        if not condition:
            return error
        message = _("{problem}. An argument: {condition}")
        message = message.format(problem=error.message, condition=condition)
        return QueryError(message, error.start, error.end)

    def _field_condition(
        self, field: Field[RowT_contra], test: ValuePredicate
    ) -> Condition[RowT_contra]:
        get, now = field.get, self._now

        def accepts(row: RowT_contra) -> bool:
            for value in get(row, now):  # noqa: SIM110  a generator would double the time
                if test(value):
                    return True
            return False

        index = field.index
        if not index.column:
            return Condition(accepts, BY_SEARCH if "." in field.name else BY_FIELD)
        values = index.from_column
        return ColumnCondition(accepts, index.column, lambda value: any(map(test, values(value))))

    def _text_comparison(self, node: Comparison) -> Condition[RowT_contra]:
        conditions = []
        for value in node.values:
            if not isinstance(value, Value):
                message = _("“{field}” has no ranges").format(field=node.field)
                raise QueryError(message, node.field_end, node.values[-1].end)
            if node.operator not in EQUAL:
                message = _("“{field}” is searched for words: use :").format(field=node.field)
                raise QueryError(message, node.field_end, node.values[-1].end)
            conditions.append(self._free_text(value.text, quoted=value.quoted))
        return conditions[0] if len(conditions) == 1 else OrCondition(conditions)

    def _unknown_field(self, node: Comparison) -> QueryError:
        close = difflib.get_close_matches(node.field, self._fields.names(), 1)
        if close:
            message = _("There is no field “{name}”. Did you mean “{close}”?")
            message = message.format(name=node.field, close=close[0])
        else:
            message = _("There is no field “{name}”. Put it in quotes to search for the text")
            message = message.format(name=node.field)
        return QueryError(message, node.field_start, node.field_end)
