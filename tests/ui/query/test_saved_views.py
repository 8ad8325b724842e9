"""Saved views: opened, changed, saved, kept in a file, and refused if a later version made them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import ALL_RETAINED, last
from pulse_desktop.ui.navigation import FilterRuns, OpenView
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.query.saved_views import MAX_VIEWS, SavedView, SavedViews
from pulse_desktop.ui.query.view_dialogs import UnsavedViewDialog, ViewNameDialog
from pulse_desktop.ui.shell.window_state import WindowStateFile, WindowStateManager
from tests.kit.state_builder import StateBuilder
from tests.ui.page_harness import PageHarness
from tests.ui.query.test_query_field import ids
from tests.ui.window_builder import make_window

NAME = "Polish failures"


def titles(menu: QMenu) -> dict[str, bool]:
    """Return the entries of a menu, and whether each is enabled."""
    return {a.text(): a.isEnabled() for a in menu.actions() if not a.isSeparator()}


def view_of(views: SavedViews) -> SavedView:
    found = views.find("tasks", NAME)
    assert found is not None
    return found


def choose(page: RunsPage, title: str) -> None:
    """Choose an entry of the menu of views."""
    menu = page.views_button.menu_of_views()
    next(action for action in menu.actions() if action.text() == title).trigger()
    menu.deleteLater()


def name_view(qtbot: QtBot, page: RunsPage, name: str) -> None:
    """Answer the dialog that asks for the name of a view."""
    dialog = next(each for each in page.window().findChildren(ViewNameDialog) if each.isVisible())
    dialog.name.setText(name)
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not dialog.isVisible())


def save_as(qtbot: QtBot, page: RunsPage, name: str = NAME) -> None:
    choose(page, "Save as…")
    name_view(qtbot, page, name)


def test_a_view_of_the_program_is_opened_and_cannot_be_changed(page: RunsPage) -> None:
    assert page.views_button.full_text == "All runs"
    choose(page, "Failures of the last hour")
    assert ids(page) == [0, 1, 2, 3]
    assert page.context.time.range == last(3600.0)
    assert page.views_button.full_text == "Failures of the last hour"
    entries = titles(page.views_button.menu_of_views())
    assert not entries["Save changes"]
    assert not entries["Rename…"]
    assert not entries["Delete"]
    assert page.views.save() != ""
    assert page.context.views.of("tasks") == []


def test_a_change_is_marked_and_can_be_discarded(page: RunsPage) -> None:
    choose(page, "Running now")
    assert not page.views.is_modified
    page.filter_bar.set_filter(("running", "failed"), "language=pl")
    assert page.views_button.full_text == "Running now · changed"
    assert "not saved" in page.views_button.toolTip()
    choose(page, "Discard changes")
    assert page.filter_bar.checked_facets == {"running"}
    assert page.filter_bar.text == ""
    assert page.views_button.full_text == "Running now"


def test_a_view_keeps_query_columns_sort_and_period(qtbot: QtBot, page: RunsPage) -> None:
    table = page.table
    page.filter_bar.set_filter(("failed",), "language=pl")
    page.context.time.set_range(last(900.0))
    table.column_layout.set_visible("args.language", visible=True)
    table.column_layout.set_visible("waited", visible=False)
    table.column_layout.move("error", 0)
    table.rows_model.set_sort("ran", descending=True)
    save_as(qtbot, page)
    assert page.views_button.full_text == NAME
    choose(page, "All runs")
    table.column_layout.reset()
    table.rows_model.set_sort("")
    assert ids(page) == list(range(12))
    choose(page, NAME)
    assert ids(page) == [1, 2]
    assert page.context.time.range == last(900.0)
    assert table.column_layout.visible_keys[0] == "error"
    assert "args.language" in table.column_layout.visible_keys
    assert "waited" not in table.column_layout.visible_keys
    assert (table.rows_model.sort_key, table.rows_model.descending) == ("ran", True)
    assert not page.views.is_modified


@pytest.mark.parametrize("change", ["sort", "column", "time"])
def test_columns_sort_and_period_are_part_of_a_view(
    qtbot: QtBot, page: RunsPage, change: str
) -> None:
    def modified() -> bool:
        return page.views.is_modified

    if change == "time":
        page.context.time.set_range(last(300.0))
    save_as(qtbot, page)
    assert not modified()
    match change:
        case "sort":
            page.table.rows_model.set_sort("task")
        case "column":
            page.table.column_layout.set_visible("worker", visible=False)
        case _:
            page.context.time.set_range(last(900.0))
    assert modified()
    choose(page, "Discard changes")
    assert not modified()


def test_the_range_of_the_window_is_no_change_of_a_view_without_one(
    qtbot: QtBot, page: RunsPage
) -> None:
    save_as(qtbot, page)
    page.context.time.set_range(last(6 * 3600.0))
    assert not page.views.is_modified
    page.views.open(page.views.system[0])
    page.context.time.set_range(last(6 * 3600.0))
    assert not page.views.is_modified


@pytest.mark.parametrize("is_own", [False, True])
def test_discarding_changes_keeps_the_range_of_a_view_without_one(
    qtbot: QtBot, page: RunsPage, *, is_own: bool
) -> None:
    if is_own:
        save_as(qtbot, page)
    page.context.time.set_range(last(900.0))
    page.filter_bar.set_filter((), "state:failed")
    choose(page, "Discard changes")
    assert page.filter_bar.text == ""
    assert page.context.time.range == last(900.0)
    assert page.filter_bar.notice.isHidden()


def test_the_range_that_another_view_replaces_can_be_restored(qtbot: QtBot, page: RunsPage) -> None:
    save_as(qtbot, page)
    page.context.time.set_range(last(900.0))
    choose(page, "All runs")
    assert page.context.time.range == ALL_RETAINED
    page.go_back_to_filter()
    assert page.context.time.range == last(900.0)
    assert page.views_button.full_text == NAME


def test_changes_are_saved_in_the_view(qtbot: QtBot, page: RunsPage) -> None:
    save_as(qtbot, page)
    page.filter_bar.set_filter((), "language=uk")
    assert titles(page.views_button.menu_of_views())["Save changes"]
    choose(page, "Save changes")
    assert page.views_button.full_text == NAME
    choose(page, "All runs")
    choose(page, NAME)
    assert ids(page) == [0, 3, 6, 9]


@pytest.mark.parametrize("is_saved_as", [False, True])
def test_only_saving_as_gives_a_view_a_time_range(
    qtbot: QtBot, page: RunsPage, *, is_saved_as: bool
) -> None:
    save_as(qtbot, page)
    page.context.time.set_range(last(900.0))
    page.filter_bar.set_filter((), "language=uk")
    if is_saved_as:
        assert page.views.save(NAME) == ""
    else:
        choose(page, "Save changes")
    view = page.views.find(NAME)
    assert view is not None
    assert (view.query, view.time_range) == ("language=uk", "last 900s" if is_saved_as else "")
    assert not page.views.is_modified


def test_another_view_is_not_opened_over_unsaved_changes_unasked(
    qtbot: QtBot, page: RunsPage
) -> None:
    save_as(qtbot, page)
    page.filter_bar.set_filter((), "language=uk")
    choose(page, "Running now")
    dialog = page.window().findChild(UnsavedViewDialog)
    assert dialog is not None
    assert page.filter_bar.text == "language=uk"
    dialog.reject()
    assert page.filter_bar.text == "language=uk"
    choose(page, "Running now")
    dialogs = [each for each in page.window().findChildren(UnsavedViewDialog) if each.isVisible()]
    dialogs[0].save_button.click()
    assert page.views_button.full_text == "Running now"
    found = page.context.views.find("tasks", NAME)
    assert found is not None
    assert found.query == "language=uk"


def test_unsaved_changes_are_given_up_only_on_request(qtbot: QtBot, page: RunsPage) -> None:
    save_as(qtbot, page)
    page.filter_bar.set_filter((), "language=uk")
    choose(page, "Running now")
    dialog = page.window().findChild(UnsavedViewDialog)
    assert dialog is not None
    dialog.discard_button.click()
    assert page.views_button.full_text == "Running now"
    found = page.context.views.find("tasks", NAME)
    assert found is not None
    assert found.query == ""


def test_a_filter_of_no_view_can_be_restored_after_opening_one(page: RunsPage) -> None:
    page.filter_bar.set_filter((), "language=uk")
    choose(page, "Soft failures")
    assert page.filter_bar.text == ""
    assert not page.filter_bar.notice.back_button.isHidden()
    page.go_back_to_filter()
    assert page.filter_bar.text == "language=uk"
    assert page.filter_bar.checked_facets == frozenset()


def test_navigation_does_not_lose_the_filter_of_the_operator(page: RunsPage) -> None:
    page.filter_bar.set_filter(("failed",), "language=uk")
    page.context.time.set_range(last(900.0))
    page.navigate(FilterRuns(query='error:"run 3"', max_age_s=3600.0, why="1 run of this group."))
    assert ids(page) == [3]
    notice = page.filter_bar.notice
    assert not notice.back_button.isHidden()
    assert notice.isVisible()
    page.navigate(FilterRuns(query="attempt:1"))  # the operator's own one is still kept
    notice.back_button.click()
    assert page.filter_bar.text == "language=uk"
    assert page.filter_bar.checked_facets == {"failed"}
    assert page.context.time.range == last(900.0)
    assert ids(page) == [0, 3]
    assert notice.isHidden()


def test_navigation_is_no_change_of_the_view(qtbot: QtBot, page: RunsPage) -> None:
    page.filter_bar.set_filter((), "language=uk")
    save_as(qtbot, page)
    page.navigate(FilterRuns(query="error:3"))
    assert page.views_button.full_text == "All runs · changed"
    page.go_back_to_filter()
    assert page.views_button.full_text == NAME


def test_the_way_back_from_a_view_restores_order_and_view(page: RunsPage) -> None:
    page.filter_bar.set_filter((), "state:failed")
    shown = ids(page)
    choose(page, "Slow runs")
    assert page.table.rows_model.sort_key == "ran"
    choose(page, "Running now")
    page.go_back_to_filter()
    assert page.filter_bar.text == "state:failed"
    assert page.table.rows_model.sort_key == ""
    assert ids(page) == shown
    assert page.views_button.full_text == "All runs · changed"


def test_a_link_from_a_view_leads_back_to_before_the_view(page: RunsPage) -> None:
    page.filter_bar.set_filter((), "state:failed")
    choose(page, "Slow runs")
    page.navigate(FilterRuns(query="error:3"))
    page.go_back_to_filter()
    assert page.filter_bar.text == "state:failed"
    assert page.table.rows_model.sort_key == ""
    assert page.views_button.full_text == "All runs · changed"


def test_a_link_from_an_edited_view_leads_back_to_that_view(page: RunsPage) -> None:
    page.filter_bar.set_filter((), "state:failed")
    choose(page, "Slow runs")
    page.filter_bar.set_filter((), "ran>2s")
    page.navigate(FilterRuns(query="error:3"))
    page.go_back_to_filter()
    assert page.filter_bar.text == "ran>2s"
    assert page.table.rows_model.sort_key == "ran"
    assert page.views_button.full_text == "Slow runs · changed"


def test_navigation_offers_the_way_back_to_an_empty_filter(page: RunsPage) -> None:
    def offers_former() -> bool:
        return not page.filter_bar.notice.back_button.isHidden()

    page.navigate(FilterRuns(query="language=uk"))
    assert ids(page) == [0, 3, 6, 9]
    assert offers_former()
    page.go_back_to_filter()
    assert page.filter_bar.text == ""
    assert len(ids(page)) == 12
    assert not offers_former()
    page.navigate(FilterRuns())  # what is shown already
    assert not offers_former()


def test_the_notice_names_the_view_that_was_opened_last(qtbot: QtBot, page: RunsPage) -> None:
    page.filter_bar.set_filter((), "task:b")
    save_as(qtbot, page)
    choose(page, "All runs")
    page.filter_bar.set_filter((), "language=uk")  # changes a view of the program
    choose(page, NAME)
    notice = page.filter_bar.notice
    assert notice.former_text == f"The view “{NAME}” is shown."
    choose(page, "All runs")
    assert notice.former_text == "The view “All runs” is shown."
    notice.back_button.click()
    assert page.filter_bar.text == "language=uk"
    assert page.views_button.full_text == "All runs · changed"
    assert notice.former_text == ""


def test_a_view_is_renamed_and_deleted(qtbot: QtBot, page: RunsPage) -> None:
    save_as(qtbot, page)
    choose(page, "Rename…")
    name_view(qtbot, page, "  Ukrainian & Polish ")
    assert page.views_button.full_text == "Ukrainian & Polish"
    assert "Ukrainian && Polish" in titles(page.views_button.menu_of_views())
    choose(page, "Delete")
    assert page.views_button.full_text == "All runs"
    assert page.context.views.of("tasks") == []


def test_a_name_that_is_taken_is_said_before_it_is_used(qtbot: QtBot, page: RunsPage) -> None:
    save_as(qtbot, page)
    choose(page, "Save as…")
    dialog = next(each for each in page.window().findChildren(ViewNameDialog) if each.isVisible())
    for name, label, enabled in (
        ("All runs", "Save", False),
        ("", "Save", False),
        (NAME, "Replace", True),
        ("Another", "Save", True),
    ):
        dialog.name.setText(name)
        assert (dialog.accept_button.text(), dialog.accept_button.isEnabled()) == (label, enabled)
    dialog.reject()


# The file


def test_views_are_kept_in_a_file_with_the_version_of_the_language(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    views = SavedViews(path)
    assert views.save(SavedView("tasks", NAME, "language=pl", ["failed"], "last 900s")) == ""
    entry = json.loads(path.read_text())["views"][0]
    assert entry["query_version"] == 1
    assert SavedViews(path).find("tasks", NAME) == views.find("tasks", NAME)
    assert SavedViews(path).of("events") == []


def test_views_of_another_program_are_kept_and_shown(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    first, second = SavedViews(path), SavedViews(path)
    assert first.save(SavedView("tasks", "From the first")) == ""
    assert second.save(SavedView("tasks", "From the second")) == ""
    assert second.delete(SavedView("tasks", "From the first")) == ""
    assert first.save(SavedView("events", "Again from the first")) == ""
    second.reload()
    assert second.all() == first.all()
    assert [view.name for view in first.all()] == ["From the second", "Again from the first"]


def test_what_a_later_version_adds_to_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    path.write_text(json.dumps({"version": 99, "views": [], "order": ["b", "a"]}))
    SavedViews(path).save(SavedView("tasks", NAME))
    assert json.loads(path.read_text()).items() >= {"version": 99, "order": ["b", "a"]}.items()


def newer(**parts: Any) -> dict[str, Any]:
    return {"page": "tasks", "name": "New", "query": "state~x", "query_version": 99, **parts}


def test_a_view_of_a_later_version_is_kept_and_refused(
    tmp_path: Path, qtbot: QtBot, page: RunsPage
) -> None:
    path = tmp_path / "views.json"
    unknown = newer(name="Strange", facets={"not": "a list"})
    path.write_text(json.dumps({"views": [newer(extra=[1]), unknown]}))
    views = SavedViews(path)
    view = views.find("tasks", "New")
    assert view is not None
    assert "later version" in view.refusal
    assert "later version" in page.views.open(view)
    assert page.views_button.full_text == "All runs"
    views.save(SavedView("tasks", NAME))
    kept = json.loads(path.read_text())["views"]
    assert kept[0] == newer(extra=[1])
    assert kept[1] == unknown


def test_a_file_that_cannot_be_read_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    path.write_text("{broken")
    views = SavedViews(path)
    assert str(path) in views.problem
    assert views.save(SavedView("tasks", NAME)) != ""
    assert path.read_text() == "{broken"
    assert views.find("tasks", NAME) is not None  # for the time being


def test_a_view_that_was_not_written_is_said_to_be_so(tmp_path: Path) -> None:
    folder = tmp_path / "settings"
    views = SavedViews(folder / "views.json")
    folder.write_text("")  # no folder can be made here
    assert "cannot be written" in views.save(SavedView("tasks", NAME))
    assert views.find("tasks", NAME) is not None
    folder.unlink()
    assert views.save(SavedView("tasks", "Another")) == ""
    assert [view.name for view in SavedViews(folder / "views.json").all()] == [NAME, "Another"]


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Let a folder be a file in a block, so that nothing can be written in it."""
    kept = folder.with_name("kept")
    if folder.exists():
        folder.rename(kept)
    folder.write_text("")
    yield
    folder.unlink()
    if kept.exists():
        kept.rename(folder)


