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
