"""The last change is shown soon, also when what shows it is costly or a clock is ahead."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.model.run_state import RunState
from pulse_desktop.ui import throttle
from pulse_desktop.ui.charts.run_series import RunColumns
from pulse_desktop.ui.navigation import FilterRuns
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.pages.overview import stats
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.overview.run_charts import RunCharts
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness

COST_S = 0.06
"""Three seconds of rest, at two per cent of the time."""


class Clock:
    """The clock by which the cost of work is taken."""

    def __init__(self) -> None:
        self.at = 0.0

    def perf_counter(self) -> float:
        return self.at


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttle, "time", clock)
    return clock


@pytest.fixture
def harness(qtbot: QtBot) -> PageHarness:
    window = QWidget()
    qtbot.addWidget(window)
    harness = PageHarness(qtbot, window)
    harness.builder.runs(1)
    return harness


@pytest.fixture
def draw(harness: PageHarness) -> Callable[[Page, float, float], None]:
    """Return a function that draws the frames of a page between two times."""

    def draw_frames(page: Page, after: float, until: float) -> None:
        seconds = after
        while seconds <= until:
            harness.update(page, NOW + seconds)
            seconds += 0.1

    return draw_frames


def make_costly(monkeypatch: pytest.MonkeyPatch, clock: Clock, owner: Any, name: str) -> list[Any]:
    """Let a function take long; return what it returns from now on."""
    results: list[Any] = []
    function = getattr(owner, name)

    def costly(*arguments: Any) -> Any:
        clock.at += COST_S
        results.append(function(*arguments))
        return results[-1]

    monkeypatch.setattr(owner, name, costly)
    return results


def test_the_overview_counts_a_failure_that_it_could_not_count_at_once(
    harness: PageHarness,
    draw: Callable[[Page, float, float], None],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_costly(monkeypatch, clock, stats, "noise")
    page = harness.open(OverviewPage)
    harness.builder.task("f" * 32)
    harness.builder.failed("f" * 32)
    draw(page, 1.1, 2.5)
    assert page.cards["failed"].value == "0"
    draw(page, 2.6, 3.5)
    assert page.cards["failed"].value == "1"


def test_the_overview_counts_a_run_of_a_clock_that_is_ahead_when_its_time_has_come(
    harness: PageHarness, draw: Callable[[Page, float, float], None]
) -> None:
    page = harness.open(OverviewPage)
    harness.builder.task("f" * 32)
    harness.builder.failed("f" * 32, at=NOW + 2.4)
    draw(page, 1.1, 2.3)
    assert page.cards["failed"].value == "0"
    draw(page, 2.4, 3.5)
    assert page.cards["failed"].value == "1"


def test_the_throughput_is_drawn_again_when_the_last_bucket_is_over_and_then_rarely(
    harness: PageHarness,
    draw: Callable[[Page, float, float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = harness.open(OverviewPage)
    drawn: list[float] = []
    monkeypatch.setattr(RunCharts, "update_throughput", lambda _, now, _shown: drawn.append(now))
    draw(page, 0.1, 10.0)
    drawn.clear()
    harness.builder.task("f" * 32)
    harness.builder.failed("f" * 32, at=NOW + 10.0)
    draw(page, 10.1, 17.0)
    over = (NOW + 10.0) // 5.0 * 5.0 + 5.0
    assert len(drawn) == 2
    assert over <= drawn[-1] < over + 1.5


@pytest.mark.parametrize("ahead_s", [0.0, 2.2])
def test_the_tasks_page_charts_a_run_that_it_could_not_chart_at_once(
    harness: PageHarness,
    draw: Callable[[Page, float, float], None],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    ahead_s: float,
) -> None:
    charted = make_costly(monkeypatch, clock, RunColumns, "task_times")
    page = harness.open(RunsPage)
    harness.builder.task("f" * 32)
    harness.builder.failed("f" * 32, at=NOW + 1.1 + ahead_s)
    draw(page, 1.1, 2.5)
    assert [task.ended for task in charted[-1]] == [1]
    draw(page, 2.6, 4.5 + 2 * ahead_s)
    assert [task.ended for task in charted[-1]] == [2]


def test_run_times_are_read_when_a_run_ends_and_not_with_each_heartbeat(
    harness: PageHarness,
    draw: Callable[[Page, float, float], None],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = make_costly(monkeypatch, clock, RunColumns, "quantile_series")
    page = harness.open(MonitoringPage)
    draw(page, 0.1, 4.0)
    assert read
    read.clear()
    for second in range(5, 12):
        harness.builder.heartbeat(at=NOW + second)
        harness.update(page, NOW + second)
    assert not read
    harness.builder.task("f" * 32)
    harness.builder.succeeded("f" * 32, at=NOW + 12.0)
    draw(page, 12.1, 13.0)
    ((_times, values),) = read
    assert np.isfinite(values[0.5]).any()


def test_the_card_of_failures_leads_to_the_runs_that_it_counts(harness: PageHarness) -> None:
    builder = harness.builder
    assert stats.failures(builder.state, NOW, ()).state is RunState.FAILED
    builder.task("a" * 32)
    builder.succeeded("a" * 32)
    builder.result(builder.stored("a" * 32), {"status": "error"})
    assert stats.failures(builder.state, NOW, ()).state is RunState.SOFT_FAILED
    page = harness.open(OverviewPage)
    page.cards["failed"].click()
    builder.task("f" * 32)
    builder.failed("f" * 32)
    assert stats.failures(builder.state, NOW, ()).state is RunState.FAILED
    harness.update(page, NOW + 2)
    page.cards["failed"].click()
    shown = [target.states for target in harness.targets if isinstance(target, FilterRuns)]
    assert shown == [(RunState.SOFT_FAILED,), (RunState.FAILED,)]
