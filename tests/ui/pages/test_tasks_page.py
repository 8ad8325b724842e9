"""Tasks: what failed, why, and run it again."""

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.detail import (
    ARGUMENTS,
    ERROR,
    EVENTS,
    RESULT,
)
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import Told, frame, make_window

FAILED = "f" * 32


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)


@pytest.fixture
def told():
    filled = Told().runs(30)
    filled.task(FAILED, "extract_knowledge", language="uk", ids=[1, 2])
    filled.started(FAILED)
    filled.failed(FAILED)
    return filled


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def window(qtbot: QtBot, told, session):
    return make_window(qtbot, told, (TasksPage, OverviewPage), session)


@pytest.fixture
def page(window):
    return window.current


def _ids(page):
    return [run.task_id for run in page.table.rows_model.row_objects()]


def _select(page, *rows) -> None:
    flags = QItemSelectionModel.SelectionFlag
    for row in rows:
        index = page.table.rows_model.index(row, 0)
        page.table.selectionModel().setCurrentIndex(index, flags.Select | flags.Rows)


def test_a_facet_shows_only_runs_of_its_state(page) -> None:
    assert page.filter_bar.chips[RunState.SUCCEEDED.value].count == "30"
    page.filter_bar.chips[RunState.FAILED.value].click()
    assert _ids(page) == [FAILED]
    page.filter_bar.chips[RunState.SUCCEEDED.value].click()
    assert len(_ids(page)) == 31


def test_words_are_looked_for_in_name_arguments_and_error(qtbot: QtBot, page) -> None:
    qtbot.keyClicks(page.filter_bar.text_field, "UK timeout extract")
    qtbot.keyClick(page.filter_bar.text_field, Qt.Key.Key_Return)
    assert _ids(page) == [FAILED]
    page.clear_filter()
    assert len(_ids(page)) == 31


def test_a_run_that_changes_its_state_moves_between_facets(page, window, told) -> None:
    page.filter_bar.chips[RunState.QUEUED.value].click()
    assert _ids(page) == []
    told.task("a" * 32)
    frame(window, told, 0.1)
    assert _ids(page) == ["a" * 32]
    told.succeeded("a" * 32)
    frame(window, told, 0.1)
    assert _ids(page) == []
    assert page.filter_bar.chips[RunState.SUCCEEDED.value].count in ("30", "31")
    frame(window, told, 1.0)
    assert page.filter_bar.chips[RunState.SUCCEEDED.value].count == "31"


def test_runs_grow_too_old_for_the_chosen_span(page, window, told) -> None:
    page.filter_bar.period_box.setCurrentIndex(1)
    assert len(_ids(page)) == 31
    told.at += 1000
    frame(window, told)
    told.at += 11
    frame(window, told)
    assert _ids(page) == []


def test_a_failed_run_opens_with_its_error_and_traceback(page) -> None:
    page.navigate(ShowRun(FAILED))
    detail = page.detail
    assert not detail.isHidden()
    assert detail.tabs.currentIndex() == ERROR
    assert detail.error.headline.text() == "ProviderTimeout: no answer"
    assert "a.py, line 1" in detail.error.traceback.toPlainText()


def test_a_run_that_went_well_opens_with_its_arguments(page) -> None:
    _select(page, 3)
    page.table.row_activated.emit(page.table.current_row())
    assert page.detail.tabs.currentIndex() == ARGUMENTS
    page.detail.tabs.setCurrentIndex(EVENTS)
    assert page.detail.events.rows_model.shown_count == 2
    assert page.detail.tabs.tabText(EVENTS) == "Events 2"


def test_the_open_run_is_followed_as_it_goes_on(page, window, told) -> None:
    told.task("a" * 32)
    frame(window, told)
    page.navigate(ShowRun("a" * 32))
    assert page.detail.run.state is RunState.QUEUED
    told.started("a" * 32)
    frame(window, told, 0.1)
    assert page.detail.run.state is RunState.RUNNING
    told.failed("a" * 32, message="later")
    frame(window, told, 0.1)
    assert page.detail.error.headline.text() == "ProviderTimeout: later"


