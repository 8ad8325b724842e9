"""The positions of runs are found, kept in order, and take bounded memory."""

import random
import sys

from pulse_desktop.state.run_positions import RunPositions


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
    largest = sys.getsizeof({str(number): number for number in range(1_000)})
    for number in range(20_000):
        if number >= 1_000:
            positions.pop(str(number - 1_000))
        positions[str(number)] = number
        sizes = map(sys.getsizeof, (positions._older, positions._newer))  # noqa: SLF001
        assert max(sizes) <= largest
