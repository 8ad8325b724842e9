"""Fuzzy matching of a few typed letters against titles, for the command palette."""

from collections.abc import Iterable
from typing import Final, TypeVar

_SCORE_TEXT_START: Final = 16
_SCORE_WORD_START: Final = 9
_SCORE_CONSECUTIVE: Final = 6
_SCORE_LETTER: Final = 1

Item = TypeVar("Item")


def match_score(query: str, text: str) -> int | None:
    """Return how well a text matches a query, larger is better; None if it does not match.

    Every letter of the query has to occur in the text, in order. The first letters of words, and
    consecutive letters, score higher. The words of the query are searched one after the other.
    """
    letters = text.casefold()
    score, at = 0, 0
    for word in query.casefold().split():
        found = _match_word(word, letters, at)
        if found is None:
            return None
        score += found[0]
        at = found[1]
    # The shorter one of two texts with the same score comes first.
    return score * 64 - min(len(text), 63)


def _match_word(word: str, text: str, start: int) -> tuple[int, int] | None:
    whole = _find_word_start(word, text, start)
    if whole is not None:
        gain = _SCORE_TEXT_START if whole == 0 else _SCORE_WORD_START
        return gain + _SCORE_CONSECUTIVE * len(word), whole + len(word)
    score, at, last = 0, start, -2
    for letter in word:
        at = text.find(letter, at)
        if at < 0:
            return None
        if at == last + 1:
            score += _SCORE_CONSECUTIVE
        elif at == 0 or not text[at - 1].isalnum():
            score += _SCORE_WORD_START
        else:
            score += _SCORE_LETTER
        last = at
        at += 1
    return score, at


def _find_word_start(word: str, text: str, start: int) -> int | None:
    """Return the position of a word of the text that begins with `word`, else None."""
    at = text.find(word, start)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(word, at + 1)
    return at if at >= 0 else None


def best_matches(query: str, items: Iterable[tuple[str, Item]]) -> list[Item]:
    """Return the items whose text matches, the best first; all of them for an empty query."""
    if not query.strip():
        return [item for _text, item in items]
    ranked = [
        (-score, number, item)
        for number, (text, item) in enumerate(items)
        if (score := match_score(query, text)) is not None
    ]
    ranked.sort(key=lambda entry: entry[:2])
    return [item for *_rank, item in ranked]
