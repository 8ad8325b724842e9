"""Compile a query for rows of one kind: a test per row, and masks over coded columns.

A condition on a coded column is decided for all rows at once: `bytes.translate` turns codes into
ones and zeros, and these are combined as integers of as many bytes as there are rows. Two masks are
combined: the rows that can match and the rows that do. Only rows in between are looked at.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic

from pulse_desktop.query.coded_columns import NO, OTHER, YES, CodedColumns
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.fields import Field, FieldSet, RowT_contra
from pulse_desktop.query.json_search import JsonSearch
from pulse_desktop.query.syntax import And, Comparison, FreeText, Node, Not, Or, Query, Value
from pulse_desktop.query.value_tests import ValueTest, any_of, value_test, wildcard_pattern
from pulse_desktop.text.translation import _

_CODED, _PLAIN, _SEARCHED = range(3)
"""Costs of looking at a row; the cheap conditions of a conjunction come first."""


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
        root: "_Condition[RowT_contra] | None",
        *,
        time_dependent: bool,
        searches: bool = False,
    ) -> None:
        self.accepts: Callable[[RowT_contra], bool] = _always if root is None else root.accepts
        self.active = root is not None
        self.searches = searches
        self.time_dependent = time_dependent
        self._root = root

    def candidates(self, columns: CodedColumns, start: int, stop: int) -> bytes | None:
        """Decide as much as coded columns tell about rows.

        Args:
            columns: of the rows.
            start: position of the first row.
            stop: position after the last row; all rows between exist.

        Returns:
            One byte per row, `NO`, `LOOK` or `YES`; None if the columns tell nothing.
        """
        if self._root is None or not self._root.coded or start >= stop:
            return None
        block = _Block(columns, start, stop)
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
    if query.root is None:
        return Matcher(None, time_dependent=False)
    compiler = _Compiler(fields, now)
    root = compiler.compile(query.root)
    return Matcher(root, time_dependent=compiler.time_dependent, searches=compiler.searches)


def _always(_row: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Block:
    """A stretch of rows and what is known of them."""

    columns: CodedColumns
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    @property
    def ones(self) -> int:
        return int.from_bytes(b"\1" * self.size, "little")


_Masks = tuple[int, int]
"""The rows that can match and the rows that do, one byte per row."""


class _Condition(Generic[RowT_contra]):
    """A condition: a test per row, and masks if it is coded."""

    def __init__(
        self, accepts: Callable[[RowT_contra], bool], cost: int, *, coded: bool = False
    ) -> None:
        self.accepts = accepts
        self.cost = cost
        self.coded = coded

    def masks(self, block: _Block) -> _Masks:
        """Return the masks of a block. By default nothing is known."""
        return block.ones, 0


class _Coded(_Condition[RowT_contra]):
    """A condition that the value of a coded column decides.

    Rows whose value has no code have to be looked at.
    """

    def __init__(
        self, accepts: Callable[[RowT_contra], bool], column: str, test: Callable[[str], bool]
    ) -> None:
        """Create a condition.

        Args:
            accepts: the test of a row.
            column: name of the column.
            test: the test of a value of the column.
        """
        super().__init__(accepts, _CODED, coded=True)
        self._decision = _ColumnDecision(column, test)

    def masks(self, block: _Block) -> _Masks:
        found = self._decision.masks(block)
        return (block.ones, 0) if found is None else found


class _ColumnDecision:
    """What the codes of a column decide; the test is applied once to each value."""

    def __init__(self, column: str, test: Callable[[str], bool]) -> None:
        self._column = column
        self._test = test
        self._decided = bytearray()

    def masks(self, block: _Block) -> _Masks | None:
        """Return the masks of a block, None if there is no such column."""
        column = block.columns.column(self._column)
        if column is None:
            return None
        codes = column.codes(block.start, block.stop)
        decided, test = self._decided, self._test
        decided.extend(test(value) for value in column.values[len(decided) :])
        table = bytes(decided).ljust(256, b"\0")
        certain = int.from_bytes(codes.translate(table), "little")
        if OTHER not in codes:
            return certain, certain
        return certain | int.from_bytes(codes.translate(_ONLY_OTHER), "little"), certain


class _Text(_Condition[RowT_contra]):
    """Free text: it may be in values of coded columns, in the payload, or elsewhere in the row."""

    def __init__(
        self,
        accepts: Callable[[RowT_contra], bool],
        text: str,
        fields: FieldSet[RowT_contra],
    ) -> None:
        coded = bool(fields.text_columns) or fields.text_in_payload
        super().__init__(accepts, _SEARCHED, coded=coded)
        self._decisions = [
            _ColumnDecision(name, _part_test(text, text_of))
            for name, text_of in fields.text_columns.items()
        ]
        self._search = JsonSearch(text) if fields.text_in_payload else None

    def masks(self, block: _Block) -> _Masks:
        possible, certain = 0, 0
        for decision in self._decisions:
            masks = decision.masks(block)
            if masks is None:
                possible = block.ones
            else:
                possible, certain = possible | masks[0], certain | masks[1]
        payloads = block.columns.payloads
        if self._search is None or payloads is None:
            return block.ones, certain
        found = payloads.search(self._search, block.start, block.stop)
        possible |= int.from_bytes(found.translate(_ANY_FOUND), "little")
        return possible, certain | int.from_bytes(found.translate(_SURELY_FOUND), "little")


def _part_test(text: str, text_of: Callable[[str], str]) -> Callable[[str], bool]:
    return lambda value: text in text_of(value)


_ONLY_OTHER: Final = bytes(255) + b"\1"
_ANY_FOUND: Final = bytes(mark != NO for mark in range(256))
_SURELY_FOUND: Final = bytes(mark == YES for mark in range(256))


class _Not(_Condition[RowT_contra]):
    def __init__(self, operand: _Condition[RowT_contra]) -> None:
        test = operand.accepts
        super().__init__(lambda row: not test(row), operand.cost, coded=operand.coded)
        self._operand = operand

    def masks(self, block: _Block) -> _Masks:
        possible, certain = self._operand.masks(block)
        return block.ones ^ certain, block.ones ^ possible


class _And(_Condition[RowT_contra]):
    def __init__(self, operands: list[_Condition[RowT_contra]]) -> None:
        self._operands = sorted(operands, key=lambda each: each.cost)
        super().__init__(
            _all_of([each.accepts for each in self._operands]),
            self._operands[-1].cost,
            coded=any(each.coded for each in operands),
        )

    def masks(self, block: _Block) -> _Masks:
        possible, certain = block.ones, block.ones
        for operand in self._operands:
            if operand.coded:
                also_possible, also_certain = operand.masks(block)
                possible, certain = possible & also_possible, certain & also_certain
            else:
                certain = 0
        return possible, certain


class _Or(_Condition[RowT_contra]):
    def __init__(self, operands: list[_Condition[RowT_contra]]) -> None:
        self._operands = sorted(operands, key=lambda each: each.cost)
        super().__init__(
            any_of([each.accepts for each in self._operands]),
            self._operands[-1].cost,
            coded=any(each.coded for each in operands),
        )

    def masks(self, block: _Block) -> _Masks:
        possible, certain = 0, 0
        for operand in self._operands:
            if operand.coded:
                also_possible, also_certain = operand.masks(block)
                possible, certain = possible | also_possible, certain | also_certain
            else:
                possible = block.ones
        return possible, certain


def _all_of(tests: list[Callable[[RowT_contra], bool]]) -> Callable[[RowT_contra], bool]:
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) and second(row)

    def accepts(row: RowT_contra) -> bool:
        for test in tests:  # noqa: SIM110  a generator would double the time
            if not test(row):
                return False
        return True

    return accepts


class _Compiler(Generic[RowT_contra]):
    """Compiles the nodes of one query."""

    def __init__(self, fields: FieldSet[RowT_contra], now: float) -> None:
        self._fields = fields
        self._now = now
        self.time_dependent = False
        self.searches = False

    def compile(self, node: Node) -> _Condition[RowT_contra]:
        match node:
            case And(operands):
                return _And([self.compile(each) for each in operands])
            case Or(operands):
                return _Or([self.compile(each) for each in operands])
            case Not(operand):
                return _Not(self.compile(operand))
            case FreeText(text, quoted):
                return self._free_text(text, quoted=quoted)
            case Comparison():
                found = self._comparison(node)
                return _Not(found) if node.operator == "!=" else found

    def _free_text(self, text: str, *, quoted: bool) -> _Condition[RowT_contra]:
        fields, text = self._fields, text.casefold()
        pattern = None if quoted else wildcard_pattern(text, whole=False)
        if pattern is not None:
            search, free_text = pattern.search, fields.free_text
            return _Condition(lambda row: search(free_text(row)) is not None, _SEARCHED)
        self.searches |= fields.text_in_payload
        return _Text(fields.contains(text), text, fields)

    def _comparison(self, node: Comparison) -> _Condition[RowT_contra]:
        field = self._fields.get(node.field)
        if field is None:
            raise self._unknown_field(node)
        if field.free:
            return self._text_comparison(node)
        test, moves = value_test(node, field, self._now)
        self.time_dependent |= moves or field.ticking
        found = self._field_condition(field, test)
        value = node.values[0]
        if (
            node.operator == ":"
            and not self._fields.is_known(node.field)
            and len(node.values) == 1
            and isinstance(value, Value)
            and not value.quoted
        ):
            # `shop.mail:send` is more likely a part of some text than an argument `shop.mail`.
            return _Or([found, self._free_text(node.source, quoted=False)])
        return found

    def _field_condition(
        self, field: Field[RowT_contra], test: ValueTest
    ) -> _Condition[RowT_contra]:
        get, now = field.get, self._now

        def accepts(row: RowT_contra) -> bool:
            for value in get(row, now):  # noqa: SIM110  a generator would double the time
                if test(value):
                    return True
            return False

        if not field.column:
            return _Condition(accepts, _SEARCHED if "." in field.name else _PLAIN)
        of_coded = field.of_coded
        return _Coded(accepts, field.column, lambda value: any(map(test, of_coded(value))))

    def _text_comparison(self, node: Comparison) -> _Condition[RowT_contra]:
        conditions = []
        for value in node.values:
            if not isinstance(value, Value) or node.operator not in (":", "=", "!="):
                message = _("“{field}” is searched for words: use :").format(field=node.field)
                raise QueryError(message, node.field_end, node.end)
            conditions.append(self._free_text(value.text, quoted=value.quoted))
        return conditions[0] if len(conditions) == 1 else _Or(conditions)

    def _unknown_field(self, node: Comparison) -> QueryError:
        close = difflib.get_close_matches(node.field, self._fields.names(), 1)
        if close:
            message = _("There is no field “{name}”. Did you mean “{close}”?")
            message = message.format(name=node.field, close=close[0])
        else:
            message = _("There is no field “{name}”. Put it in quotes to search for the text")
            message = message.format(name=node.field)
        return QueryError(message, node.start, node.field_end)
