"""The failure groups of the Tasks page: table, details, marks, exactly their runs."""

import dataclasses
import math
import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import RecordingShownError, UserFacingError
from pulse_desktop.model.group_marks import GroupMarks, Mark, MarkKind
from pulse_desktop.model.time_range import ALL_RETAINED, fixed, last
from pulse_desktop.query.fingerprint import OTHER
from pulse_desktop.state.failure_group import FailureGroup, GroupState
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.navigation import FilterRuns, ShowGroups, ShowPage, ShowRun
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks import actions, groups_page
from pulse_desktop.ui.pages.tasks.groups_page import GroupsPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.query.cell_filter import cell_conditions
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.tables import click_row, select_rows
from tests.ui.window_builder import draw_frame, make_window, run_at_once
from tests.unit.query.recorded_tracebacks import recorded

TASK = "shop.orders:extract"
LIBRARY = '  File "/usr/lib/python3.13/site-packages/retrying.py", line 9, in call\n    fn()\n'
HEADING = "Traceback (most recent call last):\n"
TRACE = recorded("3.13")["caused"].replace("OrderError", "RefusedError")
TRACE = TRACE.replace(HEADING + "  File", HEADING + LIBRARY + "  File", 1)


def fail(builder: StateBuilder, number: int, kind: str, at: float, **error: str) -> str:
    task_id = f"{number:032x}"
    builder.task(task_id, TASK, at=at - 1, language="pl", number=number)
    fields = {"type": kind, "message": f"refused {number}", "traceback": "", **error}
    data = {"task_id": task_id, "attempt": 1, "will_retry": False, "error": fields}
    builder.event("tasks", "task.failed", data, at)
    return task_id


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder(NOW)
    for number in range(100, 110):
        at = NOW - 6_500 + 250 * (number - 100)
        builder.task(f"{number:032x}", TASK, at=at, language="en")
        builder.succeeded(f"{number:032x}", at=at + 1)
    for number in range(15):
        trace = TRACE
        fail(builder, number, "RefusedError", NOW - 1_500 + number, traceback=trace)
    for number in range(20, 23):
        fail(builder, number, "TimeoutError", NOW - 7_000 + number)
    builder.state.failure_groups.tick_all(NOW)
    return builder


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder, session: FakeSession) -> MainWindow:
    window = make_window(qtbot, builder, (TasksPage, OverviewPage), session)
    window.navigate(ShowGroups())
    draw_frame(window, builder, 1.0)
    return window


def tasks(window: MainWindow) -> TasksPage:
    page = window.page("tasks")
    assert isinstance(page, TasksPage)
    return page


@pytest.fixture
def page(window: MainWindow) -> GroupsPage:
    return tasks(window).groups


def shown(page: GroupsPage) -> list[FailureGroup]:
    return list(page.table.rows_model.row_objects())


def refused(page: GroupsPage) -> FailureGroup:
    return next(group for group in shown(page) if group.cause == "RefusedError")


def text(page: GroupsPage, key: str, row: int = 0) -> str:
    model = page.table.rows_model
    column = next(i for i, each in enumerate(model.columns) if each.key == key)
    return str(model.index(row, column).data())


