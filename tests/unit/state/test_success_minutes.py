"""Minutes with successes equal those found by counting all of them."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.state.success_minutes import MAX_MINUTES, SuccessMinutes

MINUTE = 60.0


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3_000)), max_size=60),
    st.integers(0, 3_000),
    st.integers(0, 3_000),
    st.sampled_from([60.0, 225.0, 700.0]),
    st.integers(0, 5),
)
def test_periods_are_those_found_by_counting(
    steps: list[tuple[bool, int]], start: int, seconds: int, length: float, count: int
) -> None:
    minutes, counts, end = SuccessMinutes(), Counter[int](), start + seconds
    for adds, at in steps:
        if adds:
            minutes.add(at)
            counts[at // 60] += 1
        else:
            minutes.remove(at)
            counts[at // 60] -= counts[at // 60] > 0
    periods = {
        (minute * MINUTE - start) // length
        for minute in counts
        if counts[minute] and start <= minute * MINUTE <= end
    }
    assert minutes.has_periods(start, end, length, count) is (len(periods) >= count)


def test_the_oldest_minutes_are_left_out() -> None:
    minutes = SuccessMinutes()
    for number in range(MAX_MINUTES + 10):
        minutes.add(number * MINUTE)
    minutes.add(0.0)
    minutes.remove(0.0)
    assert not minutes.has_periods(0.0, 9 * MINUTE, MINUTE, 1)
    assert minutes.has_periods(10 * MINUTE, (MAX_MINUTES + 9) * MINUTE, MINUTE, MAX_MINUTES)
