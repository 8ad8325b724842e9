"""Conditions on rows: a test per row, and masks over dictionary columns and payloads.

A condition on a dictionary column is decided for all rows at once: `bytes.translate` turns codes
into ones and zeros, and these are combined as integers of as many bytes as there are rows. Two
masks are combined: the rows that can match and the rows that do. Only the rows in
between are tested.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Generic

from pulse_desktop.query.dictionary_columns import NO, OTHER, YES, DictionaryColumns, PayloadSearch
from pulse_desktop.query.fields import FieldSet, RowT_contra
from pulse_desktop.query.json_search import JsonSearch
from pulse_desktop.query.predicates import all_of, any_of

BY_COLUMN, BY_FIELD, BY_SEARCH = range(3)
"""Costs of looking at a row; the cheap conditions of a conjunction come first."""


Masks = tuple[int, int]
"""The rows that can match and the rows that do, one byte per row."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of rows and what is known of them.

    Attributes:
        columns: of the rows.
        start: position of the first row.
        stop: position after the last row.
        wanted: mask of the rows that are still undecided; None for all. The masks of a condition
            may hold anything for the other rows.
    """

    columns: DictionaryColumns
    start: int
    stop: int
    wanted: int | None = None

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    @property
    def ones(self) -> int:
        """A one for each row."""
        return int.from_bytes(b"\1" * self.size, "little")

    def narrowed(self, wanted: int) -> "Block":
        """Return the same rows, of which only some are still undecided."""
        if self.wanted is not None:
            wanted &= self.wanted
        return replace(self, wanted=wanted)

    def search(self, search: PayloadSearch) -> Masks | None:
        """Return the masks of what is found in the payloads; None if they cannot be searched."""
        payloads, wanted = self.columns.payloads, self.wanted
        if payloads is None:
            return None
        if wanted == 0:
            return 0, 0
        as_bytes = None if wanted is None else wanted.to_bytes(self.size, "little")
        found = payloads.search(search, self.start, self.stop, as_bytes)
        possible = int.from_bytes(found.translate(_ANY_FOUND), "little")
        if YES not in found:
            return possible, 0
        return possible, int.from_bytes(found.translate(_SURELY_FOUND), "little")


class Condition(Generic[RowT_contra]):
    """A condition: a test per row, and masks if columns or payloads tell about it."""

    def __init__(
        self, accepts: Callable[[RowT_contra], bool], cost: int, *, has_masks: bool = False
    ) -> None:
        self.accepts = accepts
        self.cost = cost
        self.has_masks = has_masks

    def masks(self, block: Block) -> Masks:
        """Return the masks of a block. By default nothing is known."""
        return block.ones, 0


class ColumnCondition(Condition[RowT_contra]):
    """A condition that the value of a dictionary column decides.

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
        super().__init__(accepts, BY_COLUMN, has_masks=True)
        self._decision = _ColumnDecision(column, test)

    def masks(self, block: Block) -> Masks:
        """Return the masks of a block."""
        found = self._decision.masks(block)
        return (block.ones, 0) if found is None else found


class _ColumnDecision:
    """What the codes of a column decide; the test is applied once to each value."""

    def __init__(self, column: str, test: Callable[[str], bool]) -> None:
        self._column = column
        self._test = test
        self._decided = bytearray()

    def masks(self, block: Block) -> Masks | None:
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


class TextCondition(Condition[RowT_contra]):
    """Free text: in values of dictionary columns, in the payload, or elsewhere in the row."""

    def __init__(
        self,
        accepts: Callable[[RowT_contra], bool],
        text: str,
        fields: FieldSet[RowT_contra],
    ) -> None:
        has_masks = bool(fields.text_columns) or fields.text_in_payload
        super().__init__(accepts, BY_SEARCH, has_masks=has_masks)
        self._decisions = [
            _ColumnDecision(name, _part_test(text, text_of))
            for name, text_of in fields.text_columns.items()
        ]
        self._search = JsonSearch(text) if fields.text_in_payload else None

    def masks(self, block: Block) -> Masks:
        """Return the masks of a block."""
        possible, certain = 0, 0
        for decision in self._decisions:
            masks = decision.masks(block)
            if masks is None:
                possible = block.ones
            else:
                possible, certain = possible | masks[0], certain | masks[1]
        if certain:
            block = block.narrowed(block.ones ^ certain)
        masks = None if self._search is None else block.search(self._search)
        if masks is None:
            return block.ones, certain
        return possible | masks[0], certain | masks[1]


