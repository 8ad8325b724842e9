"""The page of runs: filter, details, errors, results and re-run."""

import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.model.time_range import last
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.run import TaskRun
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.detail import (
    ARGUMENTS,
    ERROR,
    EVENTS,
    LOG,
    RESULT,
)
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.rerun_action import RerunAction
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.plain_text import Label
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.tables import click_row, select_rows, selection_bar
from tests.ui.window_builder import draw_frame, make_window, run_at_once

FAILED = "f" * 32


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder().runs(30)
    builder.task(FAILED, "extract_knowledge", language="uk", ids=[1, 2])
    builder.started(FAILED)
    builder.failed(FAILED)
    return builder


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder, session: FakeSession) -> MainWindow:
    return make_window(qtbot, builder, (TasksPage, OverviewPage), session)


@pytest.fixture
def page(window: MainWindow) -> RunsPage:
    return tasks(window)


def tasks(window: MainWindow) -> RunsPage:
    assert isinstance(window.current, TasksPage)
    return window.current.runs


def ids(page: RunsPage) -> list[str]:
    return [run.task_id for run in page.table.rows_model.row_objects()]


def count(page: RunsPage, state: RunState) -> str:
    """Return the count on the chip of a state."""
    return page.filter_bar.chips[state.value].count


def shown_run(page: RunsPage) -> TaskRun:
    """Return the run in the detail panel."""
    assert page.detail.run is not None
    return page.detail.run


def latest(window: MainWindow) -> Notification:
    return window.notifications.shown[-1]


def test_a_facet_shows_only_runs_of_its_state(page: RunsPage) -> None:
    assert count(page, RunState.SUCCEEDED) == "30"
    page.filter_bar.chips[RunState.FAILED.value].click()
    assert ids(page) == [FAILED]
    page.filter_bar.chips[RunState.SUCCEEDED.value].click()
    assert len(ids(page)) == 31


