"""Find a text in many payloads that lie one after the other, in any letter case.

To convert bytes to small letters takes longer than to search them. So a piece of the text is
searched for as it is: one whose capital letters the payloads do not have at all, and that is rare
in them. Where it is found, an expression compares what is around it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

_SAMPLE: Final = 1 << 13
"""Bytes of payloads by which it is known what is rare."""
_MAX_ANCHORS: Final = 32
"""So many first characters of a text are considered."""
_MAX_PIECE: Final = 3

# Times relative to each other.
_LOOK_FOR_LETTER: Final = 10
_LOOK_FOR_PIECE: Final = 60
_LOOK_AROUND: Final = 1
_LOOK_AGAIN: Final = 0.2


class ByteSearch:
    """Searches payloads for bytes, as they are or in any letter case of ASCII."""

    def __init__(self, needle: bytes, *, any_case: bool = False) -> None:
        """Prepare a search.

        Args:
            needle: what to search for, not empty; in small letters if the case does not matter.
            any_case: whether letters of ASCII are also found as capital letters.
        """
        self._needle = needle
        self._any_case = any_case
        self._seen = b""  # capital letters that occur
        self._capitals: tuple[bytes, ...] = ()  # those of the piece, which must not occur
        self._lowers = False  # payloads have to be converted to small letters
        self._pattern: re.Pattern[bytes] | None = None  # chosen by what is searched first
        self._offset = 0  # of the piece

    def mark(self, payloads: bytes, ends: Sequence[int], found: bytearray, mark: int) -> None:
        """Mark the payloads that contain the bytes.

        Args:
            payloads: all of them.
            ends: index after the last byte of each.
            found: a byte per payload.
            mark: what to set it to.
        """
        search = self._pattern_for(payloads).search
        if self._lowers:
            payloads = payloads.lower()
        match = search(payloads)
        if match is None:
            return
        offset, size = self._offset, len(self._needle)
        index, ends = 0, [*ends]
        while match is not None:
            at = match.start() - offset
            index = bisect_right(ends, at, index)
            if at + size <= ends[index]:
                found[index] = mark
                match = search(payloads, ends[index])  # a payload may contain a letter many times
            else:  # it spans two payloads
                match = search(payloads, match.start() + 1)

    def _pattern_for(self, payloads: bytes) -> re.Pattern[bytes]:
        pattern = self._pattern
        if pattern is None:
            pattern = self._choose(payloads)
        for capital in self._capitals:
            if capital in payloads:
                self._seen += capital
                self._choose(payloads)
                return self._pattern_for(payloads)
        return pattern

    def _choose(self, payloads: bytes) -> re.Pattern[bytes]:
        """Choose the piece that is searched for, by the beginning of some payloads."""
        needle, sample = self._needle, payloads[:_SAMPLE]
        if self._any_case and not self._lowers:
            self._seen += bytes(c for c in set(needle.upper()) if c in sample and c not in needle)
            self._lowers = not any(_pieces(needle, self._seen))
        if self._lowers:
            sample, self._seen = sample.lower(), b""
        tells_case = self._any_case and not self._lowers
        pieces = _pieces(needle, self._seen)
        start, stop = min(pieces, key=lambda piece: _cost(needle[slice(*piece)], sample))
        capitals = _capitals(needle[start:stop]) if tells_case else b""
        self._capitals = tuple(capitals[at : at + 1] for at in range(len(capitals)))
        self._offset = start
        pattern = self._pattern = _pattern(needle, start, stop, any_case=tells_case)
        return pattern


def _pieces(needle: bytes, seen: bytes) -> Iterator[tuple[int, int]]:
    """Yield the short parts of a text that are without some letters."""
    for start in range(min(len(needle), _MAX_ANCHORS)):
        for stop in range(start + 1, min(start + _MAX_PIECE, len(needle)) + 1):
            piece = needle[start:stop]
            if any(letter in seen for letter in _capitals(piece)):
                break
            yield start, stop


def _capitals(piece: bytes) -> bytes:
    """Return the capital letters of those small letters that a piece has."""
    return bytes(letter for letter in piece.upper() if letter not in piece)


def _cost(piece: bytes, sample: bytes) -> float:
    """Return how long it takes to find all of a piece."""
    count, letters = sample.count(piece), len(_capitals(piece))
    if len(piece) == 1:
        return _LOOK_FOR_LETTER * (1 + letters) + _LOOK_AROUND * count
    again = _LOOK_AGAIN * sample.count(piece[:1])
    return _LOOK_FOR_LETTER * letters + _LOOK_FOR_PIECE + _LOOK_AROUND * count + again


def _pattern(needle: bytes, start: int, stop: int, *, any_case: bool) -> re.Pattern[bytes]:
    """Return an expression for a part of a text with the rest around it."""
    compared = b"(?i:%b)" if any_case else b"%b"
    pattern = re.escape(needle[start:stop])
    if start:
        pattern += b"(?<=%b)" % (compared % re.escape(needle[:stop]))
    if stop < len(needle):
        pattern += b"(?=%b)" % (compared % re.escape(needle[stop:]))
    return re.compile(pattern)
