"""How often messages were missed: an outage is one gap, though every feed has it."""

import pytest

from pulse_desktop.transport.feed_status import Gap, count_gaps


def gap(start: float, end: float, *, filled: bool = False) -> Gap:
    return Gap(start, end, None, filled)


@pytest.mark.parametrize(
    ("gaps", "counts"),
    [
        ((), (0, 0)),
        ((gap(10, 20), gap(10.2, 20.5)), (1, 0)),
        ((gap(10, 20), gap(30, 40), gap(9.5, 19), gap(30, 41)), (2, 0)),
        ((gap(10, 20, filled=True), gap(10, 20, filled=True)), (0, 1)),
        ((gap(10, 20, filled=True), gap(11, 19)), (1, 0)),
        ((gap(10, 60), gap(20, 30), gap(40, 50)), (1, 0)),
        ((gap(10, 20), gap(20, 30)), (2, 0)),
    ],
)
def test_gaps_that_overlap_are_one(gaps: tuple[Gap, ...], counts: tuple[int, int]) -> None:
    assert count_gaps(gaps) == counts
    assert count_gaps(reversed(gaps)) == counts