def test_a_state_that_is_not_known_yet_is_not_judged(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    groups = builder.state.failure_groups
    groups.set_states_known_since(math.inf, NOW)
    page.open_group(refused(page).id)
    draw_frame(window, builder, 2.0)
    assert [text(page, "state", row) for row in (0, 1)] == ["◌ reading…", "◌ reading…"]
    column = next(each for each in page.table.rows_model.columns if each.key == "state")
    assert column.color is not None
    assert {column.color(group) for group in shown(page)} == {SemanticColor.MUTED}
    chips = page.filter_bar.chips
    assert {key: chip.isHidden() for key, chip in chips.items()} == {
        **dict.fromkeys(chips, True),
        "unknown": False,
    }
    assert page.facet_counts()["unknown"] == 2
    assert "reading…" in [each.text() for each in page.detail.findChildren(QLabel)]
    window.time.set_range(fixed(NOW - 7_100, NOW - 1_486))
    draw_frame(window, builder, 4.0)
    assert [text(page, "state", row) for row in (0, 1)] == ["◌ reading…", "◌ reading…"]
    groups.set_states_known_since(-math.inf, NOW)
    draw_frame(window, builder, 4.1)
    assert [text(page, "state", row) for row in (0, 1)] == ["✖ ongoing", "✔ recovered"]
    window.time.set_range(ALL_RETAINED)
    draw_frame(window, builder, 6.0)
    assert [text(page, "state", row) for row in (0, 1)] == ["✖ ongoing", "✔ recovered"]
    QApplication.processEvents()  # chips are counted in slices
    draw_frame(window, builder, 8.0)
    assert chips["unknown"].isHidden()
    assert "reading…" not in [each.text() for each in page.detail.findChildren(QLabel)]


def test_the_groups_are_listed_with_the_latest_first(page: GroupsPage) -> None:
    assert [(group.cause, group.count) for group in shown(page)] == [
        ("RefusedError", 15),
        ("TimeoutError", 3),
    ]
    assert text(page, "count") == "15"
    assert text(page, "message") == "refused 14"
    assert text(page, "shared") == "language=pl in all 15"
    assert text(page, "state").endswith("ongoing")
    assert text(page, "state", 1).endswith("recovered")
    assert page.filter_bar.row_count_text == "2 groups"


def test_the_details_say_why_they_are_one_group_and_show_an_example(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    click_row(page, 0)
    draw_frame(window, builder)
    detail = page.detail
    assert detail.message == "RefusedError: refused 14"
    values = detail.properties.values
    assert values["Shared"] == "language=pl in all 15"
    assert values["Grouped by"] == "KeyError → RefusedError, and where it was raised"
    example = detail.example.text.toPlainText().splitlines()
    assert example[0] == "RefusedError: refused 14"
    assert example[1].split() == ["shop.orders:caused", "line", "42"]
    assert "Caused by:" in example
    assert sum(detail.bars.values) == 15
    assert detail.show_runs.text() == "Show these 15 runs"


def test_its_runs_are_shown_and_the_own_filter_comes_back(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    runs = tasks(window).runs
    click_row(page, 0)
    QTest.keyClick(page.table, Qt.Key.Key_G)
    assert refused(page).id in runs.filter_bar.text
    modifiers = Qt.KeyboardModifier
    QTest.keyClick(window, Qt.Key.Key_B, modifiers.ControlModifier | modifiers.ShiftModifier)
    assert runs.filter_bar.text == ""
    runs.filter_bar.set_filter((), "task:extract")
    window.navigate(ShowGroups(refused(page).id))
    draw_frame(window, builder)
    page.detail.show_runs.click()
    draw_frame(window, builder)
    assert tasks(window).shown_part is runs
    found = {run.task_id for run in runs.table.rows_model.row_objects()}
    assert found == {f"{number:032x}" for number in range(15)}
    assert runs.filter.former.exists
    notice = [each.text() for each in runs.filter_bar.notice.findChildren(QLabel)]
    assert "Runs of RefusedError" in notice  # how many is beside it, and goes on
    runs.filter.former.go_back()
    assert runs.filter_bar.text == "task:extract"


def test_an_attention_item_opens_exactly_the_runs_that_it_counts(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    # Of the same group, but not within the hour that the item counts.
    for number in range(30, 33):
        trace = TRACE
        fail(builder, number, "RefusedError", NOW - 6_000 + number, traceback=trace)
    window.time.set_range(last(60.0))
    window.navigate(ShowPage("overview"))
    draw_frame(window, builder, 3.0)
    overview = window.current
    assert isinstance(overview, OverviewPage)
    row = overview.attention.rows[0]
    assert row.title == "15 × RefusedError"
    row.click()
    draw_frame(window, builder)
    runs = tasks(window).runs
    assert window.current is tasks(window)
    assert window.current.shown_part is runs
    found = {run.task_id for run in runs.table.rows_model.row_objects()}
    assert found == {f"{number:032x}" for number in range(15)}
    del page


def test_its_runs_are_rerun_after_a_question(
    window: MainWindow, builder: StateBuilder, session: FakeSession, page: GroupsPage
) -> None:
    window.navigate(ShowGroups(refused(page).id))
    draw_frame(window, builder)
    page.detail.rerun.click()
    assert session.calls == []
    (asked,) = window.notifications.shown
    assert asked.title == "Re-run 15 runs?"
    # It fails once more while the question is open: those 15 were asked about.
    fail(builder, 50, "RefusedError", NOW, traceback=TRACE)
    draw_frame(window, builder)
    asked.choices[0][1]()
    (call,) = session.calls
    assert sorted(call[0]) == [f"{number:032x}" for number in range(15)]


@pytest.mark.parametrize(("selected", "further"), [((0,), "10 further"), ((0, 1), "13 further")])
def test_runs_that_are_too_many_to_be_rerun_at_once_are_said_to_be_left_out(
    window: MainWindow,
    builder: StateBuilder,
    session: FakeSession,
    page: GroupsPage,
    monkeypatch: pytest.MonkeyPatch,
    selected: tuple[int, ...],
    further: str,
) -> None:
    monkeypatch.setattr(groups_page, "_MAX_RERUN", 5)
    select_rows(page, *selected)
    draw_frame(window, builder)
    page.rerun_selected()
    (asked,) = window.notifications.shown
    assert asked.title == "Re-run 5 runs?"
    assert f"{further} runs are left out: at most 5 are re-run at once" in asked.advice
    asked.choices[0][1]()
    (call,) = session.calls
    assert sorted(call[0]) == [f"{number:032x}" for number in range(10, 15)]


def test_no_run_is_said_to_be_left_out_at_the_limit(
    window: MainWindow, builder: StateBuilder, page: GroupsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_page, "_MAX_RERUN", 15)
    select_rows(page, 0)
    draw_frame(window, builder)
    page.rerun_selected()
    (asked,) = window.notifications.shown
    assert asked.title == "Re-run 15 runs?"
    assert "left out" not in asked.advice


def test_a_key_for_groups_out_of_sight_changes_none(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    click_row(page, 0)
    select_rows(page, 0, 1)
    page.table.selection_is_visible = lambda: False  # type: ignore[method-assign]
    QTest.keyClick(page.table, Qt.Key.Key_M)
    draw_frame(window, builder, 3.0)
    assert page.filter_bar.row_count_text == "2 groups"


def test_a_group_is_muted_resolved_and_reopened_by_key(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    group_id = refused(page).id
    click_row(page, 0)
    QTest.keyClick(page.table, Qt.Key.Key_M)
    draw_frame(window, builder, 3.0)
    assert text(page, "state").endswith("muted")
    assert page.filter_bar.row_count_text == "2 groups · 1 muted"
    assert page.detail.mute.text() == "Unmute"
    items = [item for item in page.context.attention_items() if item.group == group_id]
    assert items == []
    QTest.keyClick(page.table, Qt.Key.Key_M)
    QTest.keyClick(page.table, Qt.Key.Key_V)
    draw_frame(window, builder, 3.0)
    assert text(page, "state").endswith("resolved")
    assert page.detail.properties.values["Marked"].startswith("Resolved by bob@host")
    QTest.keyClick(page.table, Qt.Key.Key_V)
    draw_frame(window, builder, 3.0)
    assert text(page, "state").endswith("ongoing")


@pytest.mark.parametrize("how", ["key", "button"])
def test_a_regressed_group_is_resolved_again_in_one_step(
    window: MainWindow,
    builder: StateBuilder,
    session: FakeSession,
    page: GroupsPage,
    how: str,
) -> None:
    before = Mark(NOW - 1_495.0, "bob@host")  # its last failures are later
    session.mark_table.put(refused(page).id, MarkKind.RESOLVED, before)
    builder.state.failure_groups.set_marks(session.mark_table.load())
    draw_frame(window, builder, 3.0)
    assert text(page, "state").endswith("regressed")
    click_row(page, 0)
    assert page.detail.resolve.text() == "Resolve"
    if how == "key":
        QTest.keyClick(page.table, Qt.Key.Key_V)
    else:
        page.detail.resolve.click()
    draw_frame(window, builder, 3.0)
    assert text(page, "state").endswith("resolved")
    after = refused(page).marks.resolved
    assert after is not None
    assert after.at > before.at
    assert page.detail.resolve.text() == "Reopen"


def test_only_those_that_are_not_resolved_yet_get_a_mark(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    click_row(page, 0)
    QTest.keyClick(page.table, Qt.Key.Key_V)
    draw_frame(window, builder, 3.0)
    before = refused(page).marks.resolved
    select_rows(page, 0, 1)
    QTest.keyClick(page.table, Qt.Key.Key_V)
    draw_frame(window, builder, 3.0)
    assert refused(page).marks.resolved == before
    assert all(group.state == "resolved" for group in shown(page))


def test_a_muted_group_shows_that_it_is_resolved_as_well(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    select_rows(page, 0)
    QTest.keyClick(page.table, Qt.Key.Key_M)
    draw_frame(window, builder, 3.0)
    assert text(page, "state").endswith("muted")
    QTest.keyClick(page.table, Qt.Key.Key_V)
    draw_frame(window, builder, 3.0)
    assert text(page, "state").endswith("muted · resolved")
    QTest.keyClick(page.table, Qt.Key.Key_V)
    draw_frame(window, builder, 3.0)
    assert text(page, "state").endswith("muted")


def test_nothing_is_marked_or_edited_in_a_recording(
    window: MainWindow, builder: StateBuilder, session: FakeSession, page: GroupsPage
) -> None:
    click_row(page, 0)
    draw_frame(window, builder)
    detail = page.detail
    buttons = (detail.mute, detail.resolve, detail.note.button)
    assert all(button.isEnabled() for button in buttons)
    edit = tasks(window).runs.detail.header.edit_button
    assert edit.isEnabled()

    recorded = FakeSession(builder.state)
    recorded.connection_status = dataclasses.replace(session.connection_status, recording="shop")
    window.set_session(recorded, run_at_once)
    window.navigate(ShowGroups())
    draw_frame(window, builder, 3.0)
    detail = tasks(window).groups.detail
    click_row(tasks(window).groups, 0)
    draw_frame(window, builder)
    buttons = (detail.mute, detail.resolve, detail.note.button)
    assert not any(button.isEnabled() for button in buttons)
    assert all("recording cannot be marked" in button.toolTip() for button in buttons)
    QTest.keyClick(tasks(window).groups.table, Qt.Key.Key_N)
    assert not detail.note.is_editing
    (notice,) = window.notifications.shown
    assert "recording" in notice.title
    window.navigate(ShowRun(f"{3:032x}"))
    draw_frame(window, builder, 1.0)
    edit = tasks(window).runs.detail.header.edit_button
    assert not edit.isEnabled()
    assert "recording" in edit.toolTip()


def test_other_failures_are_not_marked_by_key_either(
    window: MainWindow,
    builder: StateBuilder,
    session: FakeSession,
    page: GroupsPage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(builder.state.failure_groups, "_capacity", 2)
    fail(builder, 500, "E1", NOW - 10)
    draw_frame(window, builder, 1.0)
    row = [group.id for group in shown(page)].index(OTHER.id)
    click_row(page, row)
    draw_frame(window, builder)
    detail = page.detail
    assert detail.group is not None
    assert detail.group.id == OTHER.id
    for button in (detail.mute, detail.resolve, detail.note.button):
        assert not button.isEnabled()
        assert "cannot be marked" in button.toolTip()
    for key in (Qt.Key.Key_M, Qt.Key.Key_V, Qt.Key.Key_N):
        window.notifications.clear()
        QTest.keyClick(page.table, key)
        (notice,) = window.notifications.shown
        assert notice.title == "Other failures cannot be marked"
    assert not detail.note.is_editing
    assert session.mark_table.load() == {}
    select_rows(page, row, 0 if row else 1)
    QTest.keyClick(page.table, Qt.Key.Key_M)
    marked = session.mark_table.load()
    assert len(marked) == 1
    assert OTHER.id not in marked


def test_what_is_typed_for_a_group_survives_the_note_of_another_one(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    note = page.detail.note

    def show(row: int) -> None:
        click_row(page, row)
        draw_frame(window, builder)

    show(0)
    QTest.keyClick(page.table, Qt.Key.Key_N)
    QTest.keyClicks(note.field, "half a sentence")
    show(1)
    QTest.keyClick(page.table, Qt.Key.Key_N)
    assert note.field.text() == ""
    QTest.keyClicks(note.field, "another")
    show(0)
    assert note.is_editing
    assert note.field.text() == "half a sentence"
    QTest.keyClick(note.field, Qt.Key.Key_Return)
    draw_frame(window, builder, 2.0)
    assert note.text == "half a sentence"
    show(1)
    assert note.field.text() == "another"
    QTest.keyClick(note.field, Qt.Key.Key_Escape)
    assert note.field.isHidden()
    note.button.click()
    assert note.field.text() == ""


def test_a_note_is_kept_and_what_is_typed_survives_another_group(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    click_row(page, 0)
    draw_frame(window, builder)
    note = page.detail.note
    note.button.click()
    QTest.keyClicks(note.field, "OPS-311 <b>")
    click_row(page, 1)
    draw_frame(window, builder)
    assert note.field.isHidden()
    click_row(page, 0)
    draw_frame(window, builder)
    note.button.click()
    assert note.field.text() == "OPS-311 <b>"
    QTest.keyClick(note.field, Qt.Key.Key_Return)
    draw_frame(window, builder, 2.0)
    assert note.text == "OPS-311 <b>"
    note.button.click()
    note.field.clear()
    note.save.click()
    draw_frame(window, builder, 2.0)
    assert refused(page).marks.note is None


@pytest.mark.parametrize("how", ["saved", "discarded"])
def test_the_focus_returns_to_where_it_was_after_a_note(
    window: MainWindow, builder: StateBuilder, page: GroupsPage, how: str
) -> None:
    click_row(page, 0)
    draw_frame(window, builder)
    note = page.detail.note
    assert not page.detail.example.unfold.isHidden()  # where Qt would pass the focus on
    for before, edit in ((page.table, page.edit_note), (note.button, note.button.click)):
        before.setFocus()
        edit()
        assert window.focusWidget() is note.field
        QTest.keyClicks(note.field, "OPS-311")
        key = Qt.Key.Key_Return if how == "saved" else Qt.Key.Key_Escape
        QTest.keyClick(note.field, key)
        draw_frame(window, builder, 2.0)
        assert window.focusWidget() is before


def test_the_frames_of_libraries_are_unfolded(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    click_row(page, 0)
    draw_frame(window, builder)
    example = page.detail.example
    assert re.fullmatch(r"Show \d+ more frames?", example.unfold.text())
    lines = len(example.text.toPlainText().splitlines())
    example.unfold.click()
    assert len(example.text.toPlainText().splitlines()) > lines
    assert example.unfold.isHidden()


def test_the_details_tell_the_time_range_from_all_that_is_known(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    click_row(page, 0)
    draw_frame(window, builder)
    assert page.detail.properties.values["Failures"] == "15"
    window.time.set_range(fixed(NOW - 1_600, NOW - 1_498))
    draw_frame(window, builder, 2.0)
    count = text(page, "count")
    assert count == "3"
    values = page.detail.properties.values
    assert values["Failures"] == f"{count} in this time; of all that is known: 15"
    assert page.detail.show_runs.text() == f"Show {count} runs of this time"
    assert "time range" in page.detail.rerun.toolTip()
    window.time.set_range(ALL_RETAINED)
    draw_frame(window, builder, 2.0)
    assert page.detail.properties.values["Failures"] == "15"
    assert page.detail.show_runs.text() == "Show these 15 runs"


def test_a_frozen_range_shows_groups_as_they_were_at_its_end(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    for number in range(200, 240):
        at = NOW - 1_400 + 30 * (number - 200)
        builder.task(f"{number:032x}", TASK, at=at, language="en")
        builder.succeeded(f"{number:032x}", at=at + 1)
    # Later it is another language that is refused, and what had recovered fails again.
    for number in range(30, 34):
        builder.task(f"{number:032x}", TASK, at=NOW - 11, language="de", number=number)
        fail(builder, number, "RefusedError", NOW - 10 + number - 30, traceback=TRACE)
    fail(builder, 40, "TimeoutError", NOW - 5)
    builder.state.failure_groups.tick_all(NOW)
    draw_frame(window, builder, 2.0)
    assert {group.cause: group.state for group in shown(page)} == {
        "RefusedError": GroupState.REGRESSED,
        "TimeoutError": GroupState.REGRESSED,
    }
    window.time.set_range(fixed(NOW - 7_100, NOW - 1_486))
    draw_frame(window, builder, 2.0)
    rows = {group.cause: row for row, group in enumerate(shown(page))}
    assert rows == {"RefusedError": 0, "TimeoutError": 1}
    assert [text(page, "state", row) for row in (0, 1)] == ["✖ ongoing", "✔ recovered"]
    assert page.facet_counts() == {
        **dict.fromkeys((*GroupState, "muted"), 0),
        "ongoing": 1,
        "recovered": 1,
    }
    assert text(page, "count", 0) == "15"
    assert text(page, "last", 0) == "now"
    assert text(page, "last", 1) == "1 h ago"
    assert text(page, "message", 0) == "refused 14"
    assert text(page, "message", 1) == "refused 22"
    draw_frame(window, builder)
    assert text(page, "shared", 0) == "language=pl in all 15"
    row = page.table.rows_model.row_object(0)
    assert row is not None
    column = next(each for each in page.table.rows_model.columns if each.key == "message")
    (message,) = page.row_menus.values(row, [column])
    page.filter.edit(cell_conditions(message)[0].apply)
    assert "refused 14" in page.filter_bar.text
    draw_frame(window, builder, 2.0)
    assert [group.cause for group in shown(page)] == ["RefusedError"]
    page.filter_bar.set_filter((), "state:ongoing shared:pl message:14")
    draw_frame(window, builder, 2.0)
    assert [group.cause for group in shown(page)] == ["RefusedError"]
    page.clear_filter()
    draw_frame(window, builder, 2.0)
    click_row(page, 0)
    draw_frame(window, builder)
    detail = page.detail
    values = detail.properties.values
    assert values["Shared"] == "language=pl in all 15"
    assert values["Failures"] == "15 in this time; of all that is known: 19"
    assert detail.message == "RefusedError: refused 14"
    # Failures of now change nothing of it.
    before = dict(values)
    fail(builder, 35, "RefusedError", NOW - 1, traceback=TRACE)
    draw_frame(window, builder, 2.0)
    assert detail.properties.values | {"Failures": ""} == before | {"Failures": ""}
    assert text(page, "message", 0) == "refused 14"
    asked = window.time.range
    detail.example.open_run.click()
    draw_frame(window, builder, 2.0)
    assert window.time.range == asked
    runs = tasks(window).runs
    assert runs.detail.isVisibleTo(runs)
    assert runs.detail.run is not None
    assert runs.detail.run.task_id == f"{14:032x}"


def test_a_mark_that_was_made_later_is_told_apart_in_a_frozen_range(
    window: MainWindow, builder: StateBuilder, page: GroupsPage, session: FakeSession
) -> None:
    window.time.set_range(fixed(NOW - 1_600, NOW - 1_400))
    draw_frame(window, builder, 2.0)
    click_row(page, 0)
    builder.state.failure_groups.set_marks(
        {refused(page).id: GroupMarks(resolved=Mark(NOW, "bob@host"))}
    )
    draw_frame(window, builder, 2.0)
    assert text(page, "state") == "✖ ongoing"
    assert page.detail.resolve.text() == "Reopen"
    assert page.detail.properties.values["Marked, as of now"].startswith("Resolved by bob@host")


def test_the_count_says_that_an_earlier_filter_is_in_force(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    page.filter_bar.set_filter((), "cause:Timeout")
    page.filter_bar.set_filter((), "cause:Timeout (")
    for _second in range(2):
        draw_frame(window, builder, 1.0)
        assert page.filter_bar.row_count_text == "1 of 2 groups, by the last valid filter"


def test_a_mark_that_cannot_be_kept_is_reported(
    window: MainWindow, builder: StateBuilder, session: FakeSession, page: GroupsPage
) -> None:
    session.error = session.problem = UserFacingError(
        "The local state is damaged", "not a database.", "Move it away."
    )
    click_row(page, 0)
    page.toggle_muted()
    draw_frame(window, builder, 2.0)
    assert [each.title for each in window.notifications.shown] == ["The local state is damaged"]
    assert "Move it away." in page.detail.problem
    assert refused(page).marks.muted is None


def test_the_runs_of_a_group_that_is_only_shown_can_be_run_again(
    window: MainWindow, page: GroupsPage
) -> None:
    table, rerun = window.actions_table, actions.RERUN.id
    assert not table.is_enabled(rerun)
    page.open_detail(refused(page))
    page.table.release()
    assert page.table.selected_count() == 0
    assert table.is_enabled(rerun)
    page.close_detail()
    assert not table.is_enabled(rerun)


def test_a_refused_mark_is_reported_by_a_notice_that_passes(
    window: MainWindow, builder: StateBuilder, session: FakeSession, page: GroupsPage
) -> None:
    session.error = RecordingShownError()
    click_row(page, 0)
    page.toggle_muted()
    draw_frame(window, builder, 2.0)
    (notice,) = window.notifications.shown
    assert (notice.title, notice.passes) == ("Not possible on a recording", True)
    window.notify(Notification("Exported"))
    assert [each.title for each in window.notifications.shown] == ["Exported"]


def test_a_failure_counts_in_the_frame_in_which_it_arrives(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    for number in range(50, 53):
        fail(builder, number, "RefusedError", builder.at + 0.2, traceback=TRACE)
        builder.state.failure_groups.tick_all(builder.at + 0.2)
        draw_frame(window, builder, 0.25)
        counts = {each.cause: text(page, "count", row) for row, each in enumerate(shown(page))}
        assert counts["RefusedError"] == str(number - 34)


def test_only_failures_in_the_time_range_count(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    window.time.set_range(last(3_600.0))
    draw_frame(window, builder, 2.0)
    assert [group.cause for group in shown(page)] == ["RefusedError"]
    window.time.set_range(last(1_495.0))
    draw_frame(window, builder, 2.0)
    assert int(text(page, "count")) < 15


def test_what_is_shared_in_a_live_range_is_that_of_its_failures(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    requested: list[None] = []
    window.frame_requested.connect(lambda: requested.append(None))
    click_row(page, 0)
    window.time.set_range(last(1_500.0))
    for seconds in (2.0, 4.0):
        draw_frame(window, builder, seconds)
        requested.clear()
        count = text(page, "count")
        assert 3 < int(count) < 15
        text(page, "shared")  # asks for it
        draw_frame(window, builder, seconds)
        assert text(page, "shared") == f"language=pl in all {count}"
        assert page.detail.properties.values["Shared"] == f"language=pl in all {count}"
        assert len(requested) <= 1
    window.time.set_range(ALL_RETAINED)
    draw_frame(window, builder, 6.0)
    assert text(page, "shared") == "language=pl in all 15"


def test_what_is_shared_in_a_range_is_found_again_as_more_is_known(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    builder.state.failure_groups.tick_all(NOW)
    window.time.set_range(fixed(NOW - 1_501, NOW - 1_400))
    fail(builder, 899, "RefusedError", NOW - 9_000, traceback=TRACE)
    for seconds in (2.0, 1.0):
        draw_frame(window, builder, seconds)
        text(page, "shared")
    assert text(page, "shared") == "language=pl in all 15"
    for number in range(200, 300):
        builder.task(f"{number:032x}", TASK, at=NOW - 3_000, language="pl")
        builder.succeeded(f"{number:032x}", at=NOW - 2_999)
    for seconds in (64.0, 11.0, 1.0):
        draw_frame(window, builder, seconds)
        text(page, "shared")
    assert text(page, "shared") == ""


def test_a_query_narrows_the_groups(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    page.filter_bar.set_filter((), "cause:Timeout")
    draw_frame(window, builder)
    assert [group.cause for group in shown(page)] == ["TimeoutError"]
    assert page.filter_bar.row_count_text == "1 of 2 groups"
    page.open_group(next(iter(builder.state.failure_groups.groups())).id)
    draw_frame(window, builder)
    assert page.detail.group is not None
    assert page.detail.group.cause == "RefusedError"


def test_the_example_leads_to_its_run(
    window: MainWindow, builder: StateBuilder, page: GroupsPage
) -> None:
    click_row(page, 0)
    draw_frame(window, builder)
    page.detail.example.open_run.click()
    draw_frame(window, builder)
    runs = tasks(window).runs
    assert tasks(window).shown_part is runs
    assert runs.detail.run is not None
    assert runs.detail.run.task_id == f"{14:032x}"


def test_the_tab_follows_where_one_goes(window: MainWindow, builder: StateBuilder) -> None:
    bar = tasks(window).tabs
    assert bar.currentIndex() == 1
    window.navigate(ShowRun(f"{3:032x}"))
    assert bar.currentIndex() == 0
    bar.setCurrentIndex(1)
    window.navigate(FilterRuns(query="state:failed"))
    assert bar.currentIndex() == 0
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(tasks(window), Qt.Key.Key_G, keys)
    draw_frame(window, builder)
    assert bar.currentIndex() == 1


@pytest.mark.parametrize(
    ("key", "action", "tab"), [(Qt.Key.Key_F, "runs.failed", 0), (Qt.Key.Key_G, "groups.show", 1)]
)
def test_failures_are_shown_from_every_page(
    window: MainWindow, builder: StateBuilder, key: Qt.Key, action: str, tab: int
) -> None:
    tasks(window).tabs.setCurrentIndex(1 - tab)
    window.navigate(ShowPage("overview"))
    draw_frame(window, builder)
    assert action in [each.id for each in window.actions_table.available()]
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window, key, keys)
    draw_frame(window, builder)
    assert window.current is tasks(window)
    assert tasks(window).tabs.currentIndex() == tab
    if tab == 0:
        assert {
            run.error is not None for run in tasks(window).runs.table.rows_model.row_objects()
        } == {True}


def test_actions_on_a_table_are_on_the_one_that_is_shown(
    window: MainWindow, page: GroupsPage
) -> None:
    both = tasks(window)
    both.runs.filter_bar.set_filter(text="task=of_the_runs")
    page.filter_bar.set_filter(text="cause=RefusedError")
    assert window.actions_table.run("query.copy")
    assert QApplication.clipboard().text() == "cause=RefusedError"
    both.show_tab(RunsPage)
    assert window.actions_table.run("query.copy")
    assert QApplication.clipboard().text() == "task=of_the_runs"
    assert not window.actions_table.is_enabled("query.row"), "no run is shown"
    both.show_groups()
    assert window.actions_table.is_enabled("query.row")


def test_keys_lead_back_from_the_groups_to_the_runs(window: MainWindow) -> None:
    both = tasks(window)
    for key in (Qt.Key.Key_1, Qt.Key.Key_Tab, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
        both.show_groups()
        assert both.tabs.currentIndex() == 1
        QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert both.tabs.currentIndex() == 0, key
        if key is not Qt.Key.Key_1:
            QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
            assert both.tabs.currentIndex() == 1, key


def test_the_key_that_clears_the_filter_clears_that_of_the_groups(
    window: MainWindow,
) -> None:
    both = tasks(window)
    both.show_groups()
    both.runs.filter_bar.set_filter(text="task:extract")
    both.groups.filter_bar.set_filter(text="cause=RefusedError")
    assert both.groups.table.rows_model.shown_count == 1
    QTest.keyClick(both.groups.table, Qt.Key.Key_Backspace, Qt.KeyboardModifier.ControlModifier)
    assert both.groups.table.rows_model.shown_count == 2
    assert both.runs.filter_bar.text == "task:extract"
