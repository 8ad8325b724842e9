"""What tests tell the state: tasks and events as they come off the wire, and a window over them."""

import json
from dataclasses import dataclass, field

from pulse_desktop.model.outcomes import CancelOutcome, CancelStatus, CommandOutcome, CommandStatus
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.shell.operations import Enqueued, StoredValue
from pulse_desktop.ui.shell.window import MainWindow

NOW = 1_795_430_942.0
WORKER = "worker-1@host-a:4120"


@dataclass
class Told:
    """A state, and the words that fill it."""

    state: SystemState = field(default_factory=SystemState)
    at: float = NOW

    def event(self, topic, type_, data, at=None) -> None:
        at = self.at if at is None else at
        payload = encode_event(topic, type_, data, source=WORKER, now=at)[1]
        self.state.fold([InboundMessage(Source.EVENT, f"websocket.{topic}", payload, at)])

    def task(
        self,
        task_id,
        name="workers.tasks.scoring:score_message_task",
        args=(),
        at=None,
        **kw,
    ) -> None:
        at = self.at if at is None else at
        payload, _ = encode_task(
            task_id, name, args=json.dumps(list(args)).encode(), kwargs=json.dumps(kw).encode()
        )
        self.state.fold([InboundMessage(Source.TASK, "taskiq_tasks", payload, at)])

    def started(self, task_id, at=None, attempt=1) -> None:
        self.event(
            "tasks", "task.started", {"task_id": task_id, "worker": WORKER, "attempt": attempt}, at
        )

    def progress(self, task_id, at=None, **told) -> None:
        self.event("tasks", "task.progress", {"task_id": task_id, **told}, at)

    def heartbeat(self, worker=WORKER, at=None, **more) -> None:
        told = {"worker": worker, "host": "host-a", "pid": 1, "slots": 8, "busy": 0}
        told |= {"control": f"pulse.control.worker.{worker}", "log_level": "INFO"}
        self.event("monitoring", "worker.heartbeat", {**told, **more}, at)

    def succeeded(self, task_id, run_s=0.5, at=None) -> None:
        self.event("tasks", "task.succeeded", {"task_id": task_id, "run_s": run_s}, at)

    def failed(self, task_id, kind="ProviderTimeout", message="no answer", at=None, **kw) -> None:
        error = {"type": kind, "message": message, "traceback": "File a.py, line 1"}
        data = {
            "task_id": task_id,
            "attempt": 1,
            "max_attempts": 3,
            "will_retry": False,
            "run_s": 1.0,
        }
        self.event("tasks", "task.failed", data | {"error": error} | kw, at)

    def runs(self, count, first=0):
        for number in range(first, first + count):
            self.task(f"{number:032x}", args=[number])
            self.succeeded(f"{number:032x}")
        return self


class Doing:
    """Operations that keep what they were asked, and refuse when told to."""

    def __init__(self) -> None:
        self.asked = []
        self.refusal = None
        self.figures = None
        self.outcomes = {}
        self.value = StoredValue(b'{"n": 1}', "json", {"n": 1}, readable=True)

    async def rerun(self, runs, *, force=False):
        self.asked.append(([run.task_id for run in runs], force))
        if self.refusal is not None and not force:
            raise self.refusal
        return Enqueued(tuple(f"new-{run.task_id}" for run in runs), durable=True)

    async def cancel(self, task_ids):
        self.asked.append(("cancel", list(task_ids)))
        if self.refusal is not None:
            raise self.refusal
        cancelled = CancelStatus.CANCELLED
        return [
            self.outcomes.get(each, CancelOutcome(each, cancelled, WORKER)) for each in task_ids
        ]

    async def order(self, command, worker="", level=""):
        self.asked.append((command, worker, level))
        if self.refusal is not None:
            raise self.refusal
        return [
            self.outcomes.get(worker, CommandOutcome(worker or WORKER, command, CommandStatus.DONE))
        ]

    async def enqueue(self, task_name, args, kwargs, labels, *, force=False, rerun_of=""):
        self.asked.append((task_name, args, kwargs, labels, rerun_of, force))
        if self.refusal is not None and not force:
            raise self.refusal
        return Enqueued(("0" * 32,), durable=True)

    def queue(self):
        return self.figures

    async def read_result(self, task_id):
        self.asked.append(task_id)
        if self.refusal is not None:
            raise self.refusal
        return self.value


def start_at_once(_name, work) -> None:
    """Carry out background work on the spot: the operations of these tests never wait."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("the work waits for something")


def make_window(qtbot, told, pages, doing=None):
    window = MainWindow(
        told.state, doing or Doing(), pages, start=start_at_once, clock=lambda: told.at
    )
    qtbot.addWidget(window)
    window.show_page(pages[0].key)
    window.show()
    window.activateWindow()
    return window


def frame(window, told, later=0.0) -> None:
    told.at += later
    window.frame(told.state.take_changes(), told.at)
