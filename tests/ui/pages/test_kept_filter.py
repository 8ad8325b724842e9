"""The operator's filter is kept when a key or a chart shows another one."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from pulse_desktop.model.run_state import RunState
from pulse_desktop.model.time_range import ALL_RETAINED, fixed, last
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.query.conditions import bar_query
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import NOW, StateBuilder
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


def test_a_bar_shows_the_runs_that_it_counts_and_one_step_leads_back(
    page: TasksPage, window: MainWindow
) -> None:
    runs, time = page.runs, page.runs.context.time
    runs.filter_bar.set_filter(text="task:work")
    now = time.now()
    runs.charts.outcomes.bar_chosen.emit("succeeded", now - 60, now - 30)
    query = f"task:work {bar_query(now - 60, now - 30)}"
    shown = FilterState(query, frozenset({"succeeded"}), fixed(now - 60, now - 30))
    assert runs.filter.state == shown
    assert not time.is_live
    runs.charts.outcomes.bar_chosen.emit("succeeded", now - 45, now - 40)
    assert runs.filter.state.text == f"task:work {bar_query(now - 45, now - 40)}"
    runs.go_back_to_filter()
    assert runs.filter.state == FilterState("task:work", frozenset(), ALL_RETAINED)


def test_the_table_of_a_bar_has_as_many_runs_as_the_bar(qtbot: QtBot, session: FakeSession) -> None:
    builder = StateBuilder()
    edge = NOW // 60 * 60 - 600
    for number, (queued, ended) in enumerate(
        ((-30, 30), (10, 60), (10, 90), (50, 59.999), (70, 80), (0, 0), (-20, -1))
    ):
        run = f"{number:032x}"
        builder.at = edge + queued
        builder.task(run, "work")
        builder.started(run, edge + queued)
        builder.succeeded(run, at=edge + ended)
    builder.at = NOW
    window = make_window(qtbot, builder, (TasksPage, OverviewPage), session)
    assert isinstance(window.current, TasksPage)
    runs = window.current.runs
    edges = np.array([edge, edge + 60.0, edge + 120.0])
    counted = runs.charts.columns.counted(edges, [RunState.SUCCEEDED])[RunState.SUCCEEDED]
    assert counted.tolist() == [3, 3]
    for start, count in zip(edges.tolist(), counted.tolist(), strict=False):
        runs.charts.outcomes.bar_chosen.emit("succeeded", start, start + 60)
        assert runs.table.rows_model.shown_count == count


def test_another_time_range_takes_the_bar_from_the_filter(page: TasksPage) -> None:
    runs, time = page.runs, page.runs.context.time
    runs.filter_bar.set_filter({"failed"}, "task:work")
    now = time.now()
    time.set_range(fixed(now - 600, now - 10))
    runs.charts.outcomes.bar_chosen.emit("succeeded", now - 60, now - 30)
    time.go_live()
    assert runs.filter.state == FilterState("task:work", frozenset({"failed"}), ALL_RETAINED)
    assert runs.filter_bar.notice.back_button.isHidden()

    runs.charts.outcomes.bar_chosen.emit("succeeded", now - 60, now - 30)
    edited = f"{runs.filter_bar.text} worker:w"
    runs.filter_bar.set_filter(text=edited)
    time.go_live()
    assert runs.filter.state.text == edited, "what was edited is the operator's own"


def test_a_bar_that_is_not_over_ends_now_and_does_not_move_on(page: TasksPage) -> None:
    time = page.runs.context.time
    now = time.now()
    page.runs.charts.outcomes.bar_chosen.emit("failed", now - 10, now + 20)
    assert not time.is_live
    assert time.now() - 11 < time.range.start <= time.range.end <= time.now()


def offers_former(page: TasksPage) -> bool:
    """Return whether the way back is offered, on the screen and as an action."""
    notice, former = page.runs.filter_bar.notice, page.runs.filter.former
    assert notice.back_button.isHidden() is not former.exists
    return former.exists


def test_what_is_typed_ends_the_notice_of_what_was_shown_before(
    qtbot: QtBot, page: TasksPage, window: MainWindow
) -> None:
    runs, time = page.runs, page.runs.context.time
    now = time.now()
    runs.filter_bar.set_filter(text="task:nothing")
    time.set_range(fixed(now - 600, now - 300))
    window.navigate(ShowRun("f" * 32))
    assert offers_former(page)
    assert time.range == ALL_RETAINED
    field = runs.filter_bar.text_field
    qtbot.keyClicks(field, "task:extract attempt:1")
    qtbot.waitUntil(lambda: runs.filter.query.text == "task:extract attempt:1")
    assert not offers_former(page)
    field.selectAll()
    qtbot.keyClick(field, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: offers_former(page))  # nothing is lost by trying
    qtbot.keyClicks(field, "attempt:1")
    qtbot.keyClick(field, Qt.Key.Key_Escape)  # the completion
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert not offers_former(page)
    runs.clear_filter()
    assert not offers_former(page)


def test_another_time_range_ends_the_notice_that_everything_is_shown(page: TasksPage) -> None:
    runs, time = page.runs, page.runs.context.time
    runs.filter_bar.set_filter(text="task:nothing")
    page.navigate(ShowRun("f" * 32))
    assert offers_former(page)
    time.set_range(last(900.0))
    assert not offers_former(page)