def test_the_charts_show_the_runs_that_the_table_shows(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    def charted() -> tuple[dict[str, int], str]:
        draw_frame(window, builder, 1.0)
        subtitle = page.charts.outcomes.subtitle
        return {row.task: row.ended for row in page.charts.times.shown}, subtitle

    everything, title = charted()
    assert sum(everything.values()) == 31
    assert title.startswith("ended runs, ") or title == "ended runs"
    page.filter_bar.chips[RunState.FAILED.value].click()
    failed, title = charted()
    assert failed == {"extract_knowledge": 1}
    assert title.startswith("ended runs that match the filter")
    page.clear_filter()
    page.filter_bar.set_filter((), "task:extract_knowledge state:succeeded")
    assert charted()[0] == {}
    page.table.rows_model.set_sort("task")
    page.filter_bar.set_filter((), "task:extract_knowledge")
    assert charted()[0] == {"extract_knowledge": 1}
    page.clear_filter()
    assert charted()[0] == everything


def test_the_charts_keep_their_values_until_a_filter_has_looked_at_all_runs(
    qtbot: QtBot, session: FakeSession
) -> None:
    builder = StateBuilder()
    start = builder.at
    for first in range(0, 3000, 100):
        builder.at += 1
        builder.runs(100, first)
    window = make_window(qtbot, builder, (TasksPage, OverviewPage), session)
    page = tasks(window)
    draw_frame(window, builder, 1.0)
    outcomes, times = page.charts.outcomes, page.charts.times
    assert [row.ended for row in times.shown] == [3000]
    page.filter_by_bar(RunState.SUCCEEDED.value, start + 1, start + 2)  # of the oldest runs
    assert page.table.rows_model.filter_pending
    draw_frame(window, builder, 0.3)
    draw_frame(window, builder, 2.0)
    assert page.table.rows_model.filter_pending
    assert [row.ended for row in times.shown] == [3000]
    assert times.subtitle == "counting the runs that match the filter…"
    assert outcomes.subtitle.startswith(times.subtitle)
    qtbot.waitUntil(lambda: not page.table.rows_model.filter_pending)
    draw_frame(window, builder, 0.3)  # not a second later
    assert [row.ended for row in times.shown] == [100]
    assert times.subtitle == "100 ended runs"
    assert outcomes.subtitle.startswith("ended runs that match the filter")


def test_the_text_filter_searches_name_arguments_and_error(qtbot: QtBot, page: RunsPage) -> None:
    qtbot.keyClicks(page.filter_bar.text_field, "UK timeout extract")
    qtbot.keyClick(page.filter_bar.text_field, Qt.Key.Key_Return)
    assert ids(page) == [FAILED]
    page.clear_filter()
    assert len(ids(page)) == 31


def test_a_run_that_changes_its_state_moves_to_another_facet(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    page.filter_bar.chips[RunState.QUEUED.value].click()
    assert ids(page) == []
    builder.task("a" * 32)
    draw_frame(window, builder, 0.1)
    assert ids(page) == ["a" * 32]
    builder.succeeded("a" * 32)
    draw_frame(window, builder, 0.1)
    assert ids(page) == []
    assert count(page, RunState.SUCCEEDED) in ("30", "31")
    draw_frame(window, builder, 1.0)
    assert count(page, RunState.SUCCEEDED) == "31"


def test_runs_older_than_the_time_range_are_filtered_out(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    window.time.set_range(last(900))
    assert len(ids(page)) == 31
    builder.at += 1000
    draw_frame(window, builder)
    assert ids(page) == []


def test_a_failed_run_opens_with_its_error_and_traceback(page: RunsPage) -> None:
    page.navigate(ShowRun(FAILED))
    detail = page.detail
    assert not detail.isHidden()
    assert detail.tabs.currentIndex() == ERROR
    assert detail.error.headline.text() == "ProviderTimeout: no answer"
    assert "a.py, line 1" in detail.error.traceback.toPlainText()


def test_a_successful_run_opens_with_its_arguments(page: RunsPage) -> None:
    select_rows(page, 3)
    page.table.row_activated.emit(page.table.current_row())
    assert page.detail.tabs.currentIndex() == ARGUMENTS
    page.detail.tabs.setCurrentIndex(EVENTS)
    assert page.detail.events.table.rows_model.shown_count == 2
    assert page.detail.tabs.tabText(EVENTS) == "Events 2"


def test_the_log_of_a_run_is_plain_text_and_follows_it(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    page.navigate(ShowRun(FAILED))
    page.detail.tabs.setCurrentIndex(LOG)
    assert page.detail.log.text.toPlainText() == "This run has logged nothing."
    line = {"timestamp": None, "level": "INFO", "logger": "shop", "text": "<b>3</b> parcels"}
    data = {"task_id": FAILED, "attempt": 1, "first": 1, "lines": [line], "skipped": 0}
    builder.event("tasks", "task.log", data, builder.at + 1)
    draw_frame(window, builder, 2)
    assert page.detail.log.text.toPlainText().endswith("INFO  shop: <b>3</b> parcels")


def test_a_new_line_of_the_log_keeps_selection_and_scroll_position(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    page.navigate(ShowRun(FAILED))
    page.detail.tabs.setCurrentIndex(LOG)
    log = page.detail.log.text

    def publish(first: int, count: int) -> None:
        line = {"timestamp": None, "level": "INFO", "logger": "shop", "text": "par\u00a0cel"}
        lines = [line] * count
        data = {"task_id": FAILED, "attempt": 1, "first": first, "lines": lines, "skipped": 0}
        builder.event("tasks", "task.log", data, builder.at + 1)
        draw_frame(window, builder, 2)

    publish(1, 200)
    bar = log.verticalScrollBar()
    cursor = log.textCursor()
    cursor.setPosition(4, QTextCursor.MoveMode.KeepAnchor)
    log.setTextCursor(cursor)
    bar.setValue(50)
    selected, position = log.textCursor().selectedText(), bar.value()
    assert selected
    publish(201, 2)
    assert len(log.toPlainText().splitlines()) == 202
    assert (log.textCursor().selectedText(), bar.value()) == (selected, position)
    publish(203, 1)
    assert len(log.toPlainText().splitlines()) == 203
    assert (log.textCursor().selectedText(), bar.value()) == (selected, position)
    bar.setValue(bar.maximum())
    publish(204, 1)
    assert bar.value() == bar.maximum()  # at the end, it follows


def test_the_details_follow_their_run(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    builder.task("a" * 32)
    draw_frame(window, builder)
    page.navigate(ShowRun("a" * 32))
    assert shown_run(page).state is RunState.QUEUED
    builder.started("a" * 32)
    draw_frame(window, builder, 0.1)
    assert shown_run(page).state is RunState.RUNNING
    builder.failed("a" * 32, message="later")
    draw_frame(window, builder, 0.1)
    page.detail.tabs.setCurrentIndex(ERROR)
    assert page.detail.error.headline.text() == "ProviderTimeout: later"


def test_an_overdue_run_shows_its_deadline(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    task_id = "b" * 32
    builder.task(task_id)
    draw_frame(window, builder)
    page.navigate(ShowRun(task_id))
    assert page.detail.deadline_text == ""
    assert page.detail.header.state_tooltip.startswith("Overdue after 5 min 00 s: the default")
    builder.state.tick(builder.at + 301)
    draw_frame(window, builder, 301)
    assert shown_run(page).state is RunState.OVERDUE
    assert page.detail.deadline_text == (
        "No update within its deadline of 5 min 00 s: the default, since fewer than 5 runs of "
        "this task have ended."
    )


def test_a_result_is_loaded_when_its_tab_is_opened(
    page: RunsPage, builder: StateBuilder, window: MainWindow, session: FakeSession
) -> None:
    stored = StoredObject(FAILED, 8, 1, "n", builder.at, sequence=5)
    builder.state.fold([stored])
    draw_frame(window, builder, 0.1)
    page.navigate(ShowRun(FAILED))
    assert session.calls == []
    page.detail.tabs.setCurrentIndex(RESULT)
    assert session.calls == [FAILED]
    draw_frame(window, builder, 0.1)
    page.detail.tabs.setCurrentIndex(ARGUMENTS)
    page.detail.tabs.setCurrentIndex(RESULT)
    assert session.calls == [FAILED]


def test_an_unreadable_result_shows_the_reason(
    page: RunsPage, builder: StateBuilder, window: MainWindow, session: FakeSession
) -> None:
    builder.state.fold([StoredObject(FAILED, 8, 1, "n", builder.at, sequence=5)])
    session.default_result = DecodedResult(b"\x80\x04", None, "calls os.system")
    page.navigate(ShowRun(FAILED))
    draw_frame(window, builder, 0.1)
    page.detail.tabs.setCurrentIndex(RESULT)
    assert page.detail.result.shown_text == "calls os.system"
    session.error = UserFacingError("Not found", "the object is gone.", "Nothing to do.")
    builder.state.fold([StoredObject(FAILED, 9, 1, "m", builder.at + 1, sequence=6)])
    draw_frame(window, builder, 0.1)
    assert page.detail.result.shown_text == "Not found: the object is gone.\nNothing to do."


def test_r_reruns_the_selected_run_and_can_show_the_new_one(
    qtbot: QtBot, page: RunsPage, window: MainWindow, session: FakeSession, builder: StateBuilder
) -> None:
    select_rows(page, 0)
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_R)
    assert session.calls == [([FAILED], False)]
    notification = latest(window)
    assert notification.title == "extract_knowledge enqueued again"
    notification.choices[0][1]()
    builder.task(f"new-{FAILED}")
    draw_frame(window, builder, 0.1)
    assert shown_run(page).task_id == f"new-{FAILED}"


def test_r_typed_into_the_filter_is_a_letter(
    qtbot: QtBot, page: RunsPage, session: FakeSession
) -> None:
    select_rows(page, 0)
    page.focus_filter()
    qtbot.keyClick(page.filter_bar.text_field, Qt.Key.Key_R)
    assert page.filter_bar.text_field.text() == "r"
    assert session.calls == []


def test_a_rejected_rerun_can_be_forced(
    page: RunsPage, window: MainWindow, session: FakeSession
) -> None:
    session.error = UserFacingError(
        "No worker listens", "no worker takes tasks.", "Start one.", can_force=True
    )
    select_rows(page, 0)
    page.rerun_selected()
    notification = latest(window)
    assert (notification.title, notification.advice) == ("No worker listens", "Start one.")
    notification.choices[0][1]()
    assert session.calls[-1] == ([FAILED], True)
    assert latest(window).severity == "good"


def test_work_that_acts_is_not_cancelled_by_other_work(
    page: RunsPage, session: FakeSession, builder: StateBuilder
) -> None:
    started: dict[str, Coroutine[Any, Any, None]] = {}

    def start(name: str, work: Coroutine[Any, Any, None]) -> None:
        assert started.setdefault(name, work) is work

    context = replace(page.context, run_in_background=start)
    rerun = RerunAction(context)
    runs = builder.state.runs.rows.newest_first()
    first, second = (run for run, _number in zip(runs, range(2), strict=False))
    rerun.trigger([first])
    rerun.trigger([first])  # the key was pressed twice
    assert len(started) == 1
    rerun.trigger([first, second])
    assert len(started) == 2
    for work in list(started.values()):
        run_at_once("rerun", work)
    assert len(session.calls) == 2
    rerun.trigger([first])
    assert len(started) == 3
    list(started.values())[-1].close()


def test_rerunning_many_runs_is_confirmed_first(
    page: RunsPage, window: MainWindow, session: FakeSession
) -> None:
    page.table.selectAll()
    page.rerun_selected()
    assert session.calls == []
    notification = latest(window)
    assert notification.title == "Re-run 31 runs?"
    notification.choices[0][1]()
    assert len(session.calls[0][0]) == 31


def test_a_question_names_a_task_as_it_is_called(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    def texts() -> list[str]:
        labels = window.notifications.cards[-1].findChildren(Label)
        return [label.text().replace("\u200b", "") for label in labels if label.text()]

    for number in range(100, 137):
        builder.task(f"{number:032x}", "shop:translate")
        builder.failed(f"{number:032x}")
    draw_frame(window, builder, 0.1)
    page.filter_bar.set_filter((), "task:translate")
    page.table.selectAll()
    page.rerun_selected()
    assert latest(window).title == "Re-run 37 runs?"
    assert "Task: translate" in texts()
    window.notifications.clear()
    window.notifications.show(Notification("Ended", "translate", "there is no display."))
    assert texts() == ["Ended", "translate", "There is no display."]


def test_arguments_from_an_event_are_named_and_confirmed_before_a_rerun(
    page: RunsPage, window: MainWindow, builder: StateBuilder, session: FakeSession
) -> None:
    task_id = "d" * 32
    data = {"task_id": task_id, "task_name": "m:wipe", "args": ["/"], "kwargs": {}, "labels": {}}
    builder.event("tasks", "task.queued", data)
    draw_frame(window, builder, 0.1)
    page.navigate(ShowRun(task_id))
    assert page.detail.arguments.source.text() == "From an event, not captured from the queue."
    page.rerun_selected()
    assert session.calls == []
    notification = latest(window)
    assert notification.title == "Re-run wipe?"
    assert "not captured from the queue" in notification.advice
    assert notification.is_question
    notification.choices[0][1]()
    assert session.calls == [([task_id], False)]
    assert session.from_events
    builder.task(task_id, "m:wipe")
    draw_frame(window, builder, 0.1)
    assert page.detail.arguments.source.text() == "Captured from the queue."


def test_a_run_with_unknown_arguments_cannot_be_rerun(
    page: RunsPage, window: MainWindow, builder: StateBuilder, session: FakeSession
) -> None:
    builder.succeeded("e" * 32)
    draw_frame(window, builder, 0.1)
    select_rows(page, 0)
    page.rerun_selected()
    assert session.calls == []
    assert latest(window).title == f"Cannot re-run {'e' * 32}"
    assert latest(window).detail.startswith("its arguments are unknown")
    page.navigate(ShowRun("e" * 32))
    assert not page.detail.header.rerun_button.isEnabled()


def test_a_run_with_more_than_plain_data_cannot_be_rerun(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    message = {"task_id": "e" * 32, "task_name": "shop:pay", "labels": {}, "kwargs": {}}
    payload = json.dumps(message | {"args": [float("nan")]}).encode()
    builder.state.fold([InboundMessage(Source.TASK, "taskiq_tasks", payload, builder.at)])
    draw_frame(window, builder, 0.1)
    page.navigate(ShowRun("e" * 32))
    button = page.detail.header.rerun_button
    assert not button.isEnabled()
    assert "more than plain data" in button.toolTip()


def test_e_opens_the_form_with_the_arguments_of_the_run(
    qtbot: QtBot, page: RunsPage, window: MainWindow
) -> None:
    select_rows(page, 0)
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_E)
    assert not window.run_form.isHidden()
    assert window.run_form.draft.rerun_of == FAILED
    assert "uk" in window.run_form.draft.kwargs


def test_the_run_button_and_its_shortcut_open_an_empty_form(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.top_bar.run.click()
    assert not window.run_form.isHidden()
    window.run_form.cancel()
    qtbot.keyClick(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert window.run_form.draft.rerun_of == ""
    assert not window.run_form.isHidden()


def test_a_run_that_was_just_enqueued_is_shown_once_it_is_known(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    page.navigate(ShowRun("b" * 32, wait=True))
    assert page.detail.isHidden()
    builder.task("b" * 32)
    draw_frame(window, builder, 0.1)
    assert shown_run(page).task_id == "b" * 32


def test_the_selection_bar_counts_the_selected_runs(page: RunsPage) -> None:
    select_rows(page, 0, 1, 2)
    assert selection_bar(page).label.text() == "3 selected"
    assert selection_bar(page).buttons[0].text() == "Re-run 3"
    selection_bar(page).all_requested.emit()
    assert selection_bar(page).label.text() == "31 selected"
    selection_bar(page).none_requested.emit()
    assert selection_bar(page).label.text() == "Last received on top"


def test_one_button_is_the_main_one_while_several_runs_are_selected(page: RunsPage) -> None:
    button = page.detail.header.rerun_button
    select_rows(page, 0)
    assert (button.text(), button.property("kind")) == ("Re-run", "primary")
    select_rows(page, 1)
    assert (button.text(), button.property("kind")) == ("Re-run this one", "")
    page.table.clearSelection()
    assert (button.text(), button.property("kind")) == ("Re-run", "primary")


def test_escape_closes_the_details_then_the_selection_then_the_filter(
    qtbot: QtBot, page: RunsPage, window: MainWindow
) -> None:
    page.show_failed()
    page.clear_filter()
    page.filter_bar.set_filter((RunState.SUCCEEDED.value,))
    select_rows(page, 0, 1)
    page.table.row_activated.emit(page.table.current_row())
    for hidden, selected, shown in ((True, 2, 30), (True, 0, 30), (True, 0, 31)):
        qtbot.keyClick(window, Qt.Key.Key_Escape)
        state = (
            page.detail.isHidden(),
            page.table.selected_count(),
            page.table.rows_model.shown_count,
        )
        assert state == (hidden, selected, shown)


def test_escape_closes_what_was_opened_last_and_keeps_the_filter_for_the_end(
    qtbot: QtBot, page: RunsPage, window: MainWindow
) -> None:
    def press() -> tuple[list[str], bool, int]:
        qtbot.keyClick(window, Qt.Key.Key_Escape)
        titles = [each.title for each in window.notifications.shown]
        return titles, not page.detail.isHidden(), page.table.rows_model.shown_count

    page.show_failed()
    window.notify(Notification("Before", severity="warning"))
    click_row(page)
    window.notify(Notification("Exporting", stays=True))
    window.notify(Notification("After", severity="warning"))
    assert press() == (["Before", "Exporting"], True, 1)
    assert press() == (["Before", "Exporting"], False, 1)
    assert press() == (["Exporting"], False, 1)
    page.table.release()
    assert press() == (["Exporting"], False, 31)
    assert press() == ([], False, 31)


def test_escape_clears_a_single_selected_row_before_the_filter(
    qtbot: QtBot, page: RunsPage, window: MainWindow, session: FakeSession
) -> None:
    page.show_failed()
    click_row(page)
    states = []
    for _press in range(3):
        qtbot.keyClick(window, Qt.Key.Key_Escape)
        states.append((page.table.selected_count(), page.table.rows_model.shown_count))
    assert states == [(1, 1), (0, 1), (0, 31)]
    qtbot.keyClick(page.table, Qt.Key.Key_R)
    assert session.calls == []


@pytest.mark.parametrize("act", [RunsPage.rerun_selected, RunsPage.cancel_selected])
def test_a_selected_run_off_the_screen_is_shown_before_anything_is_done_with_it(
    page: RunsPage,
    window: MainWindow,
    session: FakeSession,
    act: Callable[[RunsPage], None],
) -> None:
    select_rows(page, 0)
    page.table.scrollToBottom()
    assert not page.table.selection_is_visible()
    act(page)
    assert page.table.selection_is_visible()
    assert session.calls == []
    assert latest(window).title == "Nothing done yet"
    act(page)
    assert session.calls or latest(window).title == "Nothing to cancel"


def test_the_details_show_which_run_is_acted_on(page: RunsPage, session: FakeSession) -> None:
    click_row(page)
    page.table.scrollToBottom()
    page.rerun_selected()
    assert session.calls == [([FAILED], False)]


def test_a_run_that_the_filter_hides_is_no_longer_selected(
    qtbot: QtBot, page: RunsPage, session: FakeSession
) -> None:
    select_rows(page, 0)
    page.filter_bar.set_filter((RunState.SUCCEEDED.value,))
    page.clear_filter()
    qtbot.keyClick(page.table, Qt.Key.Key_R)
    assert page.table.selected_count() == 0
    assert session.calls == []


def says_filtered_out(page: RunsPage) -> bool:
    """Return whether the details say that the table does not show their run."""
    note = next(each for each in page.detail.findChildren(Label) if "Not in the" in each.text())
    assert note.isVisible() == page.detail.is_filtered_out
    return page.detail.is_filtered_out


def test_the_details_keep_their_run_when_another_filter_hides_it(
    qtbot: QtBot, page: RunsPage, window: MainWindow
) -> None:
    click_row(page, 3)
    opened = shown_run(page)
    page.focus_filter()
    qtbot.keyClicks(page.filter_bar.text_field, "state:failed")
    qtbot.keyClick(page.filter_bar.text_field, Qt.Key.Key_Return)
    assert page.table.rows_model.shown_count == 1
    assert shown_run(page) is opened
    assert page.table.current_row() is None
    assert says_filtered_out(page)
    page.clear_filter()
    assert shown_run(page) is opened
    assert not says_filtered_out(page)


def test_the_details_keep_their_run_on_the_way_back_to_the_filter(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    page.filter_bar.set_filter((RunState.FAILED.value,))
    page.navigate(ShowRun(f"{3:032x}"))
    assert not says_filtered_out(page)
    page.go_back_to_filter()
    draw_frame(window, builder, 1.0)
    assert shown_run(page).task_id == f"{3:032x}"
    assert says_filtered_out(page)
    assert page.table.current_row() is None


def test_the_details_keep_a_run_that_leaves_the_filter(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    for letter in "de":
        builder.task(letter * 32, "m:work")
    page.filter_bar.set_filter((RunState.QUEUED.value,))
    draw_frame(window, builder, 1.0)
    click_row(page)
    opened = shown_run(page).task_id
    builder.started(opened)
    builder.succeeded(opened)
    draw_frame(window, builder, 1.0)
    draw_frame(window, builder, 1.0)
    assert shown_run(page).task_id == opened
    assert says_filtered_out(page)


@pytest.mark.parametrize("by_keyboard", [False, True])
def test_show_run_leaves_the_focus_in_the_table(
    qtbot: QtBot, page: RunsPage, window: MainWindow, builder: StateBuilder, *, by_keyboard: bool
) -> None:
    click_row(page)
    page.rerun_selected()
    button = window.notifications.cards[-1].buttons[0]
    assert button.text() == "Show run"
    if by_keyboard:
        button.setFocus()
        qtbot.keyClick(button, Qt.Key.Key_Return)
    else:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert window.focusWidget() is page.table


def test_navigating_to_a_filtered_out_run_clears_the_filter(page: RunsPage) -> None:
    page.filter_bar.set_filter((RunState.FAILED.value,))
    page.navigate(ShowRun(f"{3:032x}"))
    assert shown_run(page).task_id == f"{3:032x}"
    assert not page.filter_bar.active


def test_a_page_that_was_hidden_catches_up(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    window.show_page("overview")
    builder.runs(5, first=100)
    draw_frame(window, builder, 0.1)
    window.show_page("tasks")
    assert len(ids(page)) == 36


def test_the_window_pauses_the_table(
    page: RunsPage, window: MainWindow, builder: StateBuilder
) -> None:
    window.toggle_pause()
    assert window.top_bar.pause.text() == "Paused"
    builder.runs(5, first=100)
    draw_frame(window, builder, 0.1)
    assert len(ids(page)) == 31
    window.toggle_pause()
    assert len(ids(page)) == 36


@pytest.mark.parametrize("size", [(1024, 640), pytest.param((1440, 900), marks=pytest.mark.slow)])
@pytest.mark.parametrize("run_count", [pytest.param(0, marks=pytest.mark.slow), 7, 2000])
def test_every_state_has_a_chip_with_its_count_at_every_size(
    qtbot: QtBot, size: tuple[int, int], run_count: int
) -> None:
    builder = StateBuilder().runs(run_count)
    window = make_window(qtbot, builder, (TasksPage,))
    window.resize(*size)
    draw_frame(window, builder)
    bar = tasks(window).filter_bar
    QApplication.processEvents()
    shown = {state: chip.count for state, chip in bar.chips.items() if chip.isVisible()}
    counts = builder.state.runs.counts
    rare = {RunState.CANCELLED, RunState.RESULT_UNREADABLE}
    assert shown == {s.value: f"{counts.get(s, 0):,}" for s in RunState if s not in rare}
    for control in (*bar.chips.values(), bar.text_field):
        control_rect = QRect(control.mapTo(bar, QPoint(0, 0)), control.size())
        assert control.isHidden() or bar.rect().contains(control_rect)
    lines = {chip.y() for chip in bar.chips.values() if chip.isVisible()}
    assert len(lines) == 1


def test_a_long_reason_is_wrapped_and_scrolls_within_a_few_lines(
    qtbot: QtBot, builder: StateBuilder, window: MainWindow, page: RunsPage
) -> None:
    message = "x" * 2000 + "\n" + "line\n" * 3000 + "the cause"
    builder.task("e" * 32, "extract_everything_for_every_channel_" + "and_more_" * 9)
    builder.failed("e" * 32, message=message)
    draw_frame(window, builder, 0.1)
    window.navigate(ShowRun("e" * 32))
    QApplication.processEvents()
    headline = page.detail.error.headline
    assert headline.text().endswith("the cause")
    assert headline.height() < 8 * headline.fontMetrics().lineSpacing()
    assert headline.verticalScrollBar().maximum() > 0
    lines = headline.document().firstBlock().layout()
    longest = max(lines.lineAt(number).textLength() for number in range(lines.lineCount()))
    assert headline.fontMetrics().horizontalAdvance("x" * longest) <= headline.viewport().width()
    name = page.detail.header.name_label
    assert name.text().endswith("…")
    assert name.full_text in name.toolTip()


def test_a_short_reason_has_no_scroll_bar(
    builder: StateBuilder, window: MainWindow, page: RunsPage
) -> None:
    builder.task("e" * 32)
    builder.failed("e" * 32, message="refused")
    draw_frame(window, builder, 0.1)
    window.navigate(ShowRun("e" * 32))
    QApplication.processEvents()
    assert page.detail.error.headline.verticalScrollBar().maximum() == 0


def test_a_reason_that_is_too_long_says_how_much_was_left_out(
    builder: StateBuilder, window: MainWindow, page: RunsPage
) -> None:
    builder.task("e" * 32)
    builder.failed("e" * 32, message="x" * 50_000)
    draw_frame(window, builder, 0.1)
    window.navigate(ShowRun("e" * 32))
    last_line = page.detail.error.headline.text().splitlines()[-1]
    assert last_line.endswith("more characters: Copy has the whole error.")
