"""Series are resampled for charts: rates with unknown times, samples without false gaps."""

import math

import numpy as np
import pytest

from pulse_desktop.model.time_range import ALL_RETAINED, fixed, last
from pulse_desktop.state.series import Reservoir, TimeBuckets
from pulse_desktop.ui.charts.resampling import FloatArray, quantile_series, rate_series
from pulse_desktop.ui.charts.time_ranges import ChartRange, chart_range

NOW = 1_763_894_407.0
TEN_MINUTES = ChartRange(600.0)
RANGES = (TEN_MINUTES, ChartRange(1800.0), ChartRange(3600.0))


def _lengths(times: FloatArray) -> FloatArray:
    """Return the seconds that each rate covers: the last one more than the others."""
    lengths = np.full(times.size, times[1] - times[0])
    lengths[-1] = 2 * (times[-1] - times[-2]) - lengths[0]
    return lengths


def test_a_rate_has_the_requested_unit_and_adds_up() -> None:
    series = TimeBuckets(5.0, 720)
    for second in range(60):
        series.add(NOW - 67 - second)  # one a second, for a minute
    times, values = rate_series({"all": series}, NOW, TEN_MINUTES, per_s=60, history_start=0)
    assert values["all"].max() == pytest.approx(60, abs=2)
    assert (values["all"] * _lengths(times)).sum() / 60 == pytest.approx(60)


def test_rare_events_are_counted_in_longer_buckets() -> None:
    series = TimeBuckets(5.0, 720)
    series.add(NOW - 100)
    times, values = rate_series({"all": series}, NOW, TEN_MINUTES, per_s=60, history_start=0)
    assert np.diff(times)[0] == 60
    assert values["all"].max() == pytest.approx(1.0), "one event is one per minute, not six"


def test_a_rate_is_unknown_before_the_recorded_history_and_zero_after() -> None:
    series = TimeBuckets(5.0, 720)
    series.add(NOW - 100)
    times, values = rate_series(
        {"all": series}, NOW, TEN_MINUTES, per_s=60, history_start=NOW - 300
    )
    assert np.isnan(values["all"][times < NOW - 300]).all()
    assert not np.isnan(values["all"][times >= NOW - 300]).any()


def test_of_the_bucket_in_which_history_begins_what_is_known_counts() -> None:
    series = TimeBuckets(5.0, 720)
    for second in range(0, 480, 5):
        series.add(NOW - 485 + second, 5)  # one a second for eight minutes
    day = ChartRange(86_400.0)
    times, values = rate_series({"all": series}, NOW, day, per_s=1.0, history_start=NOW - 485)
    known = np.isfinite(values["all"])
    assert known.any()
    assert values["all"][known].max() == pytest.approx(1.0, rel=0.1)
    half = (times[1] - times[0]) / 2
    assert np.isnan(values["all"][times + half <= NOW - 485]).all()


@pytest.mark.parametrize("time_range", RANGES)
@pytest.mark.parametrize("count", [1, 120])
@pytest.mark.parametrize("ago", [7.0, 20.0, 50.0])
def test_the_newest_events_are_shown_and_counted_once(
    time_range: ChartRange, count: int, ago: float
) -> None:
    series = TimeBuckets(5.0, 720)
    series.add(NOW - ago, count)
    for later in range(0, 60, 5):
        now = NOW + later
        times, values = rate_series({"all": series}, now, time_range, per_s=60, history_start=0)
        lengths = _lengths(times)
        assert (values["all"] * lengths).sum() / 60 == pytest.approx(count)
        assert times[-1] + lengths[-1] / 2 >= now - 5
        assert times[0] >= now - time_range.seconds - lengths[0]


def test_a_steady_rate_is_steady_up_to_the_last_point() -> None:
    series = TimeBuckets(5.0, 720)
    for second in range(1200):
        series.add(NOW - 1000 + second)
    for second in range(20):
        _times, values = rate_series(
            {"all": series}, NOW + second, TEN_MINUTES, per_s=1, history_start=0
        )
        assert values["all"] == pytest.approx(1.0)


