"""The linear model that tells the type of a message's atom.

A multinomial regression over the features of a message and its n-grams. `atoms.json` has the
weights of the features, `atoms.txt` the n-grams that the model knows, `atoms.npy` their weights;
`benchmarks/fit_builtin.py` fits them.
"""

import functools
import importlib.resources
import io
import math
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from pulse_workers.chat.providers.builtin.cues import ATOM_TYPES
from pulse_workers.chat.providers.builtin.ngrams import STEMS, text_ngrams

CLASSES: Final = (*ATOM_TYPES, "noise", "weak_signal", "signal")
"""The types, and the classes of messages without an atom."""
_MAX_WORDS: Final = 3


class Vocabulary:
    """The n-grams that a model knows, with a value for each that is larger if it is rarer.

    Args:
        names: parts of words, then sequences of stems.
        rarities: inverse document frequency of each, in any unit.
    """

    def __init__(self, names: Sequence[str], rarities: NDArray[np.uint8]) -> None:
        self.names = names
        self._places = {name: place for place, name in enumerate(names)}
        self.rarities = rarities
        self._first_stems = sum(not name.startswith(STEMS) for name in names)

    def vector(self, ngrams: Mapping[str, int]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the places and values of the n-grams of a text, those of unknown ones left out.

        Parts of words and sequences of stems each have a length of 1, whatever the text's length.
        """
        known = [
            (place, 1.0 + math.log(count))
            for name, count in ngrams.items()
            if (place := self._places.get(name)) is not None
        ]
        places = np.array([place for place, _ in known], dtype=np.intp)
        values = np.array([value for _, value in known], dtype=np.float64)
        values = values * self.rarities[places].astype(np.float64)
        are_stems = places >= self._first_stems
        for chosen in (are_stems, ~are_stems):
            length = math.sqrt(float(np.square(values[chosen]).sum()))
            values[chosen] /= length or 1.0
        return places, values


class AtomWeights(msgspec.Struct, frozen=True):
    """The contents of `atoms.json`; lists are in the order of `CLASSES`.

    Attributes:
        features: weights of each feature.
        bias: weight of each class.
        scale: what a weight of 1 in `atoms.npy` stands for.
        threshold: probability from which a message has an atom.
    """

    features: dict[str, list[float]]
    bias: list[float]
    scale: float
    threshold: float


class AtomModel:
    """Weights, ready for use.

    Args:
        weights: all weights but those of n-grams.
        vocabulary: the n-grams.
        ngrams: 8-bit weights, one row for each n-gram, one column for each class.

    Raises:
        ValueError: the parts do not fit each other.
    """

    def __init__(
        self, weights: AtomWeights, vocabulary: Vocabulary, ngrams: NDArray[np.int8]
    ) -> None:
        if ngrams.shape != (len(vocabulary.names), len(CLASSES)):
            raise ValueError(f"weights of n-grams have the shape {ngrams.shape}")
        if {len(CLASSES)} != {len(each) for each in (weights.bias, *weights.features.values())}:
            raise ValueError("weights of features are not those of the classes")
        self.threshold = weights.threshold
        self._names = tuple(weights.features)
        self._features = np.array([*weights.features.values()])
        self._bias = np.array(weights.bias)
        self._scale = weights.scale
        self._vocabulary = vocabulary
        self._ngrams = ngrams

    def most_probable(
        self, ngrams: Mapping[str, int], features: Mapping[str, float]
    ) -> tuple[str, float]:
        """Return the most probable type of a message, and its probability."""
        probabilities = self._probabilities(ngrams, features)
        best = int(probabilities[: len(ATOM_TYPES)].argmax())
        return ATOM_TYPES[best], float(probabilities[best])

    def noise_probability(self, ngrams: Mapping[str, int], features: Mapping[str, float]) -> float:
        """Return the probability that a message is noise."""
        return float(self._probabilities(ngrams, features)[CLASSES.index("noise")])

    def _probabilities(
        self, ngrams: Mapping[str, int], features: Mapping[str, float]
    ) -> NDArray[np.float64]:
        values = np.array([features[name] for name in self._names])
        sums = self._bias + values @ self._features + self._sums(ngrams)
        powers = np.exp(sums - sums.max())
        return np.asarray(powers / powers.sum(), dtype=np.float64)

    def support(self, kind: str, tokens: Sequence[str]) -> float:
        """Return how much a text speaks for a type, compared with the other classes."""
        sums = self._sums(text_ngrams(tokens))
        return float(sums[CLASSES.index(kind)] - sums.mean())

    def words_for(self, kind: str, tokens: Sequence[str]) -> list[str]:
        """Return the words that speak for a type most, in their order."""
        words = [each for each in dict.fromkeys(tokens) if each[0].isalpha()]
        support = {each: self.support(kind, [each]) for each in words}
        best = sorted(words, key=lambda each: -support[each])[:_MAX_WORDS]
        return [each for each in words if each in best]

    def _sums(self, ngrams: Mapping[str, int]) -> NDArray[np.float64]:
        places, values = self._vocabulary.vector(ngrams)
        sums = values @ self._ngrams[places]
        return np.asarray(sums * self._scale, dtype=np.float64)


def read_atom_model(folder: Traversable) -> AtomModel:
    """Read the files of a model.

    Raises:
        ValueError: a file is damaged, or does not belong to the others.
        OSError: a file cannot be read.
    """
    weights = msgspec.json.decode(folder.joinpath("atoms.json").read_bytes(), type=AtomWeights)
    names = folder.joinpath("atoms.txt").read_text(encoding="utf-8").split("\n")[:-1]
    file = io.BytesIO(folder.joinpath("atoms.npy").read_bytes())
    table = np.load(file, allow_pickle=False)
    if table.dtype != np.int8 or table.shape != (len(names), len(CLASSES) + 1):
        raise ValueError(f"atoms.npy has {table.dtype} of the shape {table.shape}")
    return AtomModel(weights, Vocabulary(names, table[:, -1].astype(np.uint8)), table[:, :-1])


@functools.cache
def load_atom_model() -> AtomModel:
    """Read the files of this package."""
    return read_atom_model(importlib.resources.files(__package__))