def test_an_overdue_run_says_what_its_limit_is_and_why(page, window, told) -> None:
    task_id = "b" * 32
    told.task(task_id)
    frame(window, told)
    page.navigate(ShowRun(task_id))
    assert page.detail.deadline_text == ""
    assert page.detail.header.state_tooltip.startswith("Overdue after 5 min 00 s: the default")
    told.state.tick(told.at + 301)
    frame(window, told, 301)
    assert page.detail.run.state is RunState.OVERDUE
    assert page.detail.deadline_text == (
        "No update within its deadline of 5 min 00 s: the default, for fewer than 5 runs of "
        "this task have ended."
    )


def test_a_result_is_read_only_when_it_is_looked_at(page, told, window, session) -> None:
    stored = StoredObject(FAILED, 8, 1, "n", told.at, sequence=5)
    told.state.fold([stored])
    frame(window, told, 0.1)
    page.navigate(ShowRun(FAILED))
    assert session.calls == []
    page.detail.tabs.setCurrentIndex(RESULT)
    assert session.calls == [FAILED]
    frame(window, told, 0.1)
    page.detail.tabs.setCurrentIndex(ARGUMENTS)
    page.detail.tabs.setCurrentIndex(RESULT)
    assert session.calls == [FAILED]


def test_a_result_that_cannot_be_read_says_why(page, told, window, session) -> None:
    told.state.fold([StoredObject(FAILED, 8, 1, "n", told.at, sequence=5)])
    session.default_result = DecodedResult(b"\x80\x04", None, "calls os.system")
    page.navigate(ShowRun(FAILED))
    frame(window, told, 0.1)
    page.detail.tabs.setCurrentIndex(RESULT)
    assert page.detail.result.shown_text == "calls os.system"
    session.error = UserFacingError("Not found", "the object is gone.", "Nothing to do.")
    told.state.fold([StoredObject(FAILED, 9, 1, "m", told.at + 1, sequence=6)])
    frame(window, told, 0.1)
    assert page.detail.result.shown_text == "Not found: the object is gone.\nNothing to do."


def test_r_runs_the_selected_again_and_shows_the_new_run_when_asked(
    qtbot: QtBot, page, window, session, told
) -> None:
    _select(page, 0)
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_R)
    assert session.calls == [([FAILED], False)]
    notice = window.notifications.shown[-1]
    assert notice.title == "extract_knowledge enqueued again"
    notice.choices[0][1]()
    told.task(f"new-{FAILED}")
    frame(window, told, 0.1)
    assert page.detail.run.task_id == f"new-{FAILED}"


def test_r_typed_into_the_filter_is_a_letter(qtbot: QtBot, page, session) -> None:
    _select(page, 0)
    page.focus_filter()
    qtbot.keyClick(page.filter_bar.text_field, Qt.Key.Key_R)
    assert page.filter_bar.text_field.text() == "r"
    assert session.calls == []


def test_a_refused_rerun_says_why_and_may_be_enqueued_anyway(page, window, session) -> None:
    session.error = UserFacingError(
        "No worker listens", "nobody takes it.", "Start one.", can_force=True
    )
    _select(page, 0)
    page.rerun_selected()
    notice = window.notifications.shown[-1]
    assert (notice.title, notice.advice) == ("No worker listens", "Start one.")
    notice.choices[0][1]()
    assert session.calls[-1] == ([FAILED], True)
    assert window.notifications.shown[-1].severity == "good"


def test_many_are_enqueued_only_after_a_question(page, window, session) -> None:
    page.table.selectAll()
    page.rerun_selected()
    assert session.calls == []
    notice = window.notifications.shown[-1]
    assert notice.title == "Re-run 31 runs?"
    notice.choices[0][1]()
    assert len(session.calls[0][0]) == 31


def test_a_run_whose_arguments_were_never_seen_is_not_repeated(page, window, told, session) -> None:
    told.succeeded("e" * 32)
    frame(window, told, 0.1)
    _select(page, 0)
    page.rerun_selected()
    assert session.calls == []
    assert window.notifications.shown[-1].title == "Cannot re-run: arguments unknown"
    page.navigate(ShowRun("e" * 32))
    assert not page.detail.header.rerun_button.isEnabled()


