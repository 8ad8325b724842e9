"""Key phrases by RAKE (Rose et al., 2010): runs of meaningful words, scored by their company."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from workers.providers.stop_words import STOP_WORDS
from workers.providers.text import prose, words

_BREAK: Final = re.compile(r"[^\w\s'’ʼ-]+|\n")
_MAX_WORDS: Final = 3


def key_phrases(texts: Sequence[str], count: int = 5) -> list[str]:
    """Return the strongest phrases of some texts, strongest first.

    A word scores by how often it stands in phrases and how long those are; a phrase is worth the
    sum of its words, and more when several texts use it.
    """
    occurrences: Counter[tuple[str, ...]] = Counter()
    in_texts: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for number, text in enumerate(texts):
        for phrase in _candidates(text):
            occurrences[phrase] += 1
            in_texts[phrase].add(number)
    frequency: Counter[str] = Counter()
    degree: Counter[str] = Counter()
    for phrase, times in occurrences.items():
        for word in phrase:
            frequency[word] += times
            degree[word] += times * len(phrase)
    spread = _words_in_texts(in_texts)

    def strength(phrase: tuple[str, ...]) -> float:
        company = sum(degree[word] / frequency[word] for word in phrase) / len(phrase) ** 0.5
        common = sum(spread[word] for word in phrase) / len(phrase)
        shared = 1 + 0.5 * (len(in_texts[phrase]) - 1)
        return float(company * common * shared)

    ranked = sorted(occurrences, key=lambda phrase: (-strength(phrase), phrase))
    return _without_parts([" ".join(phrase) for phrase in ranked], count)


def _candidates(text: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for piece in _BREAK.split(prose(text)):
        run: list[str] = []
        for word in [*words(piece), ""]:
            if len(word) > 2 and word not in STOP_WORDS and not word[0].isdigit():
                run.append(word)
                continue
            if run:
                found.extend(_cut(run))
            run = []
    return found


def _cut(run: list[str]) -> list[tuple[str, ...]]:
    return [tuple(run[at : at + _MAX_WORDS]) for at in range(0, len(run), _MAX_WORDS)]


def _words_in_texts(in_texts: dict[tuple[str, ...], set[int]]) -> dict[str, int]:
    texts: defaultdict[str, set[int]] = defaultdict(set)
    for phrase, numbers in in_texts.items():
        for word in phrase:
            texts[word] |= numbers
    return {word: len(numbers) for word, numbers in texts.items()}


def _without_parts(phrases: list[str], count: int) -> list[str]:
    """Leave out phrases that only repeat words of stronger ones."""
    kept: list[str] = []
    seen: set[str] = set()
    for phrase in phrases:
        parts = set(phrase.split())
        if parts <= seen:
            continue
        kept.append(phrase)
        seen |= parts
        if len(kept) == count:
            break
    return kept
