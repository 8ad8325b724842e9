"""Sessions come and go without a restart: one window changes servers, two windows show two."""

import asyncio
import gc
import json
import math
import os
import signal
import sys
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from nats.aio.client import Client
from PySide6.QtCore import QEvent, QModelIndex, QTimer
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)
from shiboken6 import getAllValidWrappers

from pulse_desktop.app.long_lived_objects import LONG_LIVED
from pulse_desktop.app.session_window import SessionWindow
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.profiles.profile import Environment, server_profile
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import RESULT_BUCKET, TASK_STREAM, TASK_SUBJECT
from pulse_desktop.session.session import CLOSE_TIMEOUT_S
from pulse_desktop.session.session_config import SessionConfig
from pulse_desktop.state.run import TaskRun
from pulse_desktop.ui.navigation import FilterRuns, ShowRun
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.window import MainWindow
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


class Publisher:
    """Publishes tasks, events and results whose texts contain one word."""

    def __init__(self, client: Client, word: str) -> None:
        self._client = client
        self.word = word
        self.task_id = word.ljust(32, "0")

    async def publish_one_of_each(self) -> None:
        """Publish a failed task with its result, and events of every topic."""
        js = self._client.jetstream()
        await js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
        await self.task()
        await self.event("tasks", "task.started", task_id=self.task_id, attempt=1)
        bucket = await js.create_object_store(RESULT_BUCKET)
        body: dict[str, Any] = {
            "is_err": True,
            "return_value": None,
            "labels": {},
            "execution_time": 0.1,
        }
        error = {"exc_type": "ValueError", "exc_message": [self.word], "exc_module": "builtins"}
        await bucket.put(self.task_id, json.dumps({**body, "error": error}).encode())
        await self.event("messages", "message.received", id=self.word, text=self.word)
        await self.event("knowledge", "knowledge.extracted", id=self.word, title=self.word)
        await self.event("agents", "agent.started", call_id=self.word, agent=self.word)
        await self.event("providers", "provider.health", provider=self.word, healthy=False)
        await self.event("monitoring", "worker.heartbeat", slots=4, busy=1)

    async def task(self, task_id: str = "") -> None:
        payload, headers = encode_task(task_id or self.task_id, f"{self.word}:{self.word}")
        await self._client.publish(TASK_SUBJECT, payload, headers=headers)
        await self._client.flush()

    async def event(self, topic: str, kind: str, **data: Any) -> None:
        event = {"type": kind, "data": {"worker": f"{self.word}@host:1", **data}}
        await self._client.publish(f"websocket.{topic}", json.dumps(event).encode())


@asynccontextmanager
async def publisher(server: NatsServer, word: str) -> AsyncIterator[Publisher]:
    client = await connect(server.url)
    try:
        yield Publisher(client, word)
    finally:
        await client.close()


def config(server: NatsServer) -> SessionConfig:
    return SessionConfig(server_profile(server.url, server.monitor_url))


def run_scenario(
    app: QApplication, server: NatsServer, scenario: Callable[[Operator], Awaitable[None]]
) -> None:
    run_operator(app, server.url, scenario, server.monitor_url)


def runs(window: MainWindow) -> list[TaskRun]:
    """The runs in the table of a window."""
    shown = window.current
    assert isinstance(shown, TasksPage)
    page = shown.runs
    return list(page.table.rows_model.row_objects())


def texts(window: MainWindow) -> list[str]:
    """Every text in a window: what is shown, and what tooltips and screen readers say."""
    found: list[str] = [window.windowTitle()]
    for widget in window.findChildren(QWidget):
        found += [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription()]
        if isinstance(widget, QLabel | QAbstractButton | QLineEdit):
            found.append(widget.text())
        elif isinstance(widget, QPlainTextEdit):
            found.append(widget.toPlainText())
        elif isinstance(widget, QAbstractItemView) and widget.model() is not None:
            model = widget.model()
            found += [
                str(model.index(row, column, QModelIndex()).data())
                for row in range(model.rowCount())
                for column in range(model.columnCount())
            ]
    return found


async def connections(server: NatsServer) -> list[str]:
    """Names of the clients that a server has."""
    async with httpx.AsyncClient() as client:
        reply = await client.get(f"{server.monitor_url}/connz")
    return [str(each.get("name")) for each in reply.json()["connections"]]


async def is_disconnected(server: NatsServer) -> bool:
    return "pulse-desktop" not in await connections(server)


