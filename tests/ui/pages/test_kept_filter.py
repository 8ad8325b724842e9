"""The operator's filter is kept when a key or a chart shows another one."""

import pytest
from pytestqt.qtbot import QtBot

from pulse_desktop.model.run_state import RunState
from pulse_desktop.model.time_range import ALL_RETAINED, fixed
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import make_window

FAILED = frozenset((RunState.FAILED.value, RunState.SOFT_FAILED.value))


@pytest.fixture
def window(qtbot: QtBot, session: FakeSession) -> MainWindow:
    builder = StateBuilder().runs(30)
    builder.task("f" * 32, "extract_knowledge")
    builder.started("f" * 32)
    builder.failed("f" * 32)
    return make_window(qtbot, builder, (TasksPage, OverviewPage), session)


@pytest.fixture
def page(window: MainWindow) -> TasksPage:
    assert isinstance(window.current, TasksPage)
    return window.current


def test_showing_failed_runs_keeps_the_way_back_to_the_filter(page: TasksPage) -> None:
    runs = page.runs
    runs.filter_bar.set_filter(text="task:extract")
    page.show_failed()
    assert runs.filter.state == FilterState("", FAILED, ALL_RETAINED)
    assert not runs.filter_bar.notice.back_button.isHidden()
    runs.go_back_to_filter()
    assert runs.filter.state.text == "task:extract"
    assert not runs.filter_bar.checked_facets


def test_what_was_edited_since_is_what_is_kept(page: TasksPage) -> None:
    runs = page.runs
    runs.filter_bar.set_filter(text="task:extract")
    page.show_failed()
    page.show_failed()
    runs.filter_bar.set_filter(text="worker:w-2")
    page.show_failed()
    runs.go_back_to_filter()
    assert runs.filter.state.text == "worker:w-2"


def test_a_bar_shows_its_series_in_its_time_and_one_step_leads_back(
    page: TasksPage, window: MainWindow
) -> None:
    runs, time = page.runs, page.runs.context.time
    runs.filter_bar.set_filter(text="task:work")
    now = time.now()
    runs.charts.outcomes.bar_chosen.emit("succeeded", now - 60, now - 30)
    shown = FilterState("task:work", frozenset({"succeeded"}), fixed(now - 60, now - 30))
    assert runs.filter.state == shown
    assert not time.is_live
    runs.charts.outcomes.bar_chosen.emit("succeeded", now - 45, now - 40)
    runs.go_back_to_filter()
    assert runs.filter.state == FilterState("task:work", frozenset(), ALL_RETAINED)


def test_a_bar_that_is_not_over_ends_now_and_does_not_move_on(page: TasksPage) -> None:
    time = page.runs.context.time
    now = time.now()
    page.runs.charts.outcomes.bar_chosen.emit("failed", now - 10, now + 20)
    assert not time.is_live
    assert time.now() - 11 < time.range.start <= time.range.end <= time.now()
