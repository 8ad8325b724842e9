"""How two long lists differ: by their items, whatever their positions."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, Final

import msgspec

MAX_SHORT: Final = 8
"""Items of a list that is compared index by index."""
MAX_CHANGED: Final = 3
"""Changed items of long lists that are compared value by value, at their index."""
_MAX_SAMPLE: Final = 5
_MAX_DEPTH: Final = 32


class ListDifference(msgspec.Struct, frozen=True):
    """Items that one of two lists has and the other has not; equal items are counted.

    Attributes:
        only_first: number of items of the first list that the second has not.
        only_second: likewise of the second list.
        first_sample: the first of those of the first list.
        second_sample: likewise of the second list.
    """

    only_first: int
    only_second: int
    first_sample: tuple[Any, ...]
    second_sample: tuple[Any, ...]


def is_long(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether lists are compared by their items and not by their indices."""
    return max(len(one), len(other)) > MAX_SHORT


def list_difference(one: Sequence[Any], other: Sequence[Any]) -> ListDifference | None:
    """Return how two lists differ, None if they are equal."""
    keys, other_keys = [_key(each) for each in one], [_key(each) for each in other]
    if keys == other_keys:
        return None
    first = _left_over(one, keys, Counter(other_keys))
    second = _left_over(other, other_keys, Counter(keys))
    samples = tuple(first[:_MAX_SAMPLE]), tuple(second[:_MAX_SAMPLE])
    return ListDifference(len(first), len(second), *samples)


def changed_indices(one: Sequence[Any], other: Sequence[Any]) -> list[int]:
    """Return where lists have other objects or lists, if that is at few indices; else none."""
    if len(one) != len(other):
        return []
    changed = [
        index
        for index, pair in enumerate(zip(one, other, strict=True))
        if _key(pair[0]) != _key(pair[1])
    ]
    pairs = [(one[index], other[index]) for index in changed]
    has_parts = all(isinstance(a, dict | list) and type(a) is type(b) for a, b in pairs)
    return changed if has_parts and len(changed) <= MAX_CHANGED else []


def _left_over(
    items: Sequence[Any], keys: Sequence[Hashable], others: Counter[Hashable]
) -> list[Any]:
    """Return the items that are not among the others, or not as often."""
    found = []
    for item, key in zip(items, keys, strict=True):
        if others[key] > 0:
            others[key] -= 1
        else:
            found.append(item)
    return found


def _key(value: Any, depth: int = 0) -> Hashable:
    """Return what equal values of JSON share: 1 and 1.0 do, 1 and true do not."""
    if isinstance(value, bool):
        return (bool, value)
    if depth < _MAX_DEPTH and isinstance(value, list | tuple):
        return (list, *(_key(each, depth + 1) for each in value))
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return (dict, frozenset((str(name), _key(each, depth + 1)) for name, each in value.items()))
    if value is None or isinstance(value, int | float | str | bytes):
        return value
    try:
        return repr(value)
    except RecursionError:
        return (id, id(value))