def active_timers() -> int:
    wrappers = [each for each in getAllValidWrappers() if isinstance(each, QTimer)]
    return sum(timer.isActive() for timer in wrappers)


async def switch(
    shown: SessionWindow, server: NatsServer, name: str, timers: float = math.inf
) -> tuple[int, int]:
    """Show another server; return the tasks and active timers there were without a session.

    Args:
        shown: shows it.
        server: the server.
        name: of its profile.
        timers: how many may be left: one that fires once may be active for a moment.
    """
    await shown.close_session()
    shown.window.run_form.cancel()  # open until another connection is shown
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    await wait_until(lambda: active_timers() <= timers)
    offline = len(asyncio.all_tasks()), active_timers()
    shown.show_profile(server_profile(server.url, server.monitor_url, name=name))
    return offline


def test_a_window_changes_servers_and_keeps_nothing_of_the_old_one(
    qapp: QApplication, nats_server: NatsServer, other_server: NatsServer
) -> None:
    async def scenario(operator: Operator) -> None:
        window = operator.window
        (shown,) = operator.desktop.windows
        async with publisher(nats_server, "alpha") as alpha, publisher(other_server, "beta") as b:
            await operator.session.connection.wait_connected()
            await wait_until(lambda: operator.session.event_feed.status.mode != "off")
            await wait_until(lambda: operator.session.task_feed.status.mode != "off")
            await alpha.publish_one_of_each()
            await b.publish_one_of_each()
            await see_everything(operator, alpha)
            old_session, old_state = weakref.ref(operator.session), weakref.ref(operator.state)
            old_page = weakref.ref(operator.page)

            offline = await switch(shown, other_server, "beta")
            await operator.wait_for_cell(b.task_id, "failed")
            for page in PAGES:
                await operator.go_to(page.key)
                left = [text for text in texts(window) if "alpha" in text]
                assert left == [], page.key
            await operator.go_to("tasks")
            shown_keys = {each.key for each in window.notifications.shown}
            assert shown_keys <= {"limitations"}, "of the present server, once it is judged"
            assert not window.run_form.isVisible()
            assert not operator.page.table.rows_model.paused
            assert window.top_bar.switcher.full_text == "beta"
            assert await is_disconnected(nats_server)
            gc.unfreeze()
            gc.collect()
            assert [old_session(), old_state(), old_page()] == [None] * 3

            assert await switch(shown, nats_server, "alpha", offline[1]) == offline
            await operator.wait_for_cell(alpha.task_id, "failed")
            await wait_until(lambda: [run.name for run in runs(window)] == ["alpha:alpha"])
            assert [text for text in texts(window) if "beta" in text] == []
            assert await is_disconnected(other_server)

    run_scenario(qapp, nats_server, scenario)


async def see_everything(operator: Operator, alpha: Publisher) -> None:
    """Visit all pages, open what can be open and pause the table of runs."""
    window = operator.window
    await wait_until(lambda: operator.state.workers.rows)
    for page in PAGES:
        await operator.go_to(page.key)
    await operator.go_to("tasks")
    await operator.wait_for_cell(alpha.task_id, "failed")
    window.navigate(ShowRun(alpha.task_id))
    assert [text for text in texts(window) if "alpha" in text]
    run = operator.state.runs.get(alpha.task_id)
    assert run is not None
    operator.page.context.edit_run(run)
    window.notify(Notification("alpha failed", severity="bad"))
    window.navigate(FilterRuns((RunState.FAILED,), "alpha"))
    await operator.act(window.toggle_pause)
    assert operator.page.table.rows_model.paused


@pytest.mark.slow
def test_two_windows_show_two_servers_at_once(
    qapp: QApplication, nats_server: NatsServer, other_server: NatsServer
) -> None:
    async def scenario(operator: Operator) -> None:
        desktop, first = operator.desktop, operator.window
        other = desktop.new_window()
        other.show_profile(
            server_profile(
                other_server.url,
                other_server.monitor_url,
                name="beta",
                environment=Environment.STAGING,
            )
        )
        other.window.show()
        other.start()
        second = other.window
        for window in (first, second):
            window.show_page("tasks")
        async with publisher(nats_server, "alpha") as a, publisher(other_server, "beta") as b:
            for shown in desktop.windows:
                session = shown.session
                assert session is not None
                await session.connection.wait_connected()
                await wait_until(lambda s=session: s.task_feed.status.mode == "live")
            for number in range(5):
                await a.task(f"{number:032x}")
                await b.task(f"{number:032x}")
            await wait_until(lambda: len(runs(first)) == len(runs(second)) == 5)
            assert {run.name for run in runs(first)} == {"alpha:alpha"}
            assert {run.name for run in runs(second)} == {"beta:beta"}
            assert (first.top_bar.environment.isHidden(), second.top_bar.switcher.full_text) == (
                True,
                "beta",
            )

            session = other.session
            assert session is not None
            await session.tasks.enqueue("beta:beta", force=True)
            await wait_until(lambda: len(runs(second)) == 6)
            assert len(runs(first)) == 5

            await operator.act(second.close)
            await wait_until(lambda: len(desktop.windows) == 1)
            await wait_until(lambda: session.supervisor.tasks == {})
            assert not desktop.stopped.is_set()
            await wait_until(lambda: is_disconnected(other_server))
            await a.task("f" * 32)
            await wait_until(lambda: len(runs(first)) == 6)
        await operator.act(first.close)
        assert desktop.stopped.is_set()

    run_scenario(qapp, nats_server, scenario)


