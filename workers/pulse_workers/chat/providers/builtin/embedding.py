"""Text embeddings without a model: stems and character n-grams hashed into a fixed space.

Texts are similar when they share stems, pairs of stems or character n-grams; they must share words
to be similar, and a translation is not. Signed hashing (Weinberger et al., 2009) keeps collisions
unbiased.
"""

import itertools
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from pulse_workers.chat.providers.builtin.languages import detect_language, to_cyrillic
from pulse_workers.chat.providers.builtin.stemming import stems
from pulse_workers.chat.providers.builtin.text import content_words
from pulse_workers.chat.records import Vector

DIMENSIONS: Final = 512

_WORD_WEIGHT: Final = 1.0
_PAIR_WEIGHT: Final = 0.7
_NGRAM_WEIGHT: Final = 0.45
_NGRAM_LENGTHS: Final = (3, 4, 5)


def embed_texts(texts: Sequence[str]) -> Vector:
    """Return unit vectors, shape (texts, 512); a text without content words has the zero vector."""
    matrix = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        weights = _features(text)
        if not weights:
            continue
        hashes = np.fromiter((zlib.crc32(name.encode()) for name in weights), dtype=np.uint32)
        values = np.fromiter(weights.values(), dtype=np.float32)
        signs = np.where(hashes >> 31, -1.0, 1.0).astype(np.float32)
        indexes = (hashes % DIMENSIONS).astype(np.int64)
        matrix[row] = np.bincount(indexes, weights=values * signs, minlength=DIMENSIONS)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    np.divide(matrix, norms, out=matrix, where=norms > 0)
    return matrix


def _features(text: str) -> dict[str, float]:
    """Return features with their weights, which grow with the logarithm of the count."""
    tokens = stems(content_words(to_cyrillic(text)), detect_language(text))
    features: dict[str, float] = {}
    for token, count in Counter(tokens).items():
        strength = 1.0 + math.log(count)
        features[f"w:{token}"] = _WORD_WEIGHT * strength
        ngrams = _character_ngrams(token)
        share = _NGRAM_WEIGHT * strength / math.sqrt(len(ngrams)) if ngrams else 0.0
        for ngram in ngrams:
            features[f"c:{ngram}"] = features.get(f"c:{ngram}", 0.0) + share
    for pair in itertools.pairwise(tokens):
        features[f"p:{pair[0]} {pair[1]}"] = _PAIR_WEIGHT
    return features


def _character_ngrams(token: str) -> list[str]:
    bounded = f"<{token}>"
    return [
        bounded[start : start + size]
        for size in _NGRAM_LENGTHS
        for start in range(len(bounded) - size + 1)
        if size < len(bounded)
    ]
