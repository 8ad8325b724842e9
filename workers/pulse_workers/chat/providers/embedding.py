"""Vectors for text without a model: words and letter groups hashed into a fixed space.

Two texts are near when they share words, pairs of words, or the beginnings and parts of words
(which stands in for inflection, rich in Ukrainian). Signed hashing (Weinberger et al., 2009)
keeps collisions unbiased.
"""

import itertools
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pulse_workers.chat.providers.text import content_words

Vector = NDArray[np.float32]

DIMENSIONS: Final = 512

_WORD_WEIGHT: Final = 1.0
_BEGINNING_WEIGHT: Final = 0.7
_PAIR_WEIGHT: Final = 0.7
_BEGINNING: Final = 4
_LETTERS_WEIGHT: Final = 0.45
_LETTERS: Final = (3, 4, 5)


def embed_texts(texts: Sequence[str]) -> Vector:
    """Return unit vectors, shape (texts, 512); a text without meaning has the zero vector."""
    matrix = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        weights = _features(text)
        if not weights:
            continue
        hashes = np.fromiter((zlib.crc32(name.encode()) for name in weights), dtype=np.uint32)
        values = np.fromiter(weights.values(), dtype=np.float32)
        signs = np.where(hashes >> 31, -1.0, 1.0).astype(np.float32)
        places = (hashes % DIMENSIONS).astype(np.int64)
        matrix[row] = np.bincount(places, weights=values * signs, minlength=DIMENSIONS)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    np.divide(matrix, norms, out=matrix, where=norms > 0)
    return matrix


def _features(text: str) -> dict[str, float]:
    """Return named features with their weights; repetition counts by its logarithm."""
    tokens = content_words(text)
    features: dict[str, float] = {}
    for token, count in Counter(tokens).items():
        strength = 1.0 + math.log(count)
        features[f"w:{token}"] = _WORD_WEIGHT * strength
        if len(token) > _BEGINNING:
            beginning = f"b:{token[:_BEGINNING]}"
            features[beginning] = features.get(beginning, 0.0) + _BEGINNING_WEIGHT * strength
        groups = _letter_groups(token)
        share = _LETTERS_WEIGHT * strength / math.sqrt(len(groups)) if groups else 0.0
        for group in groups:
            features[f"c:{group}"] = features.get(f"c:{group}", 0.0) + share
    for pair in itertools.pairwise(tokens):
        features[f"p:{pair[0]} {pair[1]}"] = _PAIR_WEIGHT
    return features


def _letter_groups(token: str) -> list[str]:
    marked = f"<{token}>"
    return [
        marked[start : start + size]
        for size in _LETTERS
        for start in range(len(marked) - size + 1)
        if size < len(marked)
    ]
