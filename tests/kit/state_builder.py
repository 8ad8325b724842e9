"""Builds a state from tasks, events and results as they arrive from the server."""

import itertools
import json
from collections.abc import Sequence
from typing import Any, Final, Self

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.protocol.topics import TASK_SUBJECT, subject_of
from pulse_desktop.state.system import SystemState

NOW: Final = 1_795_430_942.0
TASK: Final = "score_message_task"
WORKER: Final = "worker-1@host-a:4120"


class StateBuilder:
    """A state, and methods that fold messages into it.

    Attributes:
        state: the state.
        at: time of what is folded next, Unix seconds.
    """

    def __init__(self, at: float = NOW) -> None:
        self.state = SystemState()
        self.at = at
        self._sequences = itertools.count(1)

    # Events

    def event(
        self,
        topic: str,
        type_: str,
        data: dict[str, Any],
        at: float | None = None,
        *,
        source: str = WORKER,
    ) -> None:
        at = self.at if at is None else at
        self.raw(topic, encode_event(topic, type_, data, source=source, now=at)[1], at=at)

    def raw(self, topic: str, payload: bytes, *, at: float | None = None) -> None:
        at = self.at if at is None else at
        sequence = next(self._sequences)
        message = InboundMessage(Source.EVENT, subject_of(topic), payload, at, sequence)
        self.state.fold([message])

    def heartbeat(
        self,
        worker: str = WORKER,
        at: float | None = None,
        *,
        type_: str = "heartbeat",
        **fields: object,
    ) -> None:
        data = {"worker": worker, "host": "host-a", "pid": 1, "slots": 8, "busy": 0, "tasks": []}
        data |= {"control": f"pulse.control.worker.{worker}", "log_level": "INFO"}
        self.event("monitoring", f"worker.{type_}", data | fields, at, source=worker)

    # Runs

    def task(
        self,
        task_id: str,
        name: str = TASK,
        args: Sequence[object] = (),
        at: float | None = None,
        **kwargs: object,
    ) -> None:
        payload, _headers = encode_task(
            task_id, name, args=json.dumps(list(args)).encode(), kwargs=json.dumps(kwargs).encode()
        )
        at = self.at if at is None else at
        self.state.fold([InboundMessage(Source.TASK, TASK_SUBJECT, payload, at)])

    def labelled(self, task_id: str, labels: dict[str, Any], name: str = TASK) -> None:
        """Add a queued run with labels."""
        payload, _headers = encode_task(task_id, name, labels=labels)
        self.state.fold([InboundMessage(Source.TASK, TASK_SUBJECT, payload, self.at)])

    def started(self, task_id: str, at: float | None = None, attempt: int = 1) -> None:
        data = {"task_id": task_id, "worker": WORKER, "attempt": attempt}
        self.event("tasks", "task.started", data, at)

    def progress(self, task_id: str, at: float | None = None, **fields: object) -> None:
        self.event("tasks", "task.progress", {"task_id": task_id, **fields}, at)

    def succeeded(self, task_id: str, run_s: float = 0.5, at: float | None = None) -> None:
        self.event("tasks", "task.succeeded", {"task_id": task_id, "run_s": run_s}, at)

    def failed(
        self,
        task_id: str,
        kind: str = "ProviderTimeout",
        message: str = "no answer",
        at: float | None = None,
        **fields: object,
    ) -> None:
        error = {"type": kind, "message": message, "traceback": "File a.py, line 1"}
        data = {"task_id": task_id, "attempt": 1, "max_attempts": 3, "will_retry": False}
        data |= {"run_s": 1.0, "error": error}
        self.event("tasks", "task.failed", data | fields, at)

    def runs(self, count: int, first: int = 0) -> Self:
        """Add successful runs whose ids are their numbers."""
        for number in range(first, first + count):
            self.task(f"{number:032x}", args=[number])
            self.succeeded(f"{number:032x}")
        return self

    # Results

    def stored(
        self,
        key: str,
        *,
        size: int = 412,
        digest: str = "",
        deleted: bool = False,
        at: float | None = None,
    ) -> StoredObject:
        """Add an object of the result bucket."""
        at = self.at if at is None else at
        sequence = next(self._sequences)
        stored = StoredObject(
            key, size, 1, f"n{sequence}", at, digest=digest, deleted=deleted, sequence=sequence
        )
        self.state.fold([stored])
        return stored

    def result(self, stored: StoredObject, value: object, **fields: object) -> None:
        """Read the body of a stored object."""
        body: dict[str, object] = {"is_err": False, "log": None, "return_value": value}
        body |= {"execution_time": 0.03, "labels": {"task_name": "m:f"}, "error": None, **fields}
        self.state.fold_result(stored, decode_result(json.dumps(body).encode()))
