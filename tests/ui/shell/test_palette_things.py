"""The palette finds what the state knows, and offers what one most likely wants first."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.navigation import ShowGroups
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.query.saved_views import SavedView
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.tables import select_rows
from tests.ui.window_builder import draw_frame, make_window

ID = "3f9c0e6a41d24c0f9a1b2c3d4e5f6071"
FAILED = "4" * 32


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder(NOW - 1)
    builder.task(ID, "work", text="hello")
    builder.succeeded(ID)
    builder.task(FAILED, "extract")
    builder.failed(FAILED, "ProviderRefusedError", "no quota")
    return builder


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder) -> MainWindow:
    window = make_window(qtbot, builder, PAGES)
    draw_frame(window, builder)
    return window


def type_into(window: MainWindow, text: str) -> list[str]:
    window.open_palette()
    window.command_palette.field.setText(text)
    return window.command_palette.titles


def press_enter(window: MainWindow) -> None:
    QTest.keyClick(window.command_palette.field, Qt.Key.Key_Return)


def test_an_id_opens_its_run(window: MainWindow) -> None:
    assert type_into(window, ID[:8])[0].startswith("work(")
    press_enter(window)
    shown = window.current
    assert isinstance(shown, TasksPage)
    page = shown.runs
    assert page.detail.run is not None
    assert page.detail.run.task_id == ID


def test_a_query_filters_the_runs(window: MainWindow) -> None:
    titles = type_into(window, "task:extract error:quota")
    assert titles[-1] == "Show runs that match “task:extract error:quota”"
    window.command_palette.list.clicked.emit(
        window.command_palette.list.model().index(len(titles) - 1, 0)
    )
    shown = window.current
    assert isinstance(shown, TasksPage)
    page = shown.runs
    assert page.filter_bar.text == "task:extract error:quota"


@pytest.mark.parametrize("text", ['task:"open', "state:fast", "queued:noon", "args>"])
def test_what_is_no_query_is_not_offered_as_one(window: MainWindow, text: str) -> None:
    assert not any("Show runs that match" in title for title in type_into(window, text))


@pytest.mark.parametrize(("row", "first"), [(0, "Re-run selected"), (1, "Re-run selected")])
def test_the_first_entry_on_a_selected_run_fits_its_state(
    window: MainWindow, row: int, first: str
) -> None:
    window.show_page("tasks")
    shown = window.current
    assert isinstance(shown, TasksPage)
    page = shown.runs
    select_rows(page, row)
    assert type_into(window, "")[0] == first
    assert type_into(window, "")[1] != "Copy selected runs"


def test_a_failure_group_is_named_with_its_cause_once(window: MainWindow) -> None:
    assert "ProviderRefusedError: no quota" in type_into(window, "no quota")


def test_a_command_of_that_name_comes_before_what_is_found(window: MainWindow) -> None:
    titles = type_into(window, "theme")
    assert titles[:3] == ["Dark theme", "Light theme", "System theme"]


def test_views_of_all_tabs_are_found(window: MainWindow) -> None:
    window.views.save(SavedView("groups", "Timeouts", query="cause:Timeout"))
    assert type_into(window, "timeouts")[0] == "View: Timeouts"
    press_enter(window)
    shown = window.current
    assert isinstance(shown, TasksPage)
    assert shown.shown_part.key == "groups"
    assert shown.groups.filter_bar.text == "cause:Timeout"
    type_into(window, "view running now")
    press_enter(window)
    assert shown.shown_part.key == "tasks"
    assert shown.runs.filter_bar.checked_facets == {"running"}
    everything = [
        each for each in window.actions_table.ids if each.startswith("view.system.groups")
    ]
    assert everything


def test_what_shows_failures_comes_first_on_the_page_of_tasks(window: MainWindow) -> None:
    window.show_page("tasks")
    assert type_into(window, "")[:2] == ["Show failed runs", "Show failure groups"]
    by_group: dict[str, list[str]] = {}
    for each in map(window.actions_table.__getitem__, window.actions_table.ids):
        by_group.setdefault(each.group, []).append(each.title)
    assert by_group["Runs"][0] == "Show failed runs"
    assert by_group["Failure groups"][0] == "Show failure groups"


def test_the_first_entry_on_a_failure_group_shows_its_runs(
    window: MainWindow, builder: StateBuilder
) -> None:
    window.navigate(ShowGroups())
    draw_frame(window, builder, 1.0)
    shown = window.current
    assert isinstance(shown, TasksPage)
    shown.groups.open_group(next(iter(builder.state.failure_groups.groups())).id)
    assert type_into(window, "")[0] == "Show the runs of the group"


def test_a_command_that_needs_a_selection_says_so_before_what_is_found(
    window: MainWindow, builder: StateBuilder
) -> None:
    for number in range(5):
        message = {"id": f"m{number}", "author": "Olha", "content": "please rerun the import"}
        builder.event("messages", "message.new", message)
    window.show_page("tasks")
    draw_frame(window, builder, 1.0)
    shown = window.current
    assert isinstance(shown, TasksPage)
    titles = type_into(window, "rerun")
    assert titles[0] == "Re-run selected"
    assert titles.index("Edit and re-run…") < titles.index("please rerun the import")
    model = window.command_palette.list.model()
    spoken = str(model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole))
    assert "not available, Select a run first" in spoken
    press_enter(window)
    (said,) = window.notifications.shown
    assert (said.title, said.detail) == ("Re-run selected", "Select a run first.")
    select_rows(shown.runs, 0)
    assert type_into(window, "rerun")[0] == "Re-run selected"
    spoken = str(model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole))
    assert "not available" not in spoken
    window.open_palette()


def test_a_hyphen_may_be_left_out(window: MainWindow) -> None:
    window.show_page("tasks")
    for typed in ("rerun", "re-run", "re run", "Rerun sel"):
        assert type_into(window, typed)[0] == "Re-run selected", typed
        window.open_palette()


def test_a_key_that_needs_something_says_what(window: MainWindow) -> None:
    window.show_page("tasks")
    modifiers = Qt.KeyboardModifier
    QTest.keyClick(window, Qt.Key.Key_B, modifiers.ControlModifier | modifiers.ShiftModifier)
    (said,) = window.notifications.shown
    assert said.title == "Back to your filter"
    assert said.detail.startswith("There is none")