@pytest.mark.slow
def test_an_address_that_cannot_be_parsed_leaves_the_window_offline(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    async def scenario(operator: Operator) -> None:
        (shown,) = operator.desktop.windows
        await shown.close_session()
        with pytest.raises(CannotConnectError):
            shown.open_session(SessionConfig(server_profile("nats://[broken")))
        assert shown.session is None
        await wait_until(lambda: operator.window.top_bar.state.full_text == "closed")
        shown.open_session(config(nats_server))
        await wait_until(lambda: "connected" in operator.window.top_bar.state.full_text)

    run_scenario(qapp, nats_server, scenario)


def test_a_closed_application_leaves_nothing_in_memory(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    kept: list[weakref.ref[object]] = []

    async def visit(operator: Operator) -> None:
        await operator.desktop.wait_connected(30)
        for page in PAGES:
            await operator.go_to(page.key)
        kept.extend(map(weakref.ref, (operator.window, operator.session, operator.state)))

    run_operator(qapp, nats_server.url, visit, nats_server.monitor_url)
    gc.collect()
    assert [each() for each in kept] == [None] * 3


def test_a_window_that_was_closed_is_collected_while_the_others_go_on(
    qapp: QApplication, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected: list[bool] = []
    monkeypatch.setattr(LONG_LIVED, "freeze", lambda: collected.append(gc.collect() >= 0))

    async def close_one(operator: Operator) -> None:
        await operator.desktop.wait_connected(30)
        await wait_until(lambda: collected)
        other = operator.desktop.new_window()
        other.show_profile(server_profile(nats_server.url, nats_server.monitor_url))
        other.start()
        other.window.show()
        await other.wait_connected(30)
        kept = weakref.ref(other.window)
        await wait_until(lambda: len(collected) > 1)
        other.window.close()
        del other
        await wait_until(lambda: kept() is None)

    run_operator(qapp, nats_server.url, close_one, nats_server.monitor_url)


def test_a_connection_that_ends_slowly_is_collected_after_its_end(
    qapp: QApplication, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    release = LONG_LIVED.release

    def note_release() -> None:
        release()
        calls.append("release")

    monkeypatch.setattr(LONG_LIVED, "freeze", lambda: calls.append("freeze"))
    monkeypatch.setattr(LONG_LIVED, "release", note_release)

    async def switch_to_another(operator: Operator) -> None:
        await operator.desktop.wait_connected(30)
        (shown,) = operator.desktop.windows
        close = operator.session.close

        async def close_late() -> None:
            await wait_until(lambda: "freeze" in calls)
            await close()

        monkeypatch.setattr(operator.session, "close", close_late)
        calls.clear()
        shown.show_profile(server_profile(nats_server.url, nats_server.monitor_url, name="again"))
        await shown.wait_connected(30)
        await wait_until(lambda: "release" in calls)
        await wait_until(lambda: calls[-1] == "freeze")

    run_operator(qapp, nats_server.url, switch_to_another, nats_server.monitor_url)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")
def test_a_window_closes_although_its_server_is_stopped(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    stopped_at: list[float] = []

    async def stop_server(operator: Operator) -> None:
        await operator.desktop.wait_connected(30)
        os.kill(nats_server.pid, signal.SIGSTOP)
        stopped_at.append(time.monotonic())

    try:
        run_operator(qapp, nats_server.url, stop_server, nats_server.monitor_url)
        assert time.monotonic() - stopped_at[0] < 2 * CLOSE_TIMEOUT_S
    finally:
        os.kill(nats_server.pid, signal.SIGCONT)
