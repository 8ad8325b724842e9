"""Fuzzy matching of a few typed letters against titles, for the command palette."""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeVar

_SCORE_TEXT_START: Final = 16
_SCORE_WORD_START: Final = 9
_SCORE_CONSECUTIVE: Final = 6
_SCORE_LETTER: Final = 1

Item = TypeVar("Item")


def match_score(query: str, text: str) -> tuple[bool, int, int] | None:
    """Return how well a text matches a query, larger is better; None if it does not match.

    Each word of the query has to occur in the text, in any order. The beginnings of words score
    higher than their middles. A text that only has the letters of a word in order, scattered over
    it, is worse than every text that has the word.
    """
    letters = text.casefold()
    score, is_scattered = 0, False
    for word in query.casefold().split():
        found = _find_word(word, letters)
        if found is None:
            found = _match_scattered(word, letters)
            is_scattered = True
        if found is None:
            return None
        score += found
    # The shorter one of two texts with the same score comes first.
    return not is_scattered, score, -len(text)


def _find_word(word: str, text: str) -> int | None:
    """Return the score of a text that has a word of the query as it is, else None."""
    at = _find_word_start(word, text)
    if at == 0:
        return _SCORE_TEXT_START + _SCORE_CONSECUTIVE * len(word)
    if at is not None:
        return _SCORE_WORD_START + _SCORE_CONSECUTIVE * len(word)
    return _SCORE_CONSECUTIVE * len(word) if word in text else None


def _match_scattered(word: str, text: str) -> int | None:
    """Return the score of a text that has the letters of a word in order, else None."""
    score, at, last = 0, 0, -2
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
    return score


def _find_word_start(word: str, text: str) -> int | None:
    """Return the position of a word of the text that begins with `word`, else None."""
    at = text.find(word)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(word, at + 1)
    return at if at >= 0 else None


class SearchTexts(NamedTuple):
    """What an entry is found by.

    Attributes:
        title: of the entry.
        name: of the thing that the title is about, such as a connection; empty for none.
        more: other words.
    """

    title: str
    name: str = ""
    more: str = ""


Rank = tuple[int, bool, tuple[bool, int, int]]


def is_scattered(rank: Rank) -> bool:
    """Return whether an entry only has the letters of what is typed, not its words."""
    return not rank[2][0]


def match_rank(query: str, texts: SearchTexts) -> Rank | None:
    """Return how well an entry matches a query, larger is better; None if it does not match.

    A query that is the whole title or name comes first, then one that begins it, then one that is
    found in the title, then one that needs the other words. The entries of all things keep their
    order while no name is typed. A hyphen may be left out: "rerun" finds "Re-run".
    """
    ranks = [_match_rank(query, texts)]
    if any("-" in text for text in texts):
        ranks.append(_match_rank(_joined(query), SearchTexts(*map(_joined, texts))))
    return max(filter(None, ranks), default=None)


def _joined(text: str) -> str:
    return text.replace("-", "")


def _match_rank(query: str, texts: SearchTexts) -> Rank | None:
    typed, title, name = (" ".join(each.casefold().split()) for each in (query, *texts[:2]))
    rest = typed.removeprefix(title.partition(name)[0].strip()).strip() if name else typed
    if not rest:
        return 1, True, (True, 0, 0)
    found = match_score(typed, title)
    score = found or match_score(typed, f"{title} {texts.more}")
    if score is None:
        return None
    is_whole = typed == title or (bool(name) and rest == name)
    begins = title.startswith(typed) or (bool(name) and name.startswith(rest))
    return 2 * is_whole + begins, found is not None and found[0], score


def ranked_matches(
    query: str, items: Iterable[tuple[SearchTexts, Item]]
) -> list[tuple[Rank, Item]]:
    """Return the items whose texts match a query that is not empty, the best first."""
    ranked = [(rank, item) for texts, item in items if (rank := match_rank(query, texts))]
    ranked.sort(key=lambda entry: entry[0], reverse=True)
    return ranked
