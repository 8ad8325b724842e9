"""The window opens as it was closed; a state file that cannot be used is named."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import ALL_RETAINED, fixed, last, since
from pulse_desktop.ui.page.filter_bar import FilterBar
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_state import WindowStateFile, WindowStateManager
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import BlankPage, make_window, run_at_once

OpenWindow = Callable[[], MainWindow]


class FirstPage(BlankPage):
    """A page that costs nothing, in the place of the overview."""

    key, title = "overview", "Overview"


PAGES: tuple[type[Page], ...] = (FirstPage, TasksPage, MessagesPage)


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> Iterator[None]:
    theme().install(ThemeChoice.DARK)
    yield
    theme().choose(ThemeChoice.DARK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "window.json"


@pytest.fixture
def open_window(qtbot: QtBot, path: Path) -> Iterator[OpenWindow]:
    """Return a function that opens a window after it has closed the one before."""
    managers: list[WindowStateManager] = []

    def make() -> MainWindow:
        close()
        window = make_window(qtbot, StateBuilder(at=1000.0), PAGES)
        manager = WindowStateManager(window, WindowStateFile(path))
        managers.append(manager)
        window.show_page(manager.first_page("overview"))
        return window

    def close() -> None:
        while managers:
            managers.pop().close()

    yield make
    close()


def table_of(window: MainWindow, key: str) -> LiveTable[Any]:
    (table, *_) = window.page(key).tables()
    return table


def titles(table: LiveTable[Any]) -> list[str]:
    header = table.horizontalHeader()
    columns = table.rows_model.columns
    return [columns[header.logicalIndex(place)].key for place in range(len(columns))]


def test_a_window_opens_as_it_was_closed(open_window: OpenWindow) -> None:
    window = open_window()
    window.resize(1200, 720)
    window.toggle_sidebar()
    narrow = window.sidebar.collapsed
    window.show_page("tasks")
    table = table_of(window, "tasks")
    before = titles(table)
    table.horizontalHeader().moveSection(3, 1)
    moved = titles(table)
    table.column_layout.set_visible("worker", True)
    number = before.index("task")
    narrower = next(
        n
        for n, column in enumerate(table.rows_model.columns)
        if not column.stretch and not table.isColumnHidden(n) and n != number
    )
    table.setColumnWidth(narrower, 171)
    table.rows_model.set_sort("state", descending=True)

    window = open_window()
    assert window.height() == 720, "the offscreen screen is not as wide as any window"
    assert window.sidebar.collapsed is narrow
    assert window.current is not None
    assert window.current.key == "tasks"
    table = table_of(window, "tasks")
    assert moved != before
    assert titles(table) == moved
    shown = {
        column.key: not table.isColumnHidden(n) for n, column in enumerate(table.rows_model.columns)
    }
    assert shown["worker"]
    assert table.columnWidth(narrower) == 171
    assert (table.rows_model.sort_key, table.rows_model.descending) == ("state", True)
    assert table_of(window, "messages").rows_model.sort_key == "time", "as the page gives it"


def test_a_further_window_keeps_its_place_and_leaves_what_the_first_one_saved(
    qtbot: QtBot, path: Path
) -> None:
    file = WindowStateFile(path)
    first, other = (make_window(qtbot, StateBuilder(at=1000.0), PAGES) for _ in range(2))
    states = (
        WindowStateManager(first, file),
        WindowStateManager(other, file, is_first=False),
    )
    for state, window, name in zip(states, (first, other), ("eu", "lab"), strict=True):
        state.show_profile(name)
        window.set_session(FakeSession(), run_at_once)
        window.show_page("tasks")
    assert not states[1].place_window()
    other.resize(1100, 700)
    first.resize(1200, 720)
    table = table_of(first, "tasks")
    table.column_layout.set_visible("worker", True)
    shown = other.page("tasks")
    assert isinstance(shown, TasksPage)
    page = shown.runs
    page.filter_bar.set_filter((), "checkout")
    for state in (*states, *states):
        state.close()

    file = WindowStateFile(path)
    assert file.state.tables, "the unchanged table of the other window replaced it"
    assert file.state.profiles["eu"].geometry == ""
    again = make_window(qtbot, StateBuilder(at=1000.0), PAGES)
    state = WindowStateManager(again, file, is_first=False)
    assert state.show_profile("lab") == "tasks"
    again.set_session(FakeSession(), run_at_once)
    assert state.place_window()
    assert again.height() == 700
    shown = again.page("tasks")
    assert isinstance(shown, TasksPage)
    page = shown.runs
    assert page.filter_bar.text == "checkout"
    state.close()


def test_newest_first_is_saved_where_it_is_not_the_default(open_window: OpenWindow) -> None:
    table_of(open_window(), "messages").rows_model.set_sort("")
    assert table_of(open_window(), "messages").rows_model.sort_key == ""


def test_the_chosen_theme_is_saved_at_once(open_window: OpenWindow, path: Path) -> None:
    window = open_window()
    assert WindowStateFile(path).theme is ThemeChoice.SYSTEM
    window.use_theme(ThemeChoice.LIGHT)
    assert WindowStateFile(path).theme is ThemeChoice.LIGHT


def test_defaults_are_not_saved(open_window: OpenWindow, path: Path) -> None:
    window = open_window()
    for page in PAGES:
        window.show_page(page.key)
    table = table_of(window, "tasks")
    table.rows_model.set_sort("state")
    open_window()
    assert list(json.loads(path.read_text())["tables"]) == ["tasks.0"]
    window = open_window()
    table = table_of(window, "tasks")
    table.rows_model.set_sort("")
    open_window()
    assert "tables" not in json.loads(path.read_text())


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b'{"tables": 3}',
        b"[" * 100_000,
        b"x" * (2 << 20),
        *(
            pytest.param(content, marks=pytest.mark.slow)
            for content in (b"", b"{", b"[1, 2]", b'{"theme": 7, "page": null}')
        ),
    ],
)
def test_a_damaged_file_is_ignored_and_named(
    content: bytes, path: Path, open_window: OpenWindow, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    window = open_window()
    assert window.current is not None
    assert window.current.key == "overview"
    assert window.size() == QSize(1440, 900)
    assert [r.name for r in caplog.records] == ["pulse_desktop.ui.shell.window_state"]
    (notification,) = window.notifications.shown
    assert notification.title == "The settings of the window cannot be read"
    assert str(path) in notification.detail


@pytest.mark.parametrize("linked", [False, True])
def test_a_damaged_file_is_kept_beside_the_one_that_replaces_it(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, linked: bool
) -> None:
    path.parent.mkdir()
    target = path
    if linked:  # to what may be another file system
        target = tmp_path / "elsewhere" / "linked.json"
        target.parent.mkdir()
        path.symlink_to(target)
    target.write_bytes(b'{"theme": "dark", ')
    file = WindowStateFile(path)
    assert target.read_bytes() == b'{"theme": "dark", '
    for chosen in ("dark", "light"):
        file.state.theme = chosen
        file.save()
    assert WindowStateFile(path).state.theme == "light"
    kept = target.with_name(f"{target.name}.damaged")
    assert kept.read_bytes() == b'{"theme": "dark", '
    assert sorted(target.parent.iterdir()) == sorted((target, kept))
    assert path.is_symlink() == linked
    assert [record.message for record in caplog.records if "is kept as" in record.message] == [
        f"the window state that cannot be read is kept as {kept}"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs FIFOs")
def test_a_folder_or_a_fifo_in_place_of_the_file_is_named_and_holds_nothing_up(
    path: Path, open_window: OpenWindow
) -> None:
    path.mkdir(parents=True)
    (notification,) = open_window().notifications.shown
    assert notification.detail == f"{path}: it is a folder, not a file."
    path.rmdir()
    os.mkfifo(path)
    assert WindowStateFile(path).problem == f"{path}: it is a FIFO, not a file."


def test_unknown_pages_and_columns_are_ignored(
    path: Path, open_window: OpenWindow, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    odd = {
        "columns": {"no such": True, "state": True},
        "widths": {"no such": 9, "state": -4, "task": "wide", "queued": 1e9},
        "order": ["no such", 7, None, "queued", "queued"],
        "sort": ["no such", True],
    }
    wrong = {"columns": 1, "widths": [], "order": "x", "sort": [[], {}]}
    saved = {
        "theme": "purple",
        "geometry": "?",
        "page": "gone",
        "tables": {"tasks.0": odd, "messages.0": wrong, "gone.4": odd},
        "of a later release": True,
    }
    path.write_text(json.dumps(saved))
    assert WindowStateFile(path).theme is ThemeChoice.SYSTEM
    window = open_window()
    assert window.current is not None
    assert window.current.key == "overview"
    for page in PAGES:
        window.show_page(page.key)
    assert titles(table_of(window, "tasks"))[0] == "queued"
    assert table_of(window, "tasks").rows_model.sort_key == ""
    assert caplog.records == []


def test_a_folder_that_is_not_writable_is_logged_once(
    tmp_path: Path, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "config").write_text("a file in the way")
    file = WindowStateFile(tmp_path / "config" / "window.json")
    window = make_window(qtbot, StateBuilder(at=1000.0), PAGES)
    manager = WindowStateManager(window, file)
    caplog.clear()
    manager.save()
    window.resize(1100, 700)
    manager.close()
    assert len(caplog.records) == 1
    assert "cannot save the window state" in caplog.text
    assert [each.name for each in tmp_path.iterdir()] == ["config"]


def test_filters_of_pages_that_are_not_shown_are_kept(open_window: OpenWindow) -> None:
    shown = open_window().page("tasks")
    assert isinstance(shown, TasksPage)
    tasks = shown.runs
    tasks.filter_bar.set_filter(("failed",), "checkout")

    for _start in range(2):
        window = open_window()
        assert "tasks" not in {page.key for page in window.page_stack.created}

    shown = window.page("tasks")
    assert isinstance(shown, TasksPage)
    tasks = shown.runs
    assert tasks.filter_bar.text == "checkout"
    assert tasks.filter_bar.checked_facets == {"failed"}
    tasks.filter_bar.set_filter((), "")
    shown = open_window().page("tasks")
    assert isinstance(shown, TasksPage)
    tasks = shown.runs
    assert tasks.filter_bar.text == ""


def test_each_tab_of_a_page_is_kept(open_window: OpenWindow) -> None:
    def tabs(window: MainWindow) -> TasksPage:
        window.show_page("tasks")
        page = window.current
        assert isinstance(page, TasksPage)
        return page

    tasks = tabs(open_window())
    tasks.runs.filter_bar.set_filter(text="checkout")
    tasks.show_groups()
    tasks.groups.table.rows_model.set_sort("count", descending=True)
    tasks.groups.filter_bar.set_filter(text="cause=KeyError")

    tasks = tabs(open_window())
    assert tasks.runs.filter_bar.text == "checkout"
    assert [type(part) for part in tasks.parts()] == [RunsPage]
    tasks = tabs(open_window())
    tasks.show_groups()
    assert tasks.groups.filter_bar.text == "cause=KeyError", "also after a window without that tab"
    assert tasks.groups.table.rows_model.sort_key == "count"
    assert tasks.runs.table.rows_model.sort_key != "count"


def test_a_paused_tab_is_shown_as_paused(open_window: OpenWindow) -> None:
    window = open_window()
    window.show_page("tasks")
    page = window.current
    assert isinstance(page, TasksPage)
    page.show_groups()
    changes: list[None] = []
    window.page_stack.paused_changed.connect(lambda: changes.append(None))
    page.groups.table.set_paused(True)
    assert changes
    assert window.page_stack.paused


def test_filters_survive_the_session_that_waits_for_a_secret(qtbot: QtBot, path: Path) -> None:
    window = make_window(qtbot, StateBuilder(at=1000.0), PAGES)
    state = WindowStateManager(window, WindowStateFile(path))

    def show(name: str, sessions: int = 1) -> None:
        state.show_profile(name)
        for _session in range(sessions):
            window.set_session(FakeSession(), run_at_once)

    def filter_bar() -> FilterBar:
        shown = window.page("tasks")
        assert isinstance(shown, TasksPage)
        page = shown.runs
        return page.filter_bar

    show("vault")
    filter_bar().set_filter((), "checkout")
    show("eu")
    assert filter_bar().text == ""
    show("vault", sessions=2)
    assert filter_bar().text == "checkout"
    state.close()


def test_the_range_of_a_connection_and_the_time_away_from_it_are_remembered(
    qtbot: QtBot, path: Path
) -> None:
    builder = StateBuilder(at=100_000.0)
    window = make_window(qtbot, builder, PAGES)
    manager = WindowStateManager(window, WindowStateFile(path))

    def show(name: str) -> None:
        manager.show_profile(name)
        window.set_session(FakeSession(), run_at_once)

    show("eu")
    assert (window.time.range, window.time.last_look) == (ALL_RETAINED, None)
    window.time.set_range(last(3600))
    window.time.set_range(fixed(500, 700))
    window.show_page("tasks")
    builder.at += 100
    show("lab")
    assert (window.time.range, window.time.last_look) == (ALL_RETAINED, None)
    window.show_page("tasks")
    builder.at += 1000
    show("eu")
    assert window.time.range == last(3600), "a window does not open in the past"
    assert window.time.last_look == 100_100.0
    assert window.time.closed_spans == ((100_100.0, 101_100.0),)
    window.time.show_since_last_look()
    assert window.time.range == since(100_100.0)
    manager.close()


@pytest.mark.parametrize(
    "closed", [(-1e18, 99_000.0), (98_000.0, 1e18), (99_000.0, 98_000.0), (99_000.0, 99_000.0)]
)
def test_times_that_cannot_be_true_are_not_restored(
    qtbot: QtBot, path: Path, closed: tuple[float, float]
) -> None:
    state = {"closed": [closed, (98_000.0, 99_000.0)], "looked_at": 1e18}
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"profiles": {"eu": state}}), encoding="utf-8")
    window = make_window(qtbot, StateBuilder(at=100_000.0), PAGES)
    manager = WindowStateManager(window, WindowStateFile(path))
    manager.show_profile("eu")
    window.set_session(FakeSession(), run_at_once)
    assert window.time.closed_spans == ((98_000.0, 99_000.0),)
    assert window.time.last_look is None
    manager.close()


def test_a_window_that_is_not_closed_in_order_was_looked_at_until_it_was_saved(
    qtbot: QtBot, path: Path
) -> None:
    builder = StateBuilder(at=100_000.0)
    window = make_window(qtbot, builder, PAGES)
    manager = WindowStateManager(window, WindowStateFile(path))
    manager.show_profile("eu")
    window.set_session(FakeSession(), run_at_once)
    window.show_page("tasks")
    for _save in range(15):
        builder.at += 10
        manager.save()
    saved = WindowStateFile(path).state.profiles["eu"].looked_at
    assert 100_090 <= saved <= 100_150
    manager.close()


def test_charts_stay_hidden(qtbot: QtBot, path: Path) -> None:
    for shown in (True, False):
        window = make_window(qtbot, StateBuilder(at=1000.0), PAGES)
        manager = WindowStateManager(window, WindowStateFile(path))
        page = window.page("messages")
        assert isinstance(page, MessagesPage)
        assert page.area.charts_shown is shown
        page.area.toggle.click()
        assert page.area.charts_shown is not shown
        window.show_page("messages")
        manager.close()
