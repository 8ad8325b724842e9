"""Similarity of vectors of any embedding model, measured against what all its vectors share.

Vectors of neural models point in similar directions: any two texts have a cosine of 0.8 or so.
Without their mean direction, unrelated texts have a cosine near 0, as those of word statistics do.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from pulse_workers.chat.records import Vector

MIN_SIMILARITY: Final = 0.22
"""Lowest cosine of related texts, if unrelated ones hardly vary."""
_DEVIATIONS: Final = 2.8
"""Standard deviations of unrelated texts above which texts are related."""
_SHARED: Final = 0.3
"""Mean cosine from which the vectors of a model have a direction in common."""


class Similarity:
    """Compares vectors of one embedding model."""

    def __init__(self, sample: Sequence[Vector]) -> None:
        """Measure the model.

        Args:
            sample: unit vectors of texts, most of which are unrelated.
        """
        self.minimum = MIN_SIMILARITY
        self._mean: Vector | None = None
        if len(sample) < 2:
            return
        rows = np.stack(sample)
        upper = np.triu_indices(len(rows), 1)
        if float((rows @ rows.T)[upper].mean()) < _SHARED:
            return
        self._mean = rows.mean(axis=0)
        centered = np.stack([self._center(row) for row in rows])
        deviation = float((centered @ centered.T)[upper].std())
        self.minimum = max(MIN_SIMILARITY, _DEVIATIONS * deviation)

    def cosine(self, one: Vector, other: Vector) -> float:
        """Return the cosine of two vectors without what all vectors share, -1 to 1."""
        return float(np.dot(self._center(one), self._center(other)))

    def _center(self, vector: Vector) -> Vector:
        if self._mean is None:
            return vector
        centered = vector - self._mean
        norm = float(np.linalg.norm(centered))
        return centered / norm if norm else centered
