"""Key phrases after RAKE (Rose et al., 2010): runs of meaningful words, scored by their company.

Two things are added for chat. A word counts by how many messages use it, in any of its forms
(words are compared by their beginnings, since Ukrainian inflects a lot). And a phrase of which no
word is used twice is no key phrase: in short texts the rarest words are the least telling ones.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from pulse_workers.chat.providers.stop_words import CALENDAR, STOP_WORDS, WEAK_ALONE
from pulse_workers.chat.providers.text import prose, words

_BREAK: Final = re.compile(r"[^\w\s'’ʼ-]+|\n")
_NOT_TELLING: Final = STOP_WORDS | CALENDAR
_MAX_WORDS: Final = 3
_STEM: Final = 5
_VERB: Final = re.compile(
    r"(?:ити|ати|яти|іти|ться|лась|лося|лись|ємо|емо|имо|ють|ять|уть|ать|аю|ую|ив|ав|ила|ала|ило|ало"
    r"|или|али|еш|иш|ють|ний|ingly|ously|[a-z]{3}ed)$"
)

Phrase = tuple[str, ...]


def stem(word: str) -> str:
    """Return the beginning of a word, which its forms share."""
    return word[:_STEM]


def key_phrases(texts: Sequence[str], count: int = 5) -> list[str]:
    """Return the strongest phrases of some texts, strongest first; none if nothing recurs."""
    spread = _spread(texts)
    seen: Counter[Phrase] = Counter()
    shown: dict[Phrase, str] = {}
    for text in texts:
        for run in _runs(text):
            for phrase in _parts(run):
                key = tuple(stem(word) for word in phrase)
                seen[key] += 1
                shown.setdefault(key, " ".join(phrase))
    company: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, times in seen.items():
        for word in key:
            company[word].update({other: times for other in key if other != word})

    def strength(key: Phrase) -> float:
        recurring = sum(spread[word] - 1 for word in key)
        if not recurring:
            return 0.0
        shown_words = shown[key].split()
        verbs = sum(bool(_VERB.search(word)) for word in shown_words)
        if all(word in WEAK_ALONE or _VERB.search(word) for word in shown_words):
            return 0.0
        together = seen[key] ** 0.5 * len(key) ** 0.8
        known = 1 + sum(len(company[word]) > 1 for word in key) / len(key)
        return float(recurring / len(key) * together * known / (1 + 2 * verbs))

    ranked = sorted(seen, key=lambda key: (-strength(key), shown[key]))
    return _without_parts([(shown[key], key) for key in ranked if strength(key) > 0], count)


def _spread(texts: Sequence[str]) -> Counter[str]:
    """Count in how many texts each beginning of a word occurs."""
    spread: Counter[str] = Counter()
    for text in texts:
        spread.update({stem(word) for run in _runs(text) for word in run})
    return spread


def _runs(text: str) -> Iterator[list[str]]:
    """Yield runs of meaningful words that stand side by side."""
    for piece in _BREAK.split(prose(text)):
        run: list[str] = []
        for word in [*words(piece), ""]:
            if len(word) > 2 and word not in _NOT_TELLING and not word[0].isdigit():
                run.append(word)
                continue
            if run:
                yield run
            run = []


def _parts(run: Sequence[str]) -> Iterator[Phrase]:
    for size in range(1, min(_MAX_WORDS, len(run)) + 1):
        for begin in range(len(run) - size + 1):
            yield tuple(run[begin : begin + size])


def _without_parts(phrases: Sequence[tuple[str, Phrase]], count: int) -> list[str]:
    """Leave out phrases that share a word with a stronger one."""
    kept: list[str] = []
    used: set[str] = set()
    for shown, key in phrases:
        if used.isdisjoint(key):
            kept.append(shown)
            used.update(key)
        if len(kept) == count:
            break
    return kept