def test_a_view_that_could_not_be_written_does_not_cost_those_of_others(tmp_path: Path) -> None:
    path = tmp_path / "settings" / "views.json"
    first, second = SavedViews(path), SavedViews(path)
    with unwritable(path.parent):
        assert "cannot be written" in first.save(SavedView("tasks", "X"))
    assert second.save(SavedView("tasks", "Y")) == ""
    first.reload()
    assert [view.name for view in first.of("tasks")] == ["X", "Y"]
    assert not first.is_written(SavedView("tasks", "X"))
    assert first.is_written(SavedView("tasks", "Y"))
    assert first.save(SavedView("tasks", "Z")) == ""
    assert [view.name for view in SavedViews(path).of("tasks")] == ["X", "Y", "Z"]
    assert first.is_written(SavedView("tasks", "X"))


def test_each_kind_of_change_is_made_again_to_what_the_file_has_then(tmp_path: Path) -> None:
    path = tmp_path / "settings" / "views.json"
    first, second = SavedViews(path), SavedViews(path)
    for name in ("Deleted", "Renamed", "Changed"):
        first.save(SavedView("tasks", name))
    first.save(SavedView("tasks", "Limited", profile="prod"))
    with unwritable(path.parent):
        assert first.delete(SavedView("tasks", "Deleted")) != ""
        assert first.change(SavedView("tasks", "Renamed"), name="New name", profile="") != ""
        assert first.save(SavedView("tasks", "Changed", "task:a")) != ""
        assert first.save(SavedView("tasks", "Changed", "task:b")) != ""
        assert first.rename_profile("prod", "eu") != ""
    second.save(SavedView("tasks", "Renamed", "task:c"))
    second.save(SavedView("tasks", "Other"))
    assert first.save(SavedView("tasks", "Last")) == ""
    assert saved(SavedViews(path), "eu") == [
        ("Changed", "", "task:b"),
        ("Last", "", ""),
        ("Limited", "eu", ""),
        ("New name", "", "task:c"),
        ("Other", "", ""),
    ]


