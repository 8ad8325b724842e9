"""Sets of positions that a table changes from and to."""

import random

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.ui.rows.positions import Positions, difference, indices_of

_SETS = st.sets(st.integers(-5, 40) | st.integers(200, 260))


def descending(positions: set[int]) -> Positions:
    return np.array(sorted(positions, reverse=True), np.int64)


@given(_SETS, _SETS)
@example(set(range(30)), {3, 4, 9})
@example({3, 4, 9}, set(range(30)))
@example(set(range(10)), set(range(20, 30)))
@example(set(), {1})
def test_the_difference_of_descending_positions(before: set[int], after: set[int]) -> None:
    added, removed = difference(descending(before), descending(after))
    assert added.tolist() == sorted(after - before, reverse=True)
    assert removed.tolist() == sorted(before - after, reverse=True)
    assert added.dtype == removed.dtype == np.int64


@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_places_of_positions_in_a_long_table(count: int, rng: random.Random) -> None:
    positions = np.arange(70_000, dtype=np.int64)[::-1]
    wanted = np.array(sorted(int(rng.random() * 70_000) for _ in range(count)), np.int64)
    assert positions[indices_of(wanted, positions)].tolist() == wanted.tolist()
