"""The positions of runs are found, kept in order, and take bounded memory."""

import random
import sys

import pytest

from pulse_desktop.state import run_positions
from pulse_desktop.state.run_positions import RunPositions


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_positions, "_MAX_ADDED", 340)


def test_positions_are_those_of_one_dictionary() -> None:
    rng = random.Random(1)
    positions, expected = RunPositions(), dict[str, int]()
    for number in range(5_000):
        positions[f"id {number}"] = expected[f"id {number}"] = number
        while len(expected) > rng.choice([300, 400, 1_000]):
            oldest = next(iter(expected))
            assert positions.pop(oldest) == expected.pop(oldest)
            assert positions.pop(oldest) is None
        sought = f"id {rng.randrange(number + 2)}"
        assert positions.get(sought) == expected.get(sought)
    assert list(positions) == list(expected)
    assert len(positions) == len(expected)


def test_no_dictionary_grows_while_as_many_runs_leave_as_arrive() -> None:
    positions = RunPositions()
    largest = sys.getsizeof({str(number): number for number in range(340)})
    for number in range(20_000):
        if number >= 1_000:
            positions.pop(str(number - 1_000))
        positions[str(number)] = number
        parts = [*positions._older, positions._newest]  # noqa: SLF001
        assert len(parts) <= 4
        assert max(map(sys.getsizeof, parts)) <= largest
    assert len(positions) == 1_000
