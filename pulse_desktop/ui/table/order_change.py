"""A new order of the rows of a table, made in slices of a few milliseconds."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from pulse_desktop.ui.rows.positions import Positions, without_in_slices
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.sort_keys import SortKeys

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, eq=False)
class OrderChange(Generic[RowT]):
    """A change from one order to another.

    Attributes:
        before: the positions as they are shown.
        after: the positions in their new order.
        added: positions that are new, in their order.
        removed: positions that are not shown any more, in their order.
        snapshot: the rows at that time; some may have been evicted since.
    """

    before: Positions
    after: Positions
    added: Positions
    removed: Positions
    snapshot: RowSource[RowT]


def reorder_in_slices(
    keys: SortKeys[RowT], source: RowSource[RowT], before: Positions, newest_first: Positions
) -> Generator[None, None, OrderChange[RowT]]:
    """Sort positions, and find how they differ from those that are shown.

    Args:
        keys: the sort order.
        source: the rows.
        before: the positions as they are shown.
        newest_first: the positions to sort, without those that were evicted by the end.
    """
    after = yield from keys.order_in_slices(source, newest_first)
    yield
    snapshot = source.snapshot(source.stop)
    if len(after) and newest_first[-1] < snapshot.start:  # evicted meanwhile
        after = after[after >= snapshot.start]
        yield
    added = yield from without_in_slices(after, before)
    yield
    removed = yield from without_in_slices(before, after)
    yield
    return OrderChange(before, after, added, removed, snapshot)
