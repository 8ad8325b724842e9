"""Time buckets, reservoirs and percentiles."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.state.series import Reservoir, TimeBuckets, percentile

NOW = 1_795_430_942.0


@given(
    st.sampled_from([0.5, 1.0, 5.0]),
    st.integers(2, 12),
    st.lists(st.tuples(st.floats(0, 120), st.integers(-3, 9)), max_size=60),
    st.floats(0, 130),
)
def test_a_window_contains_the_sums_within_its_length(
    width: float, length: int, added: list[tuple[float, int]], queried_after: float
) -> None:
    series = TimeBuckets(width, length)
    sums: dict[int, int] = {}
    head = -1
    for after, amount in added:
        bucket = int((NOW + after) // width)
        if bucket > head - length:
            sums[bucket] = sums.get(bucket, 0) + amount
        head = max(head, bucket)
        series.add(NOW + after, amount)
    times, values = series.window(NOW + queried_after)
    last = int((NOW + queried_after) // width)
    assert times == [n * width for n in range(last - length + 1, last)]
    expected = {n: s for n, s in sums.items() if head - length < n <= head}
    assert values == [expected.get(n, 0) for n in range(last - length + 1, last)]
    assert series.total(NOW + queried_after, 2 * width) == expected.get(last, 0) + expected.get(
        last - 1, 0
    )


@given(st.lists(st.lists(st.floats(0, 400), max_size=8), max_size=6))
def test_times_added_at_once_count_as_if_added_one_by_one(parts: list[list[float]]) -> None:
    at_once, one_by_one = (TimeBuckets(1.0, 4, TimeBuckets(5.0, 50)) for _ in range(2))
    for part in parts:
        at_once.add_all([NOW + after for after in part])
        for after in part:
            one_by_one.add(NOW + after)
    found = [each.segments(NOW - 10, NOW + 500) for each in (at_once, one_by_one)]
    assert found[0] == found[1]


def test_the_current_bucket_is_in_the_total_but_not_in_the_window() -> None:
    series = TimeBuckets(5.0, 10)
    series.add(NOW)
    assert sum(series.window(NOW)[1]) == 0
    assert series.total(NOW, 5) == 1
    assert sum(series.window(NOW + 5)[1]) == 1


def test_samples_are_sorted_by_time_and_bounded() -> None:
    series = Reservoir(3)
    for at, value in ((NOW, 1.0), (NOW + 2, 3.0), (NOW + 1, 2.0), (NOW + 3, 4.0)):
        series.add(at, value)
    assert series.points(NOW) == ([NOW + 1, NOW + 2, NOW + 3], [2.0, 3.0, 4.0])
    assert series.since(NOW + 2) == [3.0, 4.0]


def test_the_95th_percentile_of_a_hundred_values() -> None:
    assert percentile(range(1, 101), 0.95) == 95


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_with_its_share_below(
    values: list[float], quantile: float
) -> None:
    found = percentile(values, quantile)
    assert found in values
    assert sum(value <= found for value in values) >= quantile * len(values) - 1e-6


def test_the_percentile_of_no_values_is_not_a_number() -> None:
    assert math.isnan(percentile([], 0.5))


def test_quantiles_0_and_1_are_minimum_and_maximum() -> None:
    assert percentile([3, 1, 2], 0) == 1
    assert percentile([3, 1, 2], 1) == pytest.approx(3)
