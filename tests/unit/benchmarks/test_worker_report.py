"""Tests of the worker benchmark's arithmetic and report."""

from typing import Any

from benchmarks.workers import Pairs, missing, ratio, table, targets


def figures(per_second: float, *, cpu_ms: float = 1.0, stored: int = 100) -> dict[str, Any]:
    return {
        "per_second": per_second,
        "cpu_ms_per_task": cpu_ms,
        "wait_p50_ms": 2.0,
        "wait_p99_ms": 9.0,
        "stored": stored,
        "expected": 100,
    }


def rounds(*pairs: tuple[dict[str, Any], dict[str, Any]]) -> dict[tuple[str, int], Pairs]:
    return {("no-op", 1): list(pairs)}


def test_the_ratio_is_the_median_over_rounds() -> None:
    pairs = [
        (figures(100), figures(90, cpu_ms=2.0)),
        (figures(100), figures(50, cpu_ms=2.0)),
        (figures(100), figures(120, cpu_ms=0.5)),
    ]
    assert ratio(pairs) == 0.9
    assert ratio(pairs, per_cpu=True) == 0.5


def test_missing_results_are_counted_for_both_workers() -> None:
    assert missing(rounds((figures(1, stored=98), figures(1, stored=99)))) == 3


def test_a_missed_target_names_the_tasks_and_the_minimum() -> None:
    measured = rounds((figures(100), figures(80)))
    assert targets(measured, 0.9) == [
        (True, "every task has a stored result: 0 missing"),
        (False, "no-op, 1 processes: 0.80 of the bare tasks/s; at least 0.9"),
    ]


def test_the_table_shows_both_workers_side_by_side() -> None:
    heading, line = table(rounds((figures(100), figures(80, cpu_ms=2.0)))).splitlines()
    assert "bare/s" in heading
    assert line.split() == ["no-op", "1", "100", "80", "0.80", "0.50", "2.0", "9.0", "2.0", "9.0"]
