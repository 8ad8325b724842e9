"""How two long lists differ: by their items, whatever their positions.

Items are compared as JSON text, which is written and compared some hundred times faster than they
could be walked through. How much text a comparison writes is bounded.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

MAX_SHORT: Final = 8
"""Items of a list that is compared index by index."""
MAX_CHANGED: Final = 3
"""Changed items of long lists that are compared value by value, at their index."""
MAX_TEXT: Final = 128 * 1024 * 1024
"""Bytes of JSON that a comparison writes for its lists, about a second of work."""
_ITEM_COST: Final = 50
"""Bytes that an item counts for besides its text."""
_SPELLING_COST: Final = 8
"""Times that a text counts for that is spelled anew."""
_MAX_SAMPLE: Final = 5
_END: Final = rb"(?=[],}]|\Z)"
_SPELLING: Final = re.compile(
    rb'("[^"\\]*(?:\\.[^"\\]*)*")|-(?=0\.0' + _END + rb")|\.0" + _END, re.DOTALL
)
"""Text of JSON, which is kept, and what 1.0 and -0.0 have more than 1 and 0."""
_encode: Final = msgspec.json.Encoder(order="sorted").encode


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


class ListComparison(msgspec.Struct, frozen=True):
    """Two long lists compared.

    Attributes:
        changed: where they have other objects or lists, if that is all, and at few indices.
        items: how they differ otherwise, None if they are equal or have changed at few indices.
    """

    changed: tuple[int, ...] = ()
    items: ListDifference | None = None


def is_long(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether lists are compared by their items and not by their indices."""
    return max(len(one), len(other)) > MAX_SHORT


class ListComparer:
    """Compares the long lists of two values, as many as the bound allows.

    Attributes:
        written: bytes of JSON written so far, and what its items and respelling count for.
    """

    def __init__(self, max_text: int = MAX_TEXT) -> None:
        """Begin with nothing written; `max_text` bounds it."""
        self.written = 0
        self._max_text = max_text

    def compare(self, one: Sequence[Any], other: Sequence[Any]) -> ListComparison | None:
        """Return how two lists differ, None if that takes more than is left of the bound."""
        texts, other_texts = self._texts(one), self._texts(other)
        if texts is None or other_texts is None:
            return None
        if texts == other_texts:
            return ListComparison()
        if len(one) == len(other):
            changed = self._changed(one, other, texts, other_texts)
            if not changed:
                return None if changed is None else ListComparison()
            pairs = [(one[index], other[index]) for index in changed]
            has_parts = all(isinstance(a, dict | list) and type(a) is type(b) for a, b in pairs)
            if has_parts and len(changed) <= MAX_CHANGED:
                return ListComparison(tuple(changed))
        first = _left_over(texts, Counter(other_texts))
        second = _left_over(other_texts, Counter(texts))
        common = {_coarse(texts[at]) for at in first} & {_coarse(other_texts[at]) for at in second}
        if common:
            spelled = self._spelled(texts, first, common)
            other_spelled = self._spelled(other_texts, second, common)
            if spelled is None or other_spelled is None:
                return None
            first = [first[at] for at in _left_over(spelled, Counter(other_spelled))]
            second = [second[at] for at in _left_over(other_spelled, Counter(spelled))]
        samples = (
            tuple(items[index] for index in left[:_MAX_SAMPLE])
            for items, left in ((one, first), (other, second))
        )
        return ListComparison(items=ListDifference(len(first), len(second), *samples))

    def _texts(self, items: Sequence[Any]) -> list[bytes] | None:
        """Return the JSON of items, None if it exceeds the bound."""
        found = []
        for item in items:
            found.append(text := _text(item))
            if not self._take(text):
                return None
        return found

    def _changed(
        self,
        one: Sequence[Any],
        other: Sequence[Any],
        texts: list[bytes],
        other_texts: list[bytes],
    ) -> list[int] | None:
        """Return where lists differ, up to one index too many; None if the bound is exceeded."""
        changed: list[int] = []
        for index, (text, other_text) in enumerate(zip(texts, other_texts, strict=True)):
            if text == other_text:
                continue
            if _may_be_equal(one[index], other[index]):
                pair = self._spell(text), self._spell(other_text)
                if None in pair:
                    return None
                if pair[0] == pair[1]:
                    continue
            changed.append(index)
            if len(changed) > MAX_CHANGED:
                break
        return changed

    def _spelled(
        self, texts: list[bytes], indices: list[int], common: set[bytes]
    ) -> list[bytes] | None:
        """Return texts, those spelled anew that the other list may have too; None if too many."""
        found = []
        for index in indices:
            text: bytes | None = texts[index]
            if text is not None and _coarse(text) in common:
                text = self._spell(text)
            if text is None:
                return None
            found.append(text)
        return found

    def _spell(self, text: bytes) -> bytes | None:
        """Return JSON with 1.0 spelled as 1, None if that exceeds the bound.

        From 1e16 on, numbers are left as they are.
        """
        if b".0" not in text:
            return text
        return _SPELLING.sub(rb"\1", text) if self._take(text, _SPELLING_COST) else None

    def _take(self, text: bytes, times: int = 1) -> bool:
        self.written += times * (len(text) + _ITEM_COST)
        return self.written <= self._max_text


def _left_over(texts: Sequence[bytes], others: Counter[bytes]) -> list[int]:
    """Return the indices of the texts that are not among the others, or not as often."""
    found = []
    for index, text in enumerate(texts):
        if others[text] > 0:
            others[text] -= 1
        else:
            found.append(index)
    return found


def _text(value: Any) -> bytes:
    """Return a value as JSON with sorted keys, and a value that is none as text of its own."""
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    try:
        return b"\0" + repr(value).encode(errors="backslashreplace")
    except RecursionError:
        return b"\0%d" % id(value)


def _coarse(text: bytes) -> bytes:
    """Return what texts share that are the same when they are spelled alike, and few others."""
    return text.replace(b".0", b"").replace(b"-0", b"0")


def _may_be_equal(one: Any, other: Any) -> bool:
    """Return whether two values are the same, or differ only in true and 1."""
    try:
        return bool(one == other)
    except RecursionError:
        return False
