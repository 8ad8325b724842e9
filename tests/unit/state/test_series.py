"""Sums and samples over time."""

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
def test_a_series_gives_the_sums_of_what_was_added_within_its_span(
    width, length, added, ask
) -> None:
    series = TimeBuckets(width, length)
    sums, head = {}, -1
    for after, amount in added:
        bucket = int((NOW + after) // width)
        if bucket > head - length:
            sums[bucket] = sums.get(bucket, 0) + amount
        head = max(head, bucket)
        series.add(NOW + after, amount)
    times, values = series.window(NOW + ask)
    last = int((NOW + ask) // width)
    assert times == [n * width for n in range(last - length + 1, last)]
    expected = {n: s for n, s in sums.items() if head - length < n <= head}
    assert values == [expected.get(n, 0) for n in range(last - length + 1, last)]
    assert series.total(NOW + ask, 2 * width) == expected.get(last, 0) + expected.get(last - 1, 0)


def test_a_bucket_still_filling_is_left_out_of_the_window_and_counted_in_the_total() -> None:
    series = TimeBuckets(5.0, 10)
    series.add(NOW)
    assert sum(series.window(NOW)[1]) == 0
    assert series.total(NOW, 5) == 1
    assert sum(series.window(NOW + 5)[1]) == 1


def test_samples_come_back_in_order_of_time_and_are_bounded() -> None:
    series = Reservoir(3)
    for at, value in ((NOW, 1.0), (NOW + 2, 3.0), (NOW + 1, 2.0), (NOW + 3, 4.0)):
        series.add(at, value)
    assert series.points(NOW) == ([NOW + 1, NOW + 2, NOW + 3], [2.0, 3.0, 4.0])
    assert series.since(NOW + 2) == [3.0, 4.0]


def test_the_percentile_of_no_values_is_not_a_number() -> None:
    assert math.isnan(percentile([], 0.95))
    assert percentile(range(1, 101), 0.95) == 95


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_and_leaves_its_share_below(values, quantile) -> None:
    found = percentile(values, quantile)
    assert found in values
    assert sum(value <= found for value in values) >= quantile * len(values) - 1e-6


def test_the_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(percentile([], 0.5))
    assert percentile([3, 1, 2], 0) == 1
    assert percentile([3, 1, 2], 1) == pytest.approx(3)
