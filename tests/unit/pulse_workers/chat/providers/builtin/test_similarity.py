"""Similarity is relative to the embedding model, never a fixed cosine."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pulse_workers.chat.providers.builtin.similarity import MIN_SIMILARITY, Similarity
from pulse_workers.chat.records import Vector


def unit(vectors: NDArray[np.float64]) -> Vector:
    found: Vector = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return found


def texts(shared: float) -> Vector:
    """Return 100 unrelated vectors with a direction in common, and a pair of related ones."""
    random = np.random.default_rng(1)
    rows = random.normal(size=(101, 64))
    rows[100] = rows[99] + 0.5 * random.normal(size=64)
    rows[:, 0] += shared * 8
    return unit(rows)


@pytest.mark.parametrize("shared", [0.0, 1.0, 3.0])
def test_related_texts_are_found_however_similar_all_texts_are(shared: float) -> None:
    rows = texts(shared)
    similarity = Similarity(list(rows))
    assert similarity.cosine(rows[99], rows[100]) > similarity.minimum
    unrelated = [similarity.cosine(rows[99], rows[index]) for index in range(99)]
    assert sum(cosine > similarity.minimum for cosine in unrelated) <= 4


def test_a_fixed_cosine_would_find_everything() -> None:
    rows = texts(3.0)
    assert (rows[99] @ rows[:99].T > MIN_SIMILARITY).all()


def test_vectors_without_a_direction_in_common_are_compared_as_they_are() -> None:
    rows = texts(0.0)
    similarity = Similarity(list(rows))
    assert similarity.minimum == MIN_SIMILARITY
    assert similarity.cosine(rows[0], rows[1]) == pytest.approx(float(rows[0] @ rows[1]))
    assert Similarity([]).minimum == MIN_SIMILARITY
