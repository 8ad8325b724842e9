"""Where the rows of one source are in another source that takes its place."""

from collections import Counter
from collections.abc import Callable, Hashable
from typing import TypeVar

from pulse_desktop.ui.rows.row_source import RowSource

RowT = TypeVar("RowT")


def moves_by_key(
    before: RowSource[RowT], after: RowSource[RowT], key: Callable[[RowT], Hashable]
) -> dict[int, int]:
    """Return the new position of each row that is in both sources, by its old one.

    Args:
        before: the rows so far.
        after: the rows that take their place.
        key: tells which row is which; of several rows with the same key the first stays the first.
    """
    found = _positions(after, key)
    return {
        position: found[which]
        for which, position in _positions(before, key).items()
        if which in found
    }


def _positions(
    rows: RowSource[RowT], key: Callable[[RowT], Hashable]
) -> dict[tuple[Hashable, int], int]:
    """Return the position of each row by its key and the number of earlier rows with that key."""
    seen: Counter[Hashable] = Counter()
    positions = {}
    for position, row in enumerate(rows.span(rows.start, rows.stop), rows.start):
        which = key(row)
        positions[which, seen[which]] = position
        seen[which] += 1
    return positions
