"""Sets of row positions as arrays: ranges, differences and indices."""

from collections.abc import Generator, Iterable
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")
Positions = NDArray[np.int64]

_COMPARED: Final = 1 << 15
"""Positions that are compared with one in one go."""
_LOOKED_UP: Final = 1 << 18
"""Positions that are looked up in one go."""


def contiguous_ranges(numbers: Iterable[int], *, gap: int = 0) -> list[tuple[int, int]]:
    """Merge ascending numbers into ranges, first and last included.

    Args:
        numbers: ascending.
        gap: how many missing numbers a range may span.
    """
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number <= ranges[-1][1] + 1 + gap:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def without(positions: Positions, others: Positions) -> Positions:
    """Return those positions that are not among others, in their order; both without repetitions.

    Much faster than `numpy.isin`, since positions are close to each other.
    """
    return run_to_end(without_in_slices(positions, others))


def without_in_slices(positions: Positions, others: Positions) -> Generator[None, None, Positions]:
    """Return the same as `without`, in steps of a few milliseconds."""
    if not len(positions) or not len(others):
        return positions
    low, high = int(others.min()), int(others.max())
    is_other = np.zeros(high - low + 1, bool)
    for start in range(0, len(others), _LOOKED_UP):
        if start:
            yield
        is_other[others[start : start + _LOOKED_UP] - low] = True
    parts = []
    for start in range(0, len(positions), _LOOKED_UP):
        if start:
            yield
        part = positions[start : start + _LOOKED_UP]
        kept = (part < low) | (part > high)
        within = ~kept
        kept[within] = ~is_other[part[within] - low]
        parts.append(part[kept])
    return np.concatenate(parts)


def difference(before: Positions, after: Positions) -> tuple[Positions, Positions]:
    """Return the positions that are new in `after`, and those that are only in `before`.

    All are descending. A few times as fast as to ask for each whether it is among the others.
    """
    if not len(before) or not len(after):
        return after, before
    low = min(int(before[-1]), int(after[-1]))
    high = max(int(before[0]), int(after[0]))
    in_before, in_after = (_mask(each, low, high) for each in (before, after))
    return _descending(in_after & ~in_before, low), _descending(in_before & ~in_after, low)


def _mask(positions: Positions, low: int, high: int) -> NDArray[np.bool_]:
    """Return for each position between two ends whether it is among some that are descending."""
    mask = np.zeros(high - low + 1, bool)
    first, last = int(positions[-1]), int(positions[0])
    if last - first + 1 == len(positions):
        mask[first - low : last - low + 1] = True
    else:
        mask[positions - low] = True
    return mask


def _descending(mask: NDArray[np.bool_], low: int) -> Positions:
    found: Positions = np.flatnonzero(mask).astype(np.int64, copy=False)
    found += low
    return found[::-1]


def run_to_end(slices: Generator[None, None, Result]) -> Result:
    """Do work that is done in slices in one go; return its result."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: Result = end.value
            return result


def indices_of(wanted: Positions, positions: Positions) -> Positions:
    """Return the index of each wanted position in an array that contains all of them."""
    if len(wanted) <= 4:
        return np.array([_index_of(each, positions) for each in wanted.tolist()], np.int64)
    places = np.flatnonzero(np.isin(positions, wanted))
    found = positions[places]
    in_order = np.argsort(found)
    sorted_places: Positions = places[in_order]
    return sorted_places[np.searchsorted(found[in_order], wanted)]


def _index_of(position: int, positions: Positions) -> int:
    """Return the index of a position in an array that contains it, mostly near the beginning."""
    for start in range(0, len(positions), _COMPARED):
        found = np.flatnonzero(positions[start : start + _COMPARED] == position)
        if len(found):
            return start + int(found[0])
    raise ValueError(position)
