"""Finds many texts within another one at once.

The time hardly depends on how many they are: they are merged where they begin alike, and compared
only where one of them may begin.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Final

_PREFIX: Final = 4
"""Characters by which it is decided where a text may begin."""
_COST_PER_CHARACTER: Final = 4
_BASE_COST: Final = 200_000
_COMPARED_AT_ONCE: Final = 64
"""Characters whose comparison takes about as long as a step to the next ones."""

Span = tuple[int, int]


class TooCostlyError(Exception):
    """The texts begin alike so often, and go on differently so late, that it takes too long."""


class _Node:
    """What texts that begin alike go on with.

    Attributes:
        is_end: whether one of the texts ends here.
        edges: by the next character, all next characters that follow alike, and what is then.
    """

    __slots__ = ("edges", "is_end")

    def __init__(self) -> None:
        self.is_end = False
        self.edges: dict[str, tuple[str, _Node]] = {}


class TextSearch:
    """Finds texts within others."""

    def __init__(self, texts: Iterable[str], *, whole_words: bool = False) -> None:
        """Take what is looked for.

        Args:
            texts: none of them empty.
            whole_words: whether they are found only where no letter or digit is beside them.
        """
        known = sorted(set(texts))
        self._whole_words = whole_words
        self._root = _merged(known)
        prefixes = sorted({text[:_PREFIX] for text in known})
        self._begins = re.compile(f"(?={_any_of(prefixes)})", re.DOTALL) if known else None

    def spans(self, text: str) -> list[Span]:
        """Return where the texts are, in order; those that overlap are one.

        Raises:
            TooCostlyError: it takes too long.
        """
        return merged_spans(self._found(text))

    def occurs_in(self, text: str) -> bool:
        """Return whether any of the texts is within another.

        Raises:
            TooCostlyError: it takes too long.
        """
        return next(self._found(text), None) is not None

    def _found(self, text: str) -> Iterator[Span]:
        """Iterate over the longest of the texts at each place.

        Raises:
            TooCostlyError: it takes too long.
        """
        if self._begins is None:
            return
        left = _BASE_COST + _COST_PER_CHARACTER * len(text)
        for match in self._begins.finditer(text):
            start = match.start()
            if self._whole_words and start and _is_in_word(text[start - 1]):
                continue
            node, position, end = self._root, start, 0
            while (edge := node.edges.get(text[position : position + 1])) is not None:
                characters, following = edge
                left -= 1 + len(characters) // _COMPARED_AT_ONCE
                if not text.startswith(characters, position):
                    break
                position, node = position + len(characters), following
                if node.is_end and not (
                    self._whole_words and _is_in_word(text[position : position + 1])
                ):
                    end = position
            if end:
                yield start, end
            if left < 0:
                raise TooCostlyError


def merged_spans(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order; those that overlap are one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def _is_in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _merged(texts: list[str]) -> _Node:
    """Return sorted texts, merged where they begin alike."""
    root = _Node()
    waiting = [(root, 0, len(texts), 0)]
    while waiting:
        node, first, stop, depth = waiting.pop()
        if first < stop and len(texts[first]) == depth:
            node.is_end = True
            first += 1
        while first < stop:
            character, end = texts[first][depth], first + 1
            while end < stop and texts[end][depth] == character:
                end += 1
            # They are sorted: what the first and the last have in common, all have.
            alike = _common(texts[first][depth:], texts[end - 1][depth:])
            following = _Node()
            node.edges[character] = alike, following
            waiting.append((following, first, end, depth + len(alike)))
            first = end
    return root


def _common(one: str, other: str) -> str:
    """Return what two texts begin with alike."""
    if one == other:
        return one
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return one[: sum(1 for _pair in alike)]


def _any_of(prefixes: list[str]) -> str:
    """Return a pattern of any of sorted texts of a few characters."""
    by_first: dict[str, list[str]] = {}
    for prefix in prefixes:
        if not prefix:
            return ""  # a text ends here: what follows does not matter
        by_first.setdefault(prefix[0], []).append(prefix[1:])
    alternatives = [re.escape(first) + _any_of(rest) for first, rest in by_first.items()]
    if all(rest == [""] for rest in by_first.values()):
        return f"[{''.join(map(re.escape, by_first))}]"
    return f"(?:{'|'.join(alternatives)})"
