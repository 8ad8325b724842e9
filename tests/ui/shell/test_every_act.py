"""Every act on the server is asked about in production, and refused on a read-only connection."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot
from qasync import QEventLoop

from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.shell.confirmation import ConfirmationDialog
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from pulse_desktop.ui.widgets.act_button import ActButton
from tests.kit.state_builder import WORKER, StateBuilder
from tests.kit.waiting import wait_until
from tests.ui.fake_session import FakeSession
from tests.ui.tables import select_rows, shown_table_page
from tests.ui.window_builder import draw_frame, make_window

ACTS: Final = (
    ("tasks", "runs.rerun", 1),
    ("tasks", "runs.rerun", 2),
    ("tasks", "runs.cancel", 1),
    ("tasks", "runs.cancel", 2),
    ("monitoring", "worker.pause", 1),
    ("monitoring", "worker.drain", 1),
    ("monitoring", "worker.log.debug", 1),
    ("monitoring", "workers.pause", 1),
    ("monitoring", "workers.resume", 1),
)
"""Page, action, and how many rows are selected. The run form enqueues, edited or not."""

OTHER: Final = "worker-2@host:2"
EU: Final = Profile("eu", environment=Environment.PRODUCTION)


def filled(session: FakeSession) -> StateBuilder:
    builder = StateBuilder()
    for worker in (WORKER, OTHER):
        builder.heartbeat(worker)
    for task_id in ("a" * 32, "b" * 32):
        builder.task(task_id)
    session.state = builder.state
    return builder


def select(window: MainWindow, page: str, rows: int) -> None:
    window.show_page(page)
    shown = shown_table_page(window)
    shown.table.clearSelection()
    select_rows(shown, *range(rows))


def act(window: MainWindow, page: str, action: str, rows: int) -> None:
    """Select rows, act on them, and answer yes to the question of the page, if it has one."""
    window.notifications.clear()
    select(window, page, rows)
    assert window.actions_table.run(action), action
    for notification in window.notifications.shown:
        if notification.is_question:
            notification.choices[0][1]()


def run_in_production(
    qapp: QApplication, scenario: Callable[[MainWindow, FakeSession], Awaitable[None]]
) -> None:
    theme().install(ThemeChoice.DARK)

    async def main() -> None:
        session = FakeSession(profile=EU)
        tasks: list[asyncio.Task[None]] = []
        builder = filled(session)

        def start(name: str, work: Coroutine[Any, Any, None]) -> None:
            tasks.append(asyncio.create_task(work, name=name))

        window = MainWindow(
            session,
            [TasksPage, MonitoringPage],
            run_in_background=start,
            clock=lambda: builder.at,
        )
        window.show_profile(EU, "eu")
        window.set_session(session, start)
        window.show()
        for page in ("monitoring", "tasks"):
            window.show_page(page)
            draw_frame(window, builder, 0.1)
        try:
            await scenario(window, session)
            await asyncio.gather(*tasks)
        finally:
            window.hide()
            window.deleteLater()

    with QEventLoop(qapp) as loop:
        loop.run_until_complete(main())


def dialogs(window: MainWindow) -> list[ConfirmationDialog]:
    return [each for each in window.findChildren(ConfirmationDialog) if each.isVisible()]


def test_production_asks_before_every_act(qapp: QApplication) -> None:
    async def declined(window: MainWindow) -> None:
        await wait_until(lambda: dialogs(window))
        (dialog,) = dialogs(window)
        assert dialog.windowTitle() == "Confirm · eu (production) · Pulse Desktop"
        assert dialog.badge.text() == "PRODUCTION · eu"
        (default,) = (each for each in dialog.findChildren(QPushButton) if each.isDefault())
        assert default.text() == "Cancel"
        assert dialog.focusWidget() is default
        dialog.reject()
        await wait_until(lambda: not dialogs(window))

    async def scenario(window: MainWindow, session: FakeSession) -> None:
        for page, action, rows in ACTS:
            act(window, page, action, rows)
            await declined(window)
        window.show_page("tasks")
        window.run_task()
        window.run_form.ui.task_name.set_name("tasks:one")
        window.run_form.submit()
        await declined(window)
        assert session.calls == []

    run_in_production(qapp, scenario)


def test_production_asks_once_about_an_act_on_several(qapp: QApplication) -> None:
    async def scenario(window: MainWindow, session: FakeSession) -> None:
        for page, action, question, calls in (
            ("monitoring", "worker.drain", "Drain 2 workers?", 2),
            ("monitoring", "worker.pause", "Pause 2 workers?", 2),
            ("tasks", "runs.cancel", "Cancel 2 runs?", 1),
            ("tasks", "runs.rerun", "Re-run 2 runs?", 1),
        ):
            select(window, page, 2)
            session.calls.clear()
            window.actions_table.run(action)
            await wait_until(lambda: dialogs(window))
            (dialog,) = dialogs(window)
            assert not any(each.is_question for each in window.notifications.shown)
            texts = [label.text() for label in dialog.findChildren(QLabel)]
            assert question in texts
            assert ("exits" in " ".join(texts)) is (action == "worker.drain")
            dialog.accept()
            await wait_until(lambda calls=calls: len(session.calls) == calls)
            assert not dialogs(window)

    run_in_production(qapp, scenario)


def test_a_read_only_connection_refuses_every_act_and_says_why(qtbot: QtBot) -> None:
    session = FakeSession(profile=Profile("eu", read_only=True))
    builder = filled(session)
    window = make_window(qtbot, builder, (TasksPage, MonitoringPage), session)
    window.read_only.show()
    for page in ("monitoring", "tasks"):
        window.show_page(page)
        draw_frame(window, builder, 0.1)
    for page, action, rows in ACTS:
        act(window, page, action, rows)
        (refusal,) = window.notifications.shown
        assert refusal.title.startswith("Not allowed: ")
        assert not refusal.is_question, "an answer would change nothing"
    assert session.calls == []

    buttons = window.page_stack.findChildren(ActButton)
    assert len(buttons) >= 8
    for button in buttons:
        assert not button.isEnabled()
        assert "read-only" in button.accessibleDescription()
    window.read_only.toggle()
    assert {each.accessibleDescription() for each in buttons} == {""}
    assert any(each.isEnabled() for each in buttons)
