"""Key phrases after RAKE (Rose et al., 2010): runs of content words, scored by co-occurrence.

Two things are adapted to chat. A word scores by the number of messages that use it in any form
(words are compared by their stems). And a phrase needs a word that occurs in two messages, a phrase
of several words two such words: in short texts the rarest words say the least.
"""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from pulse_workers.chat.providers.builtin.languages import detect_language
from pulse_workers.chat.providers.builtin.stemming import stem
from pulse_workers.chat.providers.builtin.stop_words import (
    CALENDAR,
    STOP_WORDS,
    STOP_WORDS_OF,
    WEAK_WORDS,
)
from pulse_workers.chat.providers.builtin.text import strip_markup, tokenize

_BOUNDARY: Final = re.compile(r"[^\w\s'’ʼ-]+|\n")
_MAX_WORDS: Final = 3
_MIN_RECURRING: Final = 2
"""Words of a phrase that have to occur in two messages."""
_VERB: Final = re.compile(
    r"(?:ити|ати|яти|іти|ться|лась|лося|лись|ємо|емо|имо|ють|ять|уть|ать|аю|ую|ив|ав|ила|ала|ило|ало"
    r"|или|али|еш|иш|ють|ний|ingly|ously|[a-z]{3}ed)$"
)

Phrase = tuple[str, ...]


def key_phrases(texts: Sequence[str], count: int = 5) -> list[str]:
    """Return the strongest phrases of texts, strongest first; none if no word recurs."""
    runs_of_texts = [list(_content_runs(text)) for text in texts]
    frequency = _document_frequency(runs_of_texts)
    counts: Counter[Phrase] = Counter()
    originals: dict[Phrase, str] = {}
    for run in itertools.chain.from_iterable(runs_of_texts):
        for phrase in _subphrases(run):
            key = tuple(stem(word, None) for word in phrase)
            counts[key] += 1
            originals.setdefault(key, " ".join(phrase))
    cooccurring: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, times in counts.items():
        for word in key:
            cooccurring[word].update({other: times for other in key if other != word})

    def strength(key: Phrase) -> float:
        recurring = sum(frequency[word] - 1 for word in key)
        if sum(frequency[word] > 1 for word in key) < min(_MIN_RECURRING, len(key)):
            return 0.0
        phrase_words = originals[key].split()
        verbs = sum(bool(_VERB.search(word)) for word in phrase_words)
        if all(word in WEAK_WORDS or _VERB.search(word) for word in phrase_words):
            return 0.0
        frequency_and_length = counts[key] ** 0.5 * len(key) ** 0.8
        connected = 1 + sum(len(cooccurring[word]) > 1 for word in key) / len(key)
        return float(recurring / len(key) * frequency_and_length * connected / (1 + 2 * verbs))

    ranked = sorted(counts, key=lambda key: (-strength(key), originals[key]))
    return _drop_overlapping([(originals[key], key) for key in ranked if strength(key) > 0], count)


def _document_frequency(runs_of_texts: Sequence[Sequence[Sequence[str]]]) -> Counter[str]:
    """Count the texts in which each stem occurs."""
    frequency: Counter[str] = Counter()
    for runs in runs_of_texts:
        frequency.update({stem(word, None) for run in runs for word in run})
    return frequency


def _content_runs(text: str) -> Iterator[list[str]]:
    """Yield runs of adjacent content words."""
    excluded = STOP_WORDS_OF.get(detect_language(text) or "", STOP_WORDS) | CALENDAR
    for piece in _BOUNDARY.split(strip_markup(text)):
        run: list[str] = []
        for word in [*tokenize(piece), ""]:
            if len(word) > 2 and word not in excluded and not word[0].isdigit():
                run.append(word)
                continue
            if run:
                yield run
            run = []


def _subphrases(run: Sequence[str]) -> Iterator[Phrase]:
    for size in range(1, min(_MAX_WORDS, len(run)) + 1):
        for begin in range(len(run) - size + 1):
            yield tuple(run[begin : begin + size])


def _drop_overlapping(phrases: Sequence[tuple[str, Phrase]], count: int) -> list[str]:
    """Drop phrases that have a word in common with a stronger phrase."""
    kept: list[str] = []
    used: set[str] = set()
    for phrase, key in phrases:
        if used.isdisjoint(key):
            kept.append(phrase)
            used.update(key)
        if len(kept) == count:
            break
    return kept
