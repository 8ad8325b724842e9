"""Text search: an inverted index over stems, ranked by BM25.

A query finds a text that has one of its words in any inflected form. Words of the query that few
texts have count most.
"""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Final

from pulse_workers.chat.providers.builtin.languages import LANGUAGES, detect_language, to_cyrillic
from pulse_workers.chat.providers.builtin.stemming import stem, stems
from pulse_workers.chat.providers.builtin.text import content_words, tokenize

_SATURATION: Final = 1.2
_LENGTH_EFFECT: Final = 0.6


class TextIndex:
    """An index in memory: about 100 bytes for each word of a text."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._lengths = array("I")
        self._texts: dict[str, int] = {}
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._total_length = 0

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text_id: str, text: str) -> None:
        """Add a text, or replace the one that has the same ID."""
        self.remove(text_id)
        number = len(self._ids)
        counts = Counter(stems(_words(text), detect_language(text)))
        self._ids.append(text_id)
        self._lengths.append(counts.total())
        self._texts[text_id] = number
        self._total_length += counts.total()
        for each, count in counts.items():
            numbers, frequencies = self._postings.setdefault(each, (array("I"), array("I")))
            numbers.append(number)
            frequencies.append(count)

    def remove(self, text_id: str) -> None:
        """Remove a text; an unknown ID is ignored."""
        number = self._texts.pop(text_id, None)
        if number is not None:
            self._total_length -= self._lengths[number]

    def search(self, query: str, limit: int = 20) -> list[tuple[str, float]]:
        """Return the IDs of the best texts with their scores, best first."""
        scores: dict[int, float] = {}
        mean_length = self._total_length / max(1, len(self._texts)) or 1.0
        for word in dict.fromkeys(_words(query)):
            best: dict[int, float] = {}
            for each in {stem(word, language) for language in (None, *LANGUAGES)}:
                for number, score in self._score(each, mean_length):
                    best[number] = max(score, best.get(number, 0.0))
            for number, score in best.items():
                scores[number] = scores.get(number, 0.0) + score
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return [(self._ids[number], round(score, 4)) for number, score in ranked]

    def _score(self, each: str, mean_length: float) -> list[tuple[int, float]]:
        numbers, frequencies = self._postings.get(each, ((), ()))
        live = [
            (number, count)
            for number, count in zip(numbers, frequencies, strict=True)
            if self._texts.get(self._ids[number]) == number
        ]
        rarity = math.log(1 + (len(self._texts) - len(live) + 0.5) / (len(live) + 0.5))
        found = []
        for number, count in live:
            length = 1 - _LENGTH_EFFECT + _LENGTH_EFFECT * self._lengths[number] / mean_length
            found.append(
                (number, rarity * count * (_SATURATION + 1) / (count + _SATURATION * length))
            )
        return found


def _words(text: str) -> Sequence[str]:
    """Return the words that are searched for; stop words only if there is nothing else."""
    plain = to_cyrillic(text)
    return content_words(plain) or tokenize(plain)
