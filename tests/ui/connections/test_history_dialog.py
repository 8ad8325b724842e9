"""The dialog that offers to keep history."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import NoJetStreamError, NotPermittedError
from pulse_desktop.model.history_plan import (
    MIB,
    HistoryItem,
    HistoryKind,
    HistoryLimits,
    HistoryOutcome,
    HistoryPlan,
    HistoryState,
    HistoryStream,
)
from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.protocol.history_stream_names import history_stream
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.ui.connections.history_dialog import HistoryDialog
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.shell.connection_menu import HISTORY
from tests.kit.state_builder import NOW, StateBuilder
from tests.kit.waiting import wait_until
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import make_window

EVENTS = history_stream(HistoryKind.EVENTS, TaskiqNames())
TASKS = history_stream(HistoryKind.TASKS, TaskiqNames())
BOTH = HistoryPlan(tuple(HistoryItem(each, HistoryState.MISSING) for each in (EVENTS, TASKS)))


class Opened:
    """A window on a session without streams, with the dialog in front."""

    def __init__(self, qtbot: QtBot) -> None:
        self.session = FakeSession()
        self.session.history_plan = BOTH
        self.window = make_window(qtbot, StateBuilder(NOW), [EventsPage], self.session)

    def open(self, profile: Profile = Profile("shop")) -> HistoryDialog:  # noqa: B008 - frozen
        self.window.show_profile(profile, profile.name)
        assert self.window.actions_table.run(HISTORY.id)
        return self.dialog

    @property
    def dialog(self) -> HistoryDialog:
        (dialog,) = (each for each in self.window.findChildren(HistoryDialog) if each.isVisible())
        return dialog

    @property
    def titles(self) -> list[str]:
        return [each.title for each in self.window.notifications.shown]


@pytest.fixture
def opened(qtbot: QtBot) -> Opened:
    return Opened(qtbot)


def texts(dialog: HistoryDialog) -> str:
    return "\n".join(each.text() for each in dialog.findChildren(QLabel) if not each.isHidden())


def test_chosen_streams_are_made_with_the_limits_that_are_shown(opened: Opened) -> None:
    dialog = opened.open()
    assert "at most 7 days and 256 MiB" in texts(dialog)
    assert "nats stream rm PULSE_TASKS" in texts(dialog)
    dialog.boxes[HistoryKind.EVENTS].click()
    dialog.days.setValue(30)
    dialog.mebibytes.setValue(64)
    assert "at most 30 days and 64 MiB" in texts(dialog)
    assert dialog.make.text() == "Make 1 stream"
    dialog.make.click()
    wanted = replace(TASKS, limits=HistoryLimits(30 * 86_400, 64 * MIB))
    assert opened.session.calls == [("create", [wanted])]
    assert not dialog.isVisible()
    assert opened.titles == ["History is kept from now on"]


def test_production_is_named_and_enter_cancels(opened: Opened) -> None:
    dialog = opened.open(Profile("eu", environment=Environment.PRODUCTION))
    assert "PRODUCTION" in texts(dialog)
    assert "eu (production)" in dialog.windowTitle()
    assert dialog.focusWidget() is dialog.cancel
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert opened.session.calls == []


def test_a_refusal_is_named_and_what_was_made_is_told(opened: Opened) -> None:
    denied = NotPermittedError("$JS.API.STREAM.CREATE.PULSE_TASKS")
    opened.session.history_errors[TASKS.name] = denied
    dialog = opened.open()
    dialog.make.click()
    assert "may not publish to $JS.API.STREAM.CREATE.PULSE_TASKS" in texts(dialog)
    assert opened.titles == ["History is kept from now on"]
    assert "PULSE_TASKS" not in opened.window.notifications.shown[0].detail


def test_nothing_is_made_read_only_or_where_nothing_is_missing(opened: Opened) -> None:
    opened.session.set_read_only(read_only=True)
    opened.window.read_only.show()
    dialog = opened.open()
    assert not dialog.make.isEnabled()
    assert "read-only" in texts(dialog)
    opened.session.set_read_only(read_only=False)
    opened.window.read_only.show()
    assert dialog.make.isEnabled()
    assert "read-only" not in texts(dialog)
    dialog.reject()
    opened.session.history_plan = HistoryPlan(
        (
            HistoryItem(EVENTS, HistoryState.KEPT),
            HistoryItem(TASKS, HistoryState.IMPOSSIBLE, "the stream WORK removes messages"),
        )
    )
    dialog = opened.open()
    assert dialog.make.isHidden()
    assert "Kept in the stream PULSE_EVENTS." in texts(dialog)
    assert "the stream WORK removes messages." in texts(dialog)
    dialog.reject()
    opened.session.error = NoJetStreamError()
    assert "without JetStream" in texts(opened.open())


def test_another_session_closes_the_dialog(opened: Opened) -> None:
    dialog = opened.open()
    opened.window.set_session(FakeSession(), lambda _name, work: work.close())
    assert not dialog.isVisible()


async def test_a_switch_while_streams_are_made_is_told(qtbot: QtBot) -> None:
    class SlowSession(FakeSession):
        async def create(
            self, streams: Sequence[HistoryStream], *, confirmed: bool = False
        ) -> Sequence[HistoryOutcome]:
            await asyncio.Event().wait()
            return await super().create(streams, confirmed=confirmed)

    session = SlowSession()
    session.history_plan = BOTH
    failures: list[TaskFailure] = []
    work = Supervisor(failures.append)
    window = make_window(
        qtbot, StateBuilder(NOW), [EventsPage], session, run_in_background=work.run
    )
    window.show_profile(Profile("shop"), "shop")
    window.actions_table.run(HISTORY.id)
    dialog = window.findChild(HistoryDialog)
    assert dialog is not None
    await wait_until(dialog.make.isEnabled)
    dialog.make.click()
    await asyncio.sleep(0)
    window.set_session(FakeSession(), lambda _name, work: work.close())
    await work.close()
    (notice,) = window.notifications.shown
    assert notice.title == "Perhaps not every stream was made on shop"
    assert "PULSE_EVENTS, PULSE_TASKS" in notice.detail
    assert failures == []
