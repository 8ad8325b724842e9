"""Texts on the command line name navigation targets."""

import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.ui.navigation import (
    FilterRuns,
    ShowItem,
    ShowPage,
    ShowRun,
    Target,
    parse_target,
)


@pytest.mark.parametrize(
    ("page", "text", "target"),
    [
        ("tasks", "", ShowPage("tasks")),
        ("tasks", "run:abc", ShowRun("abc")),
        ("tasks", "abc", ShowRun("abc")),
        ("tasks", "state:failed no answer", FilterRuns((RunState.FAILED,), "no answer")),
        ("tasks", "state:overdue", FilterRuns((RunState.OVERDUE,), "")),
        ("results", "run:abc", ShowItem("results", "run:abc")),
        ("monitoring", "worker-1@host:7", ShowItem("monitoring", "worker-1@host:7")),
    ],
)
def test_a_text_names_a_target(page: str, text: str, target: Target) -> None:
    assert parse_target(page, text) == target


def test_an_unknown_state_is_rejected() -> None:
    with pytest.raises(ValueError, match="sleeping"):
        parse_target("tasks", "state:sleeping")
