"""An action that the session wants confirmed is asked about, with *Cancel* in the focus."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from qasync import QEventLoop

from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.ui.page.question import DeclinedError
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.confirmation import ConfirmationDialog
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.waiting import wait_until
from tests.ui.fake_session import FakeSession

EU = Profile("eu", environment=Environment.PRODUCTION)
Scenario = Callable[[MainWindow, FakeSession], Awaitable[None]]


def run(qapp: QApplication, scenario: Scenario) -> None:
    """Run a scenario in a window whose session wants every action confirmed."""
    theme().install(ThemeChoice.DARK)

    async def main() -> None:
        session = FakeSession(profile=EU)
        window = MainWindow(
            session, [TasksPage], run_in_background=lambda _name, work: work.close()
        )
        window.show_profile(EU, "eu")
        window.set_session(session, lambda _name, work: work.close())
        window.show_page("tasks")
        window.show()
        try:
            await scenario(window, session)
        finally:
            window.hide()
            window.deleteLater()

    with QEventLoop(qapp) as loop:
        loop.run_until_complete(main())


def dialog_of(window: MainWindow) -> ConfirmationDialog | None:
    dialogs = [each for each in window.findChildren(ConfirmationDialog) if each.isVisible()]
    return dialogs[0] if dialogs else None


async def ask(window: MainWindow) -> tuple["asyncio.Task[object]", ConfirmationDialog]:
    acting = asyncio.ensure_future(window.page("tasks").context.tasks.enqueue("report"))
    await wait_until(lambda: dialog_of(window) is not None)
    dialog = dialog_of(window)
    assert dialog is not None
    return acting, dialog


def test_a_confirmed_action_is_sent_once(qapp: QApplication) -> None:
    async def scenario(window: MainWindow, session: FakeSession) -> None:
        acting, dialog = await ask(window)
        assert "production" in dialog.windowTitle()
        assert session.calls == []
        buttons = {each.text(): each for each in dialog.findChildren(QPushButton)}
        QTest.mouseClick(buttons["Run report"], Qt.MouseButton.LeftButton)
        await acting
        assert len(session.calls) == 1

    run(qapp, scenario)


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_enter_and_escape_cancel(qapp: QApplication, key: Qt.Key) -> None:
    async def scenario(window: MainWindow, session: FakeSession) -> None:
        acting, dialog = await ask(window)
        focused = dialog.focusWidget()
        assert isinstance(focused, QPushButton)
        assert focused.text() == "Cancel"
        dialog.guard.clock = lambda: float("inf")
        QTest.keyClick(dialog, key)
        with pytest.raises(DeclinedError):
            await acting
        assert session.calls == []

    run(qapp, scenario)


def test_leaving_the_session_is_no_confirmation(qapp: QApplication) -> None:
    async def scenario(window: MainWindow, session: FakeSession) -> None:
        acting, _dialog = await ask(window)
        window.set_session(FakeSession(), lambda _name, work: work.close())
        with pytest.raises(DeclinedError):
            await acting
        assert session.calls == []

    run(qapp, scenario)
