"""Builds what the window shows: a state into which invented events have been folded."""

import itertools
import json
from dataclasses import dataclass, field

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.protocol.topics import TASK_SUBJECT, subject_of
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.shell.actions import ActionTable
from pulse_desktop.ui.shell.operations import (
    BucketFigures,
    Enqueued,
    OperationError,
    StoredValue,
)
from pulse_desktop.ui.shell.page import PageContext

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
        name="workers.tasks.scoring:score_message_task",
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


@dataclass
class FakeOperations:
    """Answers at once with what it was given."""

    results: dict = field(default_factory=dict)
    figures: object = None
    buckets: list = field(default_factory=lambda: [BucketFigures("taskiq_results", watched=True)])
    watched: list = field(default_factory=list)
    saved: list = field(default_factory=list)
    refusal: object = None

    async def rerun(self, runs, *, force=False):  # noqa: ARG002
        return Enqueued((), durable=True)

    async def read_result(self, task_id):
        if task_id not in self.results:
            raise OperationError("Result not found", "It is gone from the bucket.")
        found = self.results[task_id]
        return found if isinstance(found, StoredValue) else StoredValue(b"{}", "json", found, True)

    async def save_result(self, task_id, path) -> int:
        if task_id not in self.results:
            raise OperationError("Cannot save the result", "No space left on device.")
        self.saved.append((task_id, path))
        return 412

    async def result_buckets(self):
        if self.refusal is not None:
            raise self.refusal
        return self.buckets

    async def watch_bucket(self, name) -> None:
        self.watched.append(name)

    def queue(self):
        return self.figures


class Here:
    """What surrounds a page in a test."""

    def __init__(self, told, operations, window) -> None:
        self.told = told
        self.operations = operations
        self.notices = []
        self.shown_pages = []
        self.context = PageContext(
            told.state,
            operations,
            ActionTable(window),
            self._start,
            self.notices.append,
            lambda page, place: self.shown_pages.append((page, place)),
        )

    @staticmethod
    def _start(_name, work) -> None:
        """Run work to its end at once: nothing in it really waits."""
        try:
            while True:
                work.send(None)
        except StopIteration:
            pass
