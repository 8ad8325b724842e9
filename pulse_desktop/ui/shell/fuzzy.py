"""How well a few typed letters fit a title, for the command palette."""

from collections.abc import Iterable
from typing import TypeVar

Thing = TypeVar("Thing")

_START_OF_TEXT = 16
_START_OF_WORD = 9
_NEXT_LETTER = 6
_LETTER = 1


def fit(query: str, text: str) -> int | None:
    """Return how well a query fits a text, larger is better; None when it does not.

    Every letter of the query has to occur in the text, in order. Letters that begin words, and
    letters that follow each other, count for more. Spaces in the query separate parts that are
    looked for one after the other.
    """
    letters = text.casefold()
    score, at = 0, 0
    for part in query.casefold().split():
        found = _fit_part(part, letters, at)
        if found is None:
            return None
        score += found[0]
        at = found[1]
    # Of two texts that fit alike the shorter one is meant.
    return score * 64 - min(len(text), 63)


def _fit_part(part: str, text: str, start: int) -> tuple[int, int] | None:
    whole = _whole_word(part, text, start)
    if whole is not None:
        gain = _START_OF_TEXT if whole == 0 else _START_OF_WORD
        return gain + _NEXT_LETTER * len(part), whole + len(part)
    score, at, last = 0, start, -2
    for letter in part:
        at = text.find(letter, at)
        if at < 0:
            return None
        if at == last + 1:
            score += _NEXT_LETTER
        elif at == 0 or not text[at - 1].isalnum():
            score += _START_OF_WORD
        else:
            score += _LETTER
        last = at
        at += 1
    return score, at


def _whole_word(part: str, text: str, start: int) -> int | None:
    """Return where the part stands at the beginning of a word, None when nowhere."""
    at = text.find(part, start)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(part, at + 1)
    return at if at >= 0 else None


def best(query: str, things: Iterable[tuple[str, Thing]]) -> list[Thing]:
    """Return the things whose text fits, the best first; all in their order without a query."""
    if not query.strip():
        return [thing for _, thing in things]
    ranked = [
        (-score, number, thing)
        for number, (text, thing) in enumerate(things)
        if (score := fit(query, text)) is not None
    ]
    ranked.sort(key=lambda entry: entry[:2])
    return [thing for *_, thing in ranked]
