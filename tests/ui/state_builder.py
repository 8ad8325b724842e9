"""Builds what the window shows: a state into which invented events have been folded."""

import itertools
import json
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.protocol.topics import TASK_SUBJECT, subject_of
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.shell.actions import ActionTable
from pulse_desktop.ui.shell.page import PageContext
from tests.ui.fake_session import FakeSession

if TYPE_CHECKING:
    from pulse_desktop.ui.navigation import Target
    from pulse_desktop.ui.shell.notifications import Notification

NOW = 1_763_894_400.0
WORKER = "worker-1@host-a:4121"


class Told:
    """A state and the means to tell it something."""

    def __init__(self) -> None:
        self.state = SystemState()
        self._sequences = itertools.count(1)

    def event(self, topic, type_, data, *, at=NOW - 1, source=WORKER) -> None:
        _, raw = encode_event(topic, type_, data, source=source, now=at)
        self.raw(topic, raw, at=at)

    def raw(self, topic, raw, *, at=NOW - 1) -> None:
        sequence = next(self._sequences)
        self.state.fold([InboundMessage(Source.EVENT, subject_of(topic), raw, at, sequence)])

    def task(
        self,
        task_id,
        name="score_message_task",
        args=(),
        at=NOW - 1,
    ) -> None:
        body = {"task_id": task_id, "task_name": name, "labels": {}, "args": args, "kwargs": {}}
        payload = json.dumps(body).encode()
        self.state.fold([InboundMessage(Source.TASK, TASK_SUBJECT, payload, at)])

    def stored(self, key, *, size=412, deleted=False, at=NOW - 1):
        sequence = next(self._sequences)
        stored = StoredObject(key, size, 1, f"n{sequence}", at, deleted=deleted, sequence=sequence)
        self.state.fold([stored])
        return stored

    def body(self, stored, value, **fields) -> None:
        body = {"is_err": False, "log": None, "return_value": value, "execution_time": 0.03}
        body |= {"labels": {"task_name": "m:f"}, "error": None, **fields}
        self.state.fold_result(stored, decode_result(json.dumps(body).encode()))

    def heartbeat(
        self, name="worker-1", *, busy=2, slots=10, at=NOW - 1, tasks=(), type_="heartbeat"
    ) -> None:
        told = {"worker": f"{name}@host-a:7", "host": "host-a", "pid": 7, "started_at": NOW - 600}
        told |= {"slots": slots, "busy": busy, "tasks": list(tasks), "cpu_percent": 12.5}
        told |= {"rss_bytes": 84_000_000, "broker": "jetstream", "version": "1.0"}
        self.event("monitoring", f"worker.{type_}", told, at=at, source=told["worker"])


class Here:
    """What surrounds a page in a test."""

    def __init__(self, told: Told, session: FakeSession, window: QWidget) -> None:
        self.told = told
        self.session = session
        self.notifications: list[Notification] = []
        self.targets: list[Target] = []
        self.context = PageContext(
            state=told.state,
            tasks=session,
            results=session,
            workers=session,
            connection=session,
            actions=ActionTable(window),
            run_in_background=self._run,
            notify=self.notifications.append,
            navigate=self.targets.append,
        )

    @staticmethod
    def _run(_name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run work to its end at once: nothing in it really waits."""
        try:
            while True:
                work.send(None)
        except StopIteration:
            pass
