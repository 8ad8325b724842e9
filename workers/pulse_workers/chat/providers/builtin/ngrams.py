"""Features of a text that no list of words has to name: parts of words, and sequences of stems.

A vocabulary in the package says which of them the model of atoms knows.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from pulse_workers.chat.providers.builtin.stemming import stem

_LINK: Final = re.compile(r"https?://\S+|www\.\S+")
_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d+(?:[.,:]\d+)*|[?!%$€₴…]|\.\.\.")
_PARTS: Final = range(2, 6)
"""Lengths of the parts of a word, of which the space before and after it is one character."""
_MAX_STEMS: Final = 3
_MAX_TOKEN: Final = 40
"""Characters of a token that have parts."""
STEMS: Final = "="
"""What the name of a sequence of stems begins with; no token has this character."""


def ngram_tokens(text: str) -> list[str]:
    """Return the words and marks of a normalized text in lower case; every number is `0`."""
    tokens = _TOKEN.findall(_LINK.sub(" url ", text).lower())
    return ["0" if token[0].isdigit() else token for token in tokens]


def text_ngrams(tokens: Sequence[str]) -> Counter[str]:
    """Return the names of the n-grams of a text, and how often it has each."""
    found: Counter[str] = Counter()
    for token in tokens:
        found.update(word_parts(token))
    found.update(_sequences([token_stem(token) for token in tokens]))
    return found


@functools.lru_cache(maxsize=20_000)
def word_parts(token: str) -> tuple[str, ...]:
    """Return the parts of a token: two to five characters of it and the spaces around it."""
    bounded = f" {token[:_MAX_TOKEN]} "
    return tuple(
        bounded[start : start + length]
        for length in _PARTS
        for start in range(len(bounded) - length + 1)
    )


def token_stem(token: str) -> str:
    """Return the stem of a token, or a mark itself."""
    return stem(token, None) or token


def _sequences(stems: Sequence[str]) -> Iterable[str]:
    for length in range(1, _MAX_STEMS + 1):
        for start in range(len(stems) - length + 1):
            yield STEMS + " ".join(stems[start : start + length])