def test_a_view_that_another_program_has_saved_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "settings" / "views.json"
    first, second = SavedViews(path), SavedViews(path)
    first.save(SavedView("tasks", "Deleted"))
    with unwritable(path.parent):
        first.save(SavedView("tasks", NAME, "task:unsaved"))
        first.delete(SavedView("tasks", "Deleted"))
    second.save(SavedView("tasks", NAME, "task:saved"))
    second.save(SavedView("tasks", "Deleted", "task:saved"))
    first.save(SavedView("tasks", "Last"))
    assert saved(SavedViews(path), "") == [
        ("Deleted", "", "task:saved"),
        ("Last", "", ""),
        (NAME, "", "task:saved"),
    ]


def test_the_mark_of_an_unsaved_view_goes_when_the_file_has_it(
    qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "settings" / "views.json"
    views = SavedViews(path)
    with unwritable(path.parent):
        views.save(SavedView("tasks", NAME))
    SavedViews(path).save(SavedView("tasks", NAME))
    with qtbot.waitSignal(views.changed):
        views.reload()
    assert views.is_written(SavedView("tasks", NAME))


def test_a_view_that_could_not_be_written_is_marked_until_it_is(
    qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "settings"
    views = SavedViews(folder / "views.json")
    folder.write_text("")  # no folder can be made here
    window = make_window(qtbot, StateBuilder().runs(3), (TasksPage,), views=views)
    shown = window.current
    assert isinstance(shown, TasksPage)
    page = shown.runs
    save_as(qtbot, page)
    assert page.views_button.full_text == f"{NAME} · not saved"
    assert titles(page.views_button.menu_of_views())["Save changes"]
    folder.unlink()
    choose(page, "Save changes")
    assert page.views_button.full_text == NAME
    assert not titles(page.views_button.menu_of_views())["Save changes"]


def test_views_are_found_by_the_palette_and_restored_with_the_window(
    qtbot: QtBot, tmp_path: Path
) -> None:
    builder = StateBuilder().runs(3)
    file = WindowStateFile(tmp_path / "window.json")
    window = make_window(qtbot, builder, [TasksPage, EventsPage])
    window.views.save(SavedView("tasks", NAME, "language=pl"))
    titles = [action.title for action in window.actions_table.available()]
    assert f"View: {NAME}" in titles
    assert "View: Slow runs" in titles
    manager = WindowStateManager(window, file)
    window.show_page("events")
    window.navigate(OpenView("tasks", NAME))
    shown = window.current
    assert isinstance(shown, TasksPage)
    page = shown.runs
    assert page.filter_bar.text == "language=pl"
    manager.close()
    window.views.delete(view_of(window.views))
    assert f"View: {NAME}" not in [each.title for each in window.actions_table.available()]
    assert page.views_button.full_text.startswith("All runs")

    SavedViews(tmp_path / "views.json").save(SavedView("tasks", NAME, "language=pl"))
    again = WindowStateFile(tmp_path / "window.json")
    other = make_window(qtbot, builder, [EventsPage, TasksPage])
    other.views.save(SavedView("tasks", NAME, "language=pl"))
    WindowStateManager(other, again)
    other.show_page("tasks")
    shown = other.current
    assert isinstance(shown, TasksPage)
    restored = shown.runs
    assert restored.views_button.full_text == NAME


def test_searching_a_time_range_is_part_of_the_copied_query(page: RunsPage) -> None:
    page.filter_bar.set_filter(("failed", "soft_failed"), "language=uk or language=pl")
    page.context.time.set_range(last(3600.0))
    assert page.filter.effective_query == (
        "(language=uk or language=pl) state:failed,soft_failed seen:1h"
    )
    shown = ids(page)
    assert shown == [0, 1, 2, 3]
    query = page.filter.effective_query
    page.context.time.set_range(ALL_RETAINED)
    page.filter_bar.set_filter((), query)
    assert page.filter_bar.is_valid
    assert ids(page) == shown


def saved(views: SavedViews, profile: str) -> list[tuple[str, str, str]]:
    return [(view.name, view.profile, view.query) for view in views.of("tasks", profile)]


def test_a_view_can_be_for_one_connection_alone(tmp_path: Path) -> None:
    """A view of the same name of another connection, or of all, is another view."""
    views = SavedViews(tmp_path / "views.json")
    views.save(SavedView("tasks", NAME, "task:a"))
    views.save(SavedView("tasks", NAME, "task:b", profile="prod"))
    views.save(SavedView("tasks", "Slow", "ran>5s", profile="prod"))
    again = SavedViews(tmp_path / "views.json")
    assert saved(again, "prod") == [
        (NAME, "prod", "task:b"),
        (NAME, "", "task:a"),
        ("Slow", "prod", "ran>5s"),
    ]
    assert saved(again, "staging") == saved(again, "") == [(NAME, "", "task:a")]
    again.delete(SavedView("tasks", NAME, profile="prod"))
    assert saved(again, "prod") == [(NAME, "", "task:a"), ("Slow", "prod", "ran>5s")]
    assert again.change(view_of(again), name=NAME, profile="prod") == ""
    assert saved(again, "staging") == []


def test_the_current_view_is_limited_to_the_connection_and_freed_again(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    save_as(qtbot, page)
    assert "Only for the connection “prod”" not in titles(page.views_button.menu_of_views())
    harness.profile_name = "prod"
    choose(page, "Only for the connection “prod”")
    views = page.context.views
    assert saved(views, "staging") == []
    assert (page.views.current.profile, page.views.is_modified) == ("prod", False)
    assert f"{NAME} · prod" in titles(page.views_button.menu_of_views())
    page.filter_bar.set_filter(text="task:b")
    choose(page, "Save changes")
    assert saved(views, "prod") == [(NAME, "prod", "task:b")]
    choose(page, "Only for the connection “prod”")
    assert saved(views, "staging") == [(NAME, "", "task:b")]
    views.save(SavedView("tasks", NAME, "other", profile="prod"))
    choose(page, "Only for the connection “prod”")
    assert page.views.current.profile == ""
    assert saved(views, "staging") == [(NAME, "", "task:b")]


def test_views_for_one_connection_follow_it_to_another_name(tmp_path: Path) -> None:
    views = SavedViews(tmp_path / "views.json")
    views.save(SavedView("tasks", NAME, "task:a"))
    views.save(SavedView("tasks", NAME, "task:b", profile="prod"))
    views.save(SavedView("tasks", NAME, "task:c", profile="eu"))  # of a connection that was removed
    assert views.rename_profile("prod", "eu") == ""
    again = SavedViews(tmp_path / "views.json")
    assert saved(again, "eu") == [
        (NAME, "eu", "task:b"),
        (NAME, "", "task:a"),
        (f"{NAME} (2)", "eu", "task:c"),
    ]
    assert saved(again, "prod") == [(NAME, "", "task:a")]


def test_a_renamed_connection_without_views_of_its_own_changes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    views = SavedViews(path)
    assert views.rename_profile("prod", "eu") == ""
    assert not path.exists()
    path.write_text("{broken")
    assert views.rename_profile("prod", "eu") == ""
    with filelock.FileLock(f"{path}.lock"):
        assert views.rename_profile("prod", "eu") == ""


def test_a_refused_change_leaves_the_view_of_another_program_unmarked(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    first, second = SavedViews(path), SavedViews(path)
    view, taken = SavedView("tasks", NAME), SavedView("tasks", "Taken")
    first.save(view)
    second.save(taken)
    assert "already" in first.change(view, name="Taken", profile="")
    assert first.is_written(taken)


def test_what_is_read_again_is_not_marked_as_unsaved(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    path.write_text("{broken")
    views = SavedViews(path)
    view = SavedView("tasks", NAME)
    views.save(view)
    assert not views.is_written(view)
    path.unlink()
    SavedViews(path).save(view)
    views.reload()
    assert views.is_written(view)


def test_the_open_view_of_a_renamed_connection_stays_open(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    harness.profile_name = "prod"
    page.filter_bar.set_filter(text="task:b")
    save_as(qtbot, page)
    choose(page, "Only for the connection “prod”")
    page.context.views.rename_profile("prod", "eu")
    harness.profile_name = "eu"
    assert page.views_button.full_text == NAME
    assert (page.views.current.name, page.views.is_modified) == (NAME, False)
    page.filter_bar.set_filter(text="task:c")
    choose(page, "Save changes")
    assert saved(page.context.views, "eu") == [(NAME, "eu", "task:c")]


def test_a_view_is_forgotten_with_the_filter_that_is_not_wanted_back(
    qtbot: QtBot, page: RunsPage
) -> None:
    page.filter_bar.set_filter(text="task:b")
    save_as(qtbot, page)
    page.navigate(FilterRuns(query="task:c"))
    page.filter_bar.notice.forget_requested.emit()
    page.filter_bar.set_filter(text="task:d")
    page.navigate(FilterRuns(query="task:e"))
    page.filter.former.go_back()
    assert page.filter_bar.text == "task:d"
    assert page.views_button.full_text == "All runs · changed"


def test_a_view_for_which_there_is_no_room_is_not_the_current_one(page: RunsPage) -> None:
    views = page.context.views
    for number in range(MAX_VIEWS):
        views.save(SavedView("events", f"{number}"))
    page.filter_bar.set_filter(text="task:b")
    assert "already" in page.views.save(NAME)
    assert page.views_button.full_text == "All runs · changed"