class WildcardCondition(Condition[RowT_contra]):
    """Free text with wildcards: all its parts have to be in the row."""

    def __init__(
        self,
        accepts: Callable[[RowT_contra], bool],
        parts: Iterable[str],
        fields: FieldSet[RowT_contra],
    ) -> None:
        self._parts = [TextCondition(accepts, part, fields) for part in parts]
        super().__init__(accepts, BY_SEARCH, has_masks=any(part.has_masks for part in self._parts))

    def masks(self, block: Block) -> Masks:
        """Return the masks of a block."""
        possible = block.ones
        for part in self._parts:
            narrowed = block if possible == block.ones else block.narrowed(possible)
            possible &= part.masks(narrowed)[0]
            if not possible:
                break
        return possible, 0


class PayloadCondition(Condition[RowT_contra]):
    """A condition for which one of some searches has to find something in the payload."""

    def __init__(
        self, accepts: Callable[[RowT_contra], bool], searches: Iterable[PayloadSearch]
    ) -> None:
        super().__init__(accepts, BY_SEARCH, has_masks=True)
        self._searches = tuple(searches)

    def masks(self, block: Block) -> Masks:
        """Return the masks of a block."""
        possible = 0
        for search in self._searches:
            masks = block.search(search)
            if masks is None:
                return block.ones, 0
            possible |= masks[0]
        return possible, 0


def _part_test(text: str, text_of: Callable[[str], str]) -> Callable[[str], bool]:
    return lambda value: text in text_of(value)


_ONLY_OTHER: Final = bytes(255) + b"\1"
_ANY_FOUND: Final = bytes(mark != NO for mark in range(256))
_SURELY_FOUND: Final = bytes(mark == YES for mark in range(256))


class NotCondition(Condition[RowT_contra]):
    """The rows that a condition rejects."""

    def __init__(self, operand: Condition[RowT_contra]) -> None:
        test = operand.accepts
        super().__init__(lambda row: not test(row), operand.cost, has_masks=operand.has_masks)
        self._operand = operand

    def masks(self, block: Block) -> Masks:
        """Return the masks of a block."""
        possible, certain = self._operand.masks(block)
        return block.ones ^ certain, block.ones ^ possible


class AndCondition(Condition[RowT_contra]):
    """The rows that all conditions accept; the cheap ones come first."""

    def __init__(self, operands: list[Condition[RowT_contra]]) -> None:
        self._operands = sorted(operands, key=lambda each: each.cost)
        super().__init__(
            all_of([each.accepts for each in self._operands]),
            self._operands[-1].cost,
            has_masks=any(each.has_masks for each in operands),
        )

    def masks(self, block: Block) -> Masks:
        """Return the masks of a block."""
        possible, certain = block.ones, block.ones
        for operand in self._operands:
            if not possible:
                break
            if operand.has_masks:
                undecided = block if possible == block.ones else block.narrowed(possible)
                also_possible, also_certain = operand.masks(undecided)
                possible, certain = possible & also_possible, certain & also_certain
            else:
                certain = 0
        return possible, certain


class OrCondition(Condition[RowT_contra]):
    """The rows that any condition accepts; the cheap ones come first."""

    def __init__(self, operands: list[Condition[RowT_contra]]) -> None:
        self._operands = sorted(operands, key=lambda each: each.cost)
        super().__init__(
            any_of([each.accepts for each in self._operands]),
            self._operands[-1].cost,
            has_masks=any(each.has_masks for each in operands),
        )

    def masks(self, block: Block) -> Masks:
        """Return the masks of a block."""
        possible, certain = 0, 0
        for operand in self._operands:
            if operand.has_masks:
                undecided = block.narrowed(block.ones ^ certain) if certain else block
                also_possible, also_certain = operand.masks(undecided)
                possible, certain = possible | also_possible, certain | also_certain
            else:
                possible = block.ones
        return possible, certain
