"""Ranks of sort keys that are no numbers: a number for each, in the order of the keys.

A key gets a number between those of its neighbours, so that a new one does not change the ranks of
others: to sort two hundred thousand texts again would take a fifth of a second.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_MAX_CHUNK: Final = 1024


class KeyRanks:
    """Keys that were seen, each with a code and a rank.

    Attributes:
        as_text: whether keys are compared as text; the keys given have to be text then.
    """

    def __init__(self, *, as_text: bool) -> None:
        self.as_text = as_text
        self._codes: dict[Any, int] = {}
        self._ranks = array("d")  # by code
        self._chunks: list[list[Any]] = []  # all keys, ascending
        self._last: list[Any] = []  # of each chunk

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, keys: Iterable[Any]) -> list[int]:
        """Return the codes of keys.

        Raises:
            TypeError: they cannot be compared.
        """
        codes, keys = self._codes, list(keys)
        new = sorted({key for key in keys if key not in codes})
        if new:
            self._insert(new)
        return [codes[key] for key in keys]

    def ranks(self) -> NDArray[np.float64]:
        """Return the rank of every key by its code."""
        return np.array(self._ranks)

    def _insert(self, keys: list[Any]) -> None:
        """Insert ascending keys: from the middle, so that they divide the room between others."""
        spans = [(0, len(keys))]
        while spans:
            start, stop = spans.pop()
            middle = (start + stop) // 2
            self._insert_one(keys[middle])
            if start < middle:
                spans.append((start, middle))
            if middle + 1 < stop:
                spans.append((middle + 1, stop))

    def _insert_one(self, key: Any) -> None:
        chunks, last, ranks = self._chunks, self._last, self._ranks
        if not chunks:
            chunks.append([])
            last.append(key)
        at = min(bisect_left(last, key), len(chunks) - 1)
        chunk = chunks[at]
        index = bisect_left(chunk, key)
        below = chunk[index - 1] if index else last[at - 1] if at else None
        if index < len(chunk):
            above = chunk[index]
        else:
            above = chunks[at + 1][0] if at + 1 < len(chunks) else None
        chunk.insert(index, key)
        last[at] = chunk[-1]
        low = None if below is None else ranks[self._codes[below]]
        high = None if above is None else ranks[self._codes[above]]
        rank = _between(low, high)
        self._codes[key] = len(ranks)
        ranks.append(rank)
        if rank in (low, high):
            self._spread()
        if len(chunk) > _MAX_CHUNK:
            half = len(chunk) // 2
            chunks[at : at + 1] = [chunk[:half], chunk[half:]]
            last[at : at + 1] = [chunk[half - 1], chunk[-1]]

    def _spread(self) -> None:
        """Give all keys new ranks: there is no number between two neighbours."""
        codes, ranks = self._codes, self._ranks
        for rank, key in enumerate(chain.from_iterable(self._chunks)):
            ranks[codes[key]] = rank


def _between(low: float | None, high: float | None) -> float:
    if low is None:
        return 0.0 if high is None else high - 1.0
    return low + 1.0 if high is None else (low + high) / 2
