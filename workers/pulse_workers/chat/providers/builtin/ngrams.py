"""Features of a text that no list of words has to name: stems, their sequences and parts of words.

They are hashed into a fixed number of buckets, by a checksum that is the same on every platform.
"""

import functools
import itertools
import re
import zlib
from collections.abc import Sequence
from typing import Final

from pulse_workers.chat.providers.builtin.stemming import stem

BUCKETS: Final = 2**15
_LINK: Final = re.compile(r"https?://\S+|www\.\S+")
_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d+(?:[.,:]\d+)*|[?!%$€₴…]|\.\.\.")
_PARTS: Final = range(3, 5)
"""Lengths of the parts of a word."""


def ngram_tokens(text: str) -> list[str]:
    """Return the words and marks of a normalized text in lower case; every number is `0`."""
    tokens = _TOKEN.findall(_LINK.sub(" url ", text).lower())
    return ["0" if token[0].isdigit() else token for token in tokens]


def text_buckets(tokens: Sequence[str]) -> list[int]:
    """Return the buckets of a text, each once."""
    found: set[int] = set()
    for token in tokens:
        found.update(token_buckets(token))
    words = [stem(token, None) or token for token in tokens]
    found.update(_bucket(f"s{' '.join(pair)}") for pair in itertools.pairwise(words))
    return sorted(found)


@functools.lru_cache(maxsize=20_000)
def token_buckets(token: str) -> frozenset[int]:
    """Return the buckets of a token by itself: its stem, the token and its parts."""
    bounded = f"<{token[:40]}>"
    parts = (
        bounded[start : start + length]
        for length in _PARTS
        for start in range(len(bounded) - length + 1)
    )
    names = ["s" + (stem(token, None) or token), "w" + token, *("c" + part for part in parts)]
    return frozenset(_bucket(name) for name in names)


def _bucket(name: str) -> int:
    return zlib.crc32(name.encode()) % BUCKETS
