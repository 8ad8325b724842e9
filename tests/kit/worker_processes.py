"""Run real worker processes for tests and record the events they publish."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nats.aio.msg import Msg
from nats.js.errors import NotFoundError, ObjectNotFoundError, ServiceUnavailableError
from pulse_workers.results.object_reader import SmallObjectStore

from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.task_names import ALIASES
from pulse_desktop.protocol.topics import (
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)
from tests.kit.fork_server import start_own_interpreter, start_program
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

TASKS = "tests.kit.worker_tasks"
ROOT = Path(__file__).parents[2]
BUILT_IN = frozenset(
    {
        *ALIASES.values(),
        "analyse_period",
        "correct_classification",
        "process_messages",
        "process_missing_messages",
        "search_knowledge",
    }
)


class Worker:
    """One `pulse-worker` process."""

    def __init__(
        self,
        *arguments: str,
        server: str,
        log: Path,
        stdin: int | None = None,
        own_interpreter: bool = False,
        **more: Any,
    ) -> None:
        """Start the process; `own_interpreter` is for tests of its command line."""
        environment = {
            **os.environ,
            "PULSE_CONFIG": os.devnull,
            "PULSE_SERVER": server,
            "PULSE_WORKER_TASKS": TASKS,
            "PULSE_CHAT_FOLDERS": str(log.parent),
            "PULSE_HEARTBEAT_INTERVAL": "0.5",
            "PULSE_METRICS_INTERVAL": "0.5",
            **{f"PULSE_{name.upper()}": str(value) for name, value in more.items()},
        }
        self.log_path = log
        start = start_own_interpreter if own_interpreter else start_program
        with log.open("ab") as file:
            self.process = start(
                "pulse_workers",
                *arguments,
                env=environment,
                stdin=stdin or subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    async def wait_for_exit(self, timeout_s: float = 10) -> int:
        await wait_until(lambda: self.process.poll() is not None, timeout_s, "the worker ends")
        return self.process.returncode


class WorkerHarness:
    """Real worker processes on a server, and the events that they publish.

    Attributes:
        events: all events received so far.
        core_nats: whether `send` publishes to core NATS instead of the stream.
    """

    def __init__(self, server: NatsServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self.client: Client
        self.js: JetStreamContext
        self.workers: list[Worker] = []
        self.core_nats = False

    async def open(self) -> None:
        async def quiet(_error: Exception) -> None: ...

        self.client = await connect(
            self.server.url.split(","),
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.05,
            error_cb=quiet,
        )
        self.js = self.client.jetstream()
        await self.client.subscribe("websocket.*", cb=self._record)

    async def _record(self, message: Msg) -> None:
        event = json.loads(message.data)
        if "source" in event:  # `check` publishes empty ones
            self.events.append(event)

    def start(self, *arguments: str, **more: Any) -> Worker:
        """Start `pulse-worker run`, or with the given arguments; `more` are PULSE_ settings."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        name = f"worker-{len(self.workers) + 1}"
        worker = Worker(
            *(arguments or ("run", "--name", name)), server=self.server.url, log=log, **more
        )
        self.workers.append(worker)
        return worker

    async def wait_until_started(self, worker: Worker) -> None:
        def alive() -> bool:
            if worker.process.poll() is not None:
                raise AssertionError(f"the worker ended:\n{worker.log}")
            return any(e["source"].endswith(f":{worker.pid}") for e in self.events)

        await wait_until(alive, 60, "the worker's first event")

    async def run(self, **more: Any) -> Worker:
        """Start a worker and wait for its first event."""
        worker = self.start(**more)
        await self.wait_until_started(worker)
        return worker

    async def send(self, name: str, *args: Any, labels: dict[str, Any] | None = None) -> str:
        task_id = new_task_id()
        full = name if ":" in name or name in BUILT_IN else f"{TASKS}:{name}"
        payload, headers = encode_task(task_id, full, args=json.dumps(args).encode(), labels=labels)
        if self.core_nats:
            await self.client.publish(TASK_SUBJECT, payload, headers=headers)
            await self.client.flush()
        else:
            await self.js.publish(TASK_SUBJECT, payload, headers=headers)
        return task_id

    async def result(self, task_id: str, timeout_s: float = 10) -> dict[str, Any]:
        bucket = SmallObjectStore(self.js, RESULT_BUCKET)

        async def read() -> dict[str, Any] | None:
            try:
                found = await asyncio.wait_for(bucket.get(task_id), 2)
            except (NotFoundError, ObjectNotFoundError, ServiceUnavailableError, TimeoutError):
                return None
            body: dict[str, Any] = json.loads(found.data or b"")
            return body

        found: dict[str, Any] = await wait_until(read, timeout_s, f"result of {task_id}")
        return found

    def events_of(self, task_id: str) -> list[dict[str, Any]]:
        """Return the events of one task on the topic `tasks`."""
        return [e for e in self.events if e["topic"] == "tasks" and e["data"]["task_id"] == task_id]

    def event_types(self, task_id: str) -> list[str]:
        return [event["type"] for event in self.events_of(task_id)]

    async def wait_for_event(
        self, predicate: Callable[[dict[str, Any]], object], timeout_s: float = 10
    ) -> dict[str, Any]:
        """Return the first event, past or future, that the predicate accepts."""

        def find() -> dict[str, Any] | None:
            return next((event for event in self.events if predicate(event)), None)

        event: dict[str, Any] = await wait_until(find, timeout_s, "an event")
        return event

    async def all_acked(self) -> bool:
        info = await self.js.consumer_info(TASK_STREAM, TASK_CONSUMER)
        return not (info.num_pending or info.num_ack_pending)

    async def close(self) -> None:
        for worker in self.workers:
            worker.close()
        await self.client.close()


@asynccontextmanager
async def open_harness(server: NatsServer, folder: Path) -> AsyncIterator[WorkerHarness]:
    """Yield a harness without workers, and end its workers afterwards."""
    harness = WorkerHarness(server, folder)
    await harness.open()
    try:
        yield harness
    finally:
        await harness.close()


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.exists() else []
