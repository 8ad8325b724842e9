"""Text embeddings without a model."""

import numpy as np
import pytest
from pulse_workers.chat.providers.builtin.embedding import DIMENSIONS, embed_texts


def test_vectors_are_unit_vectors_and_deterministic() -> None:
    vectors = embed_texts(["the payment queue", "платіжна черга", ""])
    assert vectors.shape == (3, DIMENSIONS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0, 0.0])
    assert np.array_equal(vectors, embed_texts(["the payment queue", "платіжна черга", ""]))


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("payment queue fails", "the queue of payments failed", "lunch at noon tomorrow"),
        ("платіжна черга падає", "черги платежів впали", "обід о дванадцятій"),
    ],
)
def test_texts_with_inflected_forms_of_the_same_words_are_similar(
    text: str, near: str, far: str
) -> None:
    one, two, three = embed_texts([text, near, far])
    assert float(one @ two) > float(one @ three) + 0.1


def test_no_texts_give_an_empty_matrix() -> None:
    assert embed_texts([]).shape == (0, DIMENSIONS)
