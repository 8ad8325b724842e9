"""Texts of a comparison of runs."""

import itertools

import pytest

from pulse_desktop.state.run_comparison import compare_runs
from pulse_desktop.text import comparison_text
from tests.kit.state_builder import StateBuilder

NUMBERS = (1.5, 2, -(10**308), 10**308, 10**400, -(10**400), 1.7e308, 2**63, 2**64)


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(NUMBERS, 2)))
def test_numbers_beyond_all_floats_are_compared(one: float, other: float) -> None:
    builder = StateBuilder()
    builder.task("a" * 32, args=[one], n=one)
    builder.task("b" * 32, args=[other], n=other)
    first, second = builder.state.runs.rows
    comparison = compare_runs(first, second)
    assert comparison_text.summary_text(comparison)
    for row in comparison.rows:
        comparison_text.delta_text(row)
        comparison_text.change_text(row)
        assert all(comparison_text.values_text(row)), row.path


@pytest.mark.parametrize(
    ("later_s", "shown"),
    [
        (0.0, ("57.852 UTC", "57.852 UTC")),
        (0.0001, ("57.852100 UTC", "57.852200 UTC")),
        (0.1, ("57.852 UTC", "57.952 UTC")),
    ],
)
def test_of_close_times_the_part_that_differs_is_shown(
    later_s: float, shown: tuple[str, str]
) -> None:
    at = 1_795_430_997.8521
    builder = StateBuilder()
    builder.task("a" * 32, at=at)
    builder.task("b" * 32, at=at + later_s)
    comparison = compare_runs(*builder.state.runs.rows)
    row = next(row for row in comparison.rows if row.path == "queued_at")
    texts = comparison_text.values_text(row)
    assert tuple(text.rpartition(":")[2] for text in texts) == shown
