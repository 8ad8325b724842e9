"""A TaskIQ application by other authors, which uses nothing of ours.

The worker runs in a process of its own, by TaskIQ's own command; so do its defaults: results are
pickles, and the bucket has no limits. With a serializer, both tasks and results are written by it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from taskiq import AsyncBroker
from taskiq.abc.serializer import TaskiqSerializer
from taskiq.serializers import CBORSerializer, MSGPackSerializer, PickleSerializer
from taskiq_nats import NatsBroker, NATSObjectStoreResultBackend, PullBasedJetStreamBroker

ROOT = Path(__file__).parent.parent.parent


async def add(a: int, b: int, note: str = "") -> dict[str, Any]:
    return {"sum": a + b, "note": note, "пара": (a, b)}


async def refuse(reason: str) -> None:
    raise ValueError(reason)


async def fail_softly() -> dict[str, str]:
    return {"status": "error", "detail": "the source is empty"}


def wait_for_file(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.02)
    return "here it is"


async def append_line(path: str) -> None:
    with Path(path).open("a") as file:  # noqa: ASYNC230
        file.write("ran\n")


SERIALIZERS: dict[str, type[TaskiqSerializer]] = {
    "msgpack": MSGPackSerializer,
    "cbor": CBORSerializer,
    "pickle": PickleSerializer,
}
TASKS = {f.__name__: f for f in (add, refuse, fail_softly, wait_for_file, append_line)}


def make_broker(kind: str, server: str) -> AsyncBroker:
    """Make a broker: `core`, `core-without-results` or `pull`, and `+` with a serializer's name."""
    broker: AsyncBroker
    kind, _, name = kind.partition("+")
    serializer = SERIALIZERS[name]() if name else None
    if kind == "pull":
        broker = PullBasedJetStreamBroker(server)
    else:
        broker = NatsBroker(server, queue="taskiq")
    if kind != "core-without-results":
        backend: NATSObjectStoreResultBackend[Any] = NATSObjectStoreResultBackend(
            server, serializer=serializer
        )
        broker = broker.with_result_backend(backend)
    if serializer is not None:
        broker = broker.with_serializer(serializer)
    for name, function in TASKS.items():
        # Named here: TaskIQ renames a function that it has registered before.
        broker.register_task(function, f"{__name__}:{name}")
    return broker


def from_environment() -> AsyncBroker:
    """Make the worker's broker; named on its command line."""
    return make_broker(os.environ["FOREIGN_KIND"], os.environ["FOREIGN_SERVER"])


class ForeignWorker:
    """`taskiq worker`, with one process below it."""

    def __init__(self, kind: str, server: str, log: Path) -> None:
        command = ["-m", "taskiq", "worker", f"{__name__}:from_environment", "--workers", "1"]
        self._log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                env={**os.environ, "FOREIGN_KIND": kind, "FOREIGN_SERVER": server},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=ROOT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def running(self) -> bool:
        """Whether the worker runs; raises AssertionError with its log if it has ended."""
        if self._process.poll() is not None:
            raise AssertionError(f"the foreign worker ended:\n{self.log}")
        return True

    def kill(self) -> None:
        """End it with the process below it: an idle one may not hear SIGTERM for long."""
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