def test_a_sample_is_shown_at_once_however_rare_the_others_are() -> None:
    rare, latest = Reservoir(), Reservoir()
    for ago in (580, 300, 3):
        rare.add(NOW - ago, 1.0)
    latest.add(NOW - 1, 2.0)
    times, values = quantile_series({"rare": rare, "latest": latest}, NOW, TEN_MINUTES)
    assert (values["rare"][-1], values["latest"][-1]) == (1.0, 2.0)
    assert NOW - 60 < times[-1] < NOW
    assert np.isfinite(values["rare"]).sum() == 3


@pytest.mark.parametrize("every", [0.7, 5.0, 15.0, 30.0, 60.0])
def test_regular_samples_leave_no_gap_at_any_interval(every: float) -> None:
    series = Reservoir()
    for at in np.arange(NOW - 1200, NOW, every):
        series.add(float(at), 3.0)
    _times, values = quantile_series({"a": series}, NOW, TEN_MINUTES)
    assert np.isfinite(values["a"][:-1]).all()  # the last bucket may not have its sample yet
    assert np.nanmax(values["a"]) == 3.0


@pytest.mark.parametrize("apart", [0.1, 4.0, 6.0])
def test_two_alternating_sources_leave_no_gap(apart: float) -> None:
    series = Reservoir()
    for number in range(40):
        series.add(NOW - 590 + 14.7 * number, 1.0)
        series.add(NOW - 590 + 14.7 * number + apart, 3.0)
    _times, values = quantile_series({"p": series}, NOW, TEN_MINUTES)
    known = np.flatnonzero(~np.isnan(values["p"]))
    assert len(known) >= 15
    assert not np.isnan(values["p"][known[0] : known[-1] + 1]).any()


def test_missing_samples_are_a_gap() -> None:
    series = Reservoir()
    for at in np.arange(NOW - 600, NOW, 5.0):
        if not NOW - 300 < at < NOW - 200:
            series.add(float(at), 1.0)
    times, values = quantile_series({"a": series}, NOW, TEN_MINUTES)
    inside = (times > NOW - 290) & (times < NOW - 210)
    assert np.isnan(values["a"][inside]).all()


def test_the_chosen_quantile_represents_a_bucket() -> None:
    series = Reservoir()
    for number in range(100):
        series.add(NOW - 60, number)
    assert np.nanmax(quantile_series({"a": series}, NOW, TEN_MINUTES, 0.95)[1]["a"]) == 94
    assert np.nanmax(quantile_series({"a": series}, NOW, TEN_MINUTES, 0.5)[1]["a"]) in (49, 50)


def test_no_samples_give_unknown_values() -> None:
    _times, values = quantile_series({"a": Reservoir()}, NOW, TEN_MINUTES)
    assert np.isnan(values["a"]).all()


@pytest.mark.parametrize(
    ("known_s", "range_s"),
    [(0, 120), (60, 120), (190, 200), (400, 400), (2000, 2100), (9000, 3600)],
)
def test_a_live_range_is_shortened_to_the_history(known_s: float, range_s: float) -> None:
    assert chart_range(last(3600), NOW - known_s, NOW).seconds == range_s


def test_everything_retained_is_shown_in_whole() -> None:
    assert chart_range(ALL_RETAINED, NOW - 3 * 86_400 - 5, NOW).seconds == pytest.approx(
        3 * 86_400, rel=0.06
    )
    assert chart_range(ALL_RETAINED, math.inf, NOW).seconds == 120


def test_a_frozen_range_is_shown_as_it_is() -> None:
    assert chart_range(fixed(NOW - 5000, NOW - 4999.5), NOW, NOW).seconds == 0.5


@pytest.mark.parametrize("seconds", [0.5, 59.0, 600.0, 86_400.0, 30 * 86_400.0])
def test_a_range_has_so_many_points_that_each_can_be_seen(seconds: float) -> None:
    assert 20 <= seconds / ChartRange(seconds).bucket_s <= 90
