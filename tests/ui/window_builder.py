"""What tests tell the state: tasks and events as they come off the wire, and a window over them."""

import json
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pytestqt.qtbot import QtBot

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.shell.page import BackgroundRunner, Page
from pulse_desktop.ui.shell.window import MainWindow
from tests.ui.fake_session import WORKER, FakeSession

NOW = 1_795_430_942.0


@dataclass
class Told:
    """A state, and the words that fill it."""

    state: SystemState = field(default_factory=SystemState)
    at: float = NOW

    def event(self, topic: str, type_: str, data: dict[str, Any], at: float | None = None) -> None:
        at = self.at if at is None else at
        payload = encode_event(topic, type_, data, source=WORKER, now=at)[1]
        self.state.fold([InboundMessage(Source.EVENT, f"websocket.{topic}", payload, at)])

    def task(
        self,
        task_id: str,
        name: str = "score_message_task",
        args: Sequence[object] = (),
        at: float | None = None,
        **kw: object,
    ) -> None:
        at = self.at if at is None else at
        payload, _ = encode_task(
            task_id, name, args=json.dumps(list(args)).encode(), kwargs=json.dumps(kw).encode()
        )
        self.state.fold([InboundMessage(Source.TASK, "taskiq_tasks", payload, at)])

    def started(self, task_id: str, at: float | None = None, attempt: int = 1) -> None:
        self.event(
            "tasks", "task.started", {"task_id": task_id, "worker": WORKER, "attempt": attempt}, at
        )

    def progress(self, task_id: str, at: float | None = None, **told: object) -> None:
        self.event("tasks", "task.progress", {"task_id": task_id, **told}, at)

    def heartbeat(self, worker: str = WORKER, at: float | None = None, **more: object) -> None:
        told = {"worker": worker, "host": "host-a", "pid": 1, "slots": 8, "busy": 0}
        told |= {"control": f"pulse.control.worker.{worker}", "log_level": "INFO"}
        self.event("monitoring", "worker.heartbeat", {**told, **more}, at)

    def succeeded(self, task_id: str, run_s: float = 0.5, at: float | None = None) -> None:
        self.event("tasks", "task.succeeded", {"task_id": task_id, "run_s": run_s}, at)

    def failed(
        self,
        task_id: str,
        kind: str = "ProviderTimeout",
        message: str = "no answer",
        at: float | None = None,
        **kw: object,
    ) -> None:
        error = {"type": kind, "message": message, "traceback": "File a.py, line 1"}
        data = {
            "task_id": task_id,
            "attempt": 1,
            "max_attempts": 3,
            "will_retry": False,
            "run_s": 1.0,
        }
        self.event("tasks", "task.failed", data | {"error": error} | kw, at)

    def runs(self, count: int, first: int = 0) -> Self:
        for number in range(first, first + count):
            self.task(f"{number:032x}", args=[number])
            self.succeeded(f"{number:032x}")
        return self


def start_at_once(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Carry out background work on the spot: a `FakeSession` never waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("the work waits for something")


def make_window(
    qtbot: QtBot,
    told: Told,
    pages: Sequence[type[Page]],
    session: FakeSession | None = None,
    *,
    run_in_background: BackgroundRunner = start_at_once,
) -> MainWindow:
    session = FakeSession() if session is None else session
    session.state = told.state
    window = MainWindow(session, pages, run_in_background=run_in_background, clock=lambda: told.at)
    qtbot.addWidget(window)
    window.show_page(pages[0].key)
    window.show()
    window.activateWindow()
    return window


def frame(window: MainWindow, told: Told, later: float = 0.0) -> None:
    told.at += later
    window.frame(told.state.take_changes(), told.at)
