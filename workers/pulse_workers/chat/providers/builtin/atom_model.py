"""The linear model that tells the type of a message's atom.

A multinomial regression over the features of a message and its hashed words. `atoms.json` has the
weights of the features, `atoms.npy` those of the buckets; `benchmarks/fit_builtin.py` fits both.
"""

import functools
import importlib.resources
import io
import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from pulse_workers.chat.providers.builtin.cues import ATOM_TYPES
from pulse_workers.chat.providers.builtin.ngrams import token_buckets

CLASSES: Final = (*ATOM_TYPES, "noise", "weak_signal", "signal")
"""The types, and the classes of messages without an atom."""
_MAX_WORDS: Final = 3


class AtomWeights(msgspec.Struct, frozen=True):
    """The contents of `atoms.json`; lists are in the order of `CLASSES`.

    Attributes:
        features: weights of each feature.
        bias: weight of each class.
        scale: what a weight of 1 in `atoms.npy` stands for.
        thresholds: probability from which a message has an atom of a type.
    """

    features: dict[str, list[float]]
    bias: list[float]
    scale: float
    thresholds: dict[str, float]


class AtomModel:
    """Weights, ready for use.

    Args:
        weights: all weights but those of buckets.
        buckets: 8-bit weights, one row for each bucket, one column for each class.
    """

    def __init__(self, weights: AtomWeights, buckets: NDArray[np.int8]) -> None:
        self.thresholds: Mapping[str, float] = weights.thresholds
        self._names = tuple(weights.features)
        self._features = np.array([*weights.features.values()])
        self._bias = np.array(weights.bias)
        self._scale = weights.scale
        self._buckets = buckets

    def most_probable(
        self, buckets: Sequence[int], features: Mapping[str, float]
    ) -> tuple[str, float]:
        """Return the most probable type of a message, and its probability."""
        values = np.array([features[name] for name in self._names])
        sums = self._bias + values @ self._features + self._sums(buckets)
        powers = np.exp(sums - sums.max())
        best = int(powers[: len(ATOM_TYPES)].argmax())
        return ATOM_TYPES[best], float(powers[best] / powers.sum())

    def support(self, kind: str, buckets: Sequence[int]) -> float:
        """Return how much a text speaks for a type, compared with the other classes."""
        sums = self._sums(buckets)
        return float(sums[CLASSES.index(kind)] - sums.mean())

    def words_for(self, kind: str, tokens: Sequence[str]) -> list[str]:
        """Return the words that speak for a type most, in their order."""
        words = [each for each in dict.fromkeys(tokens) if each[0].isalpha()]
        support = {each: self.support(kind, sorted(token_buckets(each))) for each in words}
        best = sorted(words, key=lambda each: -support[each])[:_MAX_WORDS]
        return [each for each in words if each in best]

    def _sums(self, buckets: Sequence[int]) -> NDArray[np.float64]:
        sums = self._buckets[buckets].sum(axis=0, dtype=np.int64)
        scale = self._scale / math.sqrt(max(1, len(buckets)))
        return np.asarray(sums * scale, dtype=np.float64)


@functools.cache
def load_atom_model() -> AtomModel:
    """Read the files of this package."""
    folder = importlib.resources.files(__package__)
    weights = msgspec.json.decode(folder.joinpath("atoms.json").read_bytes(), type=AtomWeights)
    file = io.BytesIO(folder.joinpath("atoms.npy").read_bytes())
    return AtomModel(weights, np.load(file, allow_pickle=False))
