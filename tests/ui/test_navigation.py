"""Texts on the command line name navigation targets."""

import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.ui.navigation import (
    FilterPage,
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
        ("tasks", "state:failed a or b", FilterRuns(query="state:failed a or b")),
        ("tasks", "state:failed ran>5s", FilterRuns(query="state:failed ran>5s")),
        ("tasks", "queued:2026-11-29..now", FilterRuns(query="queued:2026-11-29..now")),
        ("tasks", "state:overdue", FilterRuns((RunState.OVERDUE,), "")),
        ("results", "abc", ShowItem("results", "abc")),
        ("results", "run:abc", FilterPage("results", "run:abc")),
        ("monitoring", "online:false", FilterPage("monitoring", "online:false")),
        ("monitoring", "worker-1@host:7", ShowItem("monitoring", "worker-1@host:7")),
    ],
)
def test_a_text_names_a_target(page: str, text: str, target: Target) -> None:
    assert parse_target(page, text) == target


def test_an_unknown_state_is_rejected() -> None:
    with pytest.raises(ValueError, match="sleeping"):
        parse_target("tasks", "state:sleeping")
    with pytest.raises(ValueError, match="not a duration"):
        parse_target("tasks", "state:failed ran>soon")
