"""Tests of the ingest benchmark's arithmetic and report."""

from typing import Any

from benchmarks.report import Results, table, target_lines


def steady(rate: float, **changes: Any) -> dict[str, Any]:
    figures = {
        "rate": rate,
        "sent": 1000,
        "received": 1000,
        "lost": 0,
        "dropped": 0,
        "per_second": rate,
        "cpu": 0.25,
        "gap_p99_ms": 12.0,
        "gap_max_ms": 20.0,
        "work_p99_ms": 8.0,
        "work_max_ms": 15.0,
        "rss_mib": 200.0,
    }
    return figures | changes


def maximum(per_second: float, cpu: float) -> dict[str, Any]:
    return {"sent": 10, "received": 10, "per_second": per_second, "cpu": cpu}


def test_the_ratio_is_the_median_over_rounds_and_per_cpu_second_on_request() -> None:
    results = Results()
    for window, bare in ((50, 100), (30, 100), (90, 100)):
        results.add_maximum("with headers", maximum(window, 0.5), maximum(bare, 1.0))
    assert results.ratio("with headers", per_cpu=False) == 0.5
    assert results.ratio("with headers", per_cpu=True) == 1.0
    assert results.to_dict()["ratio"] == {"with headers": 0.5}


def test_lost_events_are_counted_over_all_steady_and_history_rounds() -> None:
    results = Results()
    results.add_steady([steady(100, lost=2), steady(200, dropped=3)])
    results.add_history([steady(100, lost=4)])
    assert results.lost == 9


def test_the_table_shows_medians_with_one_line_per_rate() -> None:
    results = Results()
    for gap in (10.0, 30.0, 11.0):
        results.add_steady([steady(1000, gap_p99_ms=gap)])
    results.add_maximum("with headers", maximum(50_000, 0.9), maximum(100_000, 1.0))
    results.add_history([steady(10_000)])
    heading, line, window, bare, history = table(results).splitlines()
    assert heading.split("  ")[0] == "rate"
    assert line.split() == ["1,000/s", "1,000", "0", "11.0", "20.0", "8.0", "15.0", "25%", "200"]
    assert window.split()[:4] == ["maximum,", "with", "headers", "50,000"]
    assert bare.split()[:4] == ["bare,", "with", "headers", "100,000"]
    assert history.startswith("10,000/s from a stream")


def test_targets_are_met_or_missed() -> None:
    good, bad = Results(), Results()
    good.add_steady([steady(40_000)])
    good.add_maximum("with headers", maximum(45, 0.9), maximum(100, 1.0))
    bad.add_steady([steady(40_000, lost=1, gap_p99_ms=25.0)])
    bad.add_maximum("with headers", maximum(10, 0.9), maximum(100, 1.0))
    assert [line.split()[0] for line in target_lines(good)] == ["met"] * 4
    assert [line.split()[0] for line in target_lines(bad)] == ["MISSED", "MISSED", "met", "MISSED"]