def test_e_opens_the_form_with_the_arguments_of_the_run(qtbot: QtBot, page, window) -> None:
    _select(page, 0)
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_E)
    assert not window.run_form.isHidden()
    assert window.run_form.draft.rerun_of == FAILED
    assert "uk" in window.run_form.draft.kwargs


def test_the_run_button_and_its_key_open_an_empty_form(qtbot: QtBot, window) -> None:
    window.top_bar.run.click()
    assert not window.run_form.isHidden()
    window.run_form.cancel()
    qtbot.keyClick(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert window.run_form.draft.rerun_of == ""
    assert not window.run_form.isHidden()


def test_a_run_that_was_just_enqueued_is_shown_as_soon_as_it_is_heard_of(
    page, window, told
) -> None:
    page.navigate(ShowRun("b" * 32, wait=True))
    assert page.detail.isHidden()
    told.task("b" * 32)
    frame(window, told, 0.1)
    assert page.detail.run.task_id == "b" * 32


def test_the_band_counts_the_selected_and_offers_the_rest(page) -> None:
    _select(page, 0, 1, 2)
    assert page.selection_bar.label.text() == "3 selected"
    assert page.selection_bar.buttons[0].text() == "Re-run 3"
    page.selection_bar.all_requested.emit()
    assert page.selection_bar.label.text() == "31 selected"
    page.selection_bar.none_requested.emit()
    assert page.selection_bar.label.text() == "Newest on top"


def test_escape_closes_the_details_then_the_selection_then_the_filter(
    qtbot: QtBot, page, window
) -> None:
    page.show_failed()
    page.clear_filter()
    page.filter_bar.set_filter((RunState.SUCCEEDED.value,))
    _select(page, 0, 1)
    page.table.row_activated.emit(page.table.current_row())
    for hidden, selected, shown in ((True, 2, 30), (True, 0, 30), (True, 0, 31)):
        qtbot.keyClick(window, Qt.Key.Key_Escape)
        state = (
            page.detail.isHidden(),
            page.table.selected_count(),
            page.table.rows_model.shown_count,
        )
        assert state == (hidden, selected, shown)


def test_a_filtered_out_run_is_shown_when_it_is_asked_for(page) -> None:
    page.filter_bar.set_filter((RunState.FAILED.value,))
    page.navigate(ShowRun(f"{3:032x}"))
    assert page.table.current_row().task_id == f"{3:032x}"
    assert not page.filter_bar.active


def test_the_page_catches_up_after_having_been_hidden(page, window, told) -> None:
    window.show_page("overview")
    told.runs(5, first=100)
    frame(window, told, 0.1)
    window.show_page("tasks")
    assert len(_ids(page)) == 36


def test_the_whole_page_pauses(page, window, told) -> None:
    window.toggle_pause()
    assert window.top_bar.pause.text() == "Paused"
    told.runs(5, first=100)
    frame(window, told, 0.1)
    assert len(_ids(page)) == 31
    window.toggle_pause()
    assert len(_ids(page)) == 36


@pytest.mark.parametrize("size", [(1024, 640), (1440, 900)])
@pytest.mark.parametrize("count", [0, 7, 2000])
def test_every_state_has_its_facet_with_its_count_at_every_size(qtbot: QtBot, size, count) -> None:
    told = Told().runs(count)
    window = make_window(qtbot, told, (TasksPage,))
    window.resize(*size)
    frame(window, told)
    bar = window.current.filter_bar
    QApplication.processEvents()
    shown = {state: button.count for state, button in bar.chips.items() if button.isVisible()}
    rare = {RunState.CANCELLED, RunState.RESULT_UNREADABLE}
    assert shown == {s: f"{told.state.runs.counts.get(s, 0):,}" for s in RunState if s not in rare}
    area = bar.rect()
    for control in (*bar.chips.values(), bar.period_box, bar.text_field):
        place = control.geometry().translated(control.parentWidget().mapTo(bar, QPoint(0, 0)))
        assert control.isHidden() or area.contains(place)
    lines = {button.y() for button in bar.chips.values() if button.isVisible()}
    assert len(lines) == 1
