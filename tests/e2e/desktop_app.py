"""The real application on Qt's event loop, driven by click and key."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from shiboken6 import getAllValidWrappers

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.model.run_state import RunState
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.session.session import Session
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.qt_loop import QtLoop
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_state import WindowStateFile
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.waiting import wait_until

SCENARIO_TIMEOUT_S = 60.0
LEFT = Qt.MouseButton.LeftButton


class Operator:
    """The user of the window.

    Attributes:
        desktop: the application.
    """

    def __init__(self, desktop: Desktop) -> None:
        self.desktop = desktop

    @property
    def window(self) -> MainWindow:
        return self.desktop.window

    @property
    def state(self) -> SystemState:
        return self.desktop.window.session.state

    @property
    def shown_page(self) -> Page:
        page = self.window.current
        assert page is not None
        return page

    @property
    def page(self) -> RunsPage:
        page = self.shown_page
        assert isinstance(page, TasksPage)
        return page.runs

    @property
    def session(self) -> Session:
        assert self.desktop.session is not None
        return self.desktop.session

    @property
    def notification(self) -> Notification:
        """The newest notification."""
        assert self.has_notification
        return self.window.notifications.shown[-1]

    @property
    def has_notification(self) -> bool:
        return bool(self.window.notifications.shown)

    async def act(self, action: Callable[[], Any]) -> Any:
        """Call a function where Qt would, outside of any coroutine."""
        done = asyncio.get_running_loop().create_future()

        def now() -> None:
            try:
                done.set_result(action())
            except BaseException as error:  # noqa: BLE001 - re-raised by the caller
                done.set_exception(error)

        asyncio.get_running_loop().call_soon(now)
        return await done

    async def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        assert widget.isVisible(), widget
        assert widget.isEnabled(), widget
        await self.act(lambda: QTest.mouseClick(widget, LEFT, pos=at or widget.rect().center()))

    async def press(self, key: Qt.Key, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key in the widget with the keyboard focus."""

        def press() -> None:
            focused = self.window.focusWidget()
            QTest.keyClick(focused or self.window, key, modifier)  # type: ignore[truthy-bool]

        await self.act(press)

    async def go_to(self, page: str) -> None:
        await self.click(self.window.sidebar.buttons[page])
        await wait_until(lambda: self.shown_page.key == page)

    def row_of(self, task_id: str) -> QModelIndex | None:
        """Return the row of a run in the table, None when it is not shown."""
        position = self.state.runs.position(task_id)
        row = None if position is None else self.page.table.rows_model.view_row(position)
        return None if row is None else self.page.table.rows_model.index(row, 0)

    def cells_of(self, task_id: str) -> list[str]:
        """Return the texts of a run's cells in the table."""
        index = self.row_of(task_id)
        if index is None:
            return []
        model = self.page.table.rows_model
        return [str(model.index(index.row(), n).data()) for n in range(model.columnCount())]

    async def wait_for_cell(self, task_id: str, word: str, timeout_s: float = 30.0) -> None:
        """Wait until a cell of a run's row contains a word."""
        await wait_until(
            lambda: any(word in each for each in self.cells_of(task_id)),
            timeout_s,
            f"{word!r} in the row of {task_id}: {self.state.runs.get(task_id)}",
        )

    async def wait_for_run(
        self, condition: Callable[[TaskRun], bool], timeout_s: float = 30.0
    ) -> TaskRun:
        """Wait for a run that the table shows."""

        def found() -> TaskRun | None:
            return next((r for r in self.page.table.rows_model.row_objects() if condition(r)), None)

        run: TaskRun = await wait_until(found, timeout_s, "a run in the table")
        return run

    async def wait_for_rerun(
        self, task_id: str, state: RunState, timeout_s: float = 30.0
    ) -> TaskRun:
        """Wait for a re-run of this run to be shown in a state."""
        return await self.wait_for_run(
            lambda r: r.rerun_of == task_id and r.state is state, timeout_s
        )

    async def open_details(self, task_id: str) -> None:
        """Click the row of a run and wait for its details."""

        def click() -> None:
            index = self.row_of(task_id)
            assert index is not None
            table = self.page.table
            QTest.mouseClick(table.viewport(), LEFT, pos=table.visualRect(index).center())

        await self.act(click)
        await wait_until(self.page.detail.isVisible)
        assert self.page.detail.run is not None
        assert self.page.detail.run.task_id == task_id

    async def click_tab(self, number: int) -> None:
        tabs = self.page.detail.tabs
        await self.click(tabs, tabs.tabRect(number).center())

    async def click_notification_button(self, text: str) -> None:
        """Click the button of a notification that has this text."""
        buttons = self.window.findChildren(QPushButton)
        found = [each for each in buttons if each.isVisible() and each.text() == text]
        assert len(found) == 1, found
        await self.click(found[0])


def run_operator(
    app: QApplication,
    server: str,
    scenario: Callable[[Operator], Awaitable[None]],
    monitor: str = "",
    state_file: WindowStateFile | None = None,
    open_desktop: Callable[[], Desktop] | None = None,
) -> None:
    """Run a scenario in the application, and check that it ends without errors.

    Args:
        app: Qt's.
        server: as after `--server`.
        scenario: what the operator does.
        monitor: address of the server's monitoring port.
        state_file: what is saved of the windows.
        open_desktop: opens the application in another way.
    """

    def open_server() -> Desktop:
        profile = server_profile(server, monitor) if server else None
        desktop = Desktop(profile, state_file=state_file)
        desktop.window.show()
        desktop.start()
        return desktop

    app.setQuitOnLastWindowClosed(False)
    theme().install(ThemeChoice.DARK)
    with QtLoop(app) as loop:
        loop.run_until_complete(_run_scenario(open_desktop or open_server, scenario))
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert [each for each in getAllValidWrappers() if isinstance(each, MainWindow)] == []
    assert [each for each in getAllValidWrappers() if _is_ticking(each)] == []


def _is_ticking(thing: object) -> bool:
    return isinstance(thing, QTimer) and thing.isActive()


async def _run_scenario(
    open_desktop: Callable[[], Desktop], scenario: Callable[[Operator], Awaitable[None]]
) -> None:
    bugs = _Bugs()
    desktop = open_desktop()
    try:
        async with asyncio.timeout(SCENARIO_TIMEOUT_S):
            await scenario(Operator(desktop))
        assert desktop.session is None or desktop.session.background_errors == []
    finally:
        await desktop.close()
        bugs.close()
    assert bugs.messages == [], bugs.messages
    assert asyncio.all_tasks() == {asyncio.current_task()}


class _Bugs(logging.Handler):
    """Records bugs that the program logs: exceptions in slots and tasks, Qt's warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        logging.getLogger("pulse_desktop.bugs").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        # Only the offscreen platform says this, such as when a window changes its smallest size.
        if "This plugin does not support" not in record.getMessage():
            self.messages.append(record.getMessage())

    def close(self) -> None:
        logging.getLogger("pulse_desktop.bugs").removeHandler(self)
        super().close()
