"""A foreign TaskIQ project, generated in a folder and run with `taskiq worker`."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "workers.md"
MODULE = "shop"
STARTED, FINISH = "started", "finish"
"""Files by which the task `wait_in_thread` and a test wait for each other."""

TASKS = """
import asyncio
import logging
import os
import pathlib
import time
from typing import Any

from pulse_workers import stop_requested
from taskiq import SimpleRetryMiddleware, SmartRetryMiddleware, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker, TaskState
from taskiq.serializers import JSONSerializer
from taskiq_nats import NATSObjectStoreResultBackend

logger = logging.getLogger("shop")
shop.with_result_backend(NATSObjectStoreResultBackend(shop.servers, serializer=JSONSerializer()))
shop.add_middlewares(RETRIES)
attempts: dict[str, int] = {}


@shop.task
async def add(one: int, two: int) -> int:
    return one + two


@shop.task
async def pack(parcels: int, progress: ProgressTracker[Any] = TaskiqDepends()) -> None:
    logger.info("packing with password=%s", "hunter2")
    await progress.set_progress(
        TaskState.STARTED, {"done": 1, "total": parcels, "message": "parcels"}
    )
    await asyncio.Event().wait()


@shop.task(retry_on_error=True, max_retries=3)
async def send_again(fail: int) -> str:
    attempts["send_again"] = attempts.get("send_again", 0) + 1
    if attempts["send_again"] <= fail:
        raise ConnectionError("no connection to nats://user:secret@host")
    return "sent"


@shop.task(retry_on_error=True)
async def wait_with_retries() -> None:
    await asyncio.Event().wait()


@shop.task
def wait_in_thread(heeds: bool) -> str:
    logging.getLogger("shop.threads").warning("in a thread")
    pathlib.Path("started").touch()
    while not pathlib.Path("finish").exists():
        if heeds and stop_requested():
            return "stopped"
        time.sleep(0.01)
    return "finished"


@shop.task
def fail_in_a_thread() -> None:
    raise ValueError("negative")
"""

PIPELINES = """

from taskiq_pipelines import Pipeline, PipelineMiddleware

shop.add_middlewares(PipelineMiddleware())


@shop.task
async def list_parcels(count: int) -> list[int]:
    return list(range(count))


@shop.task
async def weigh(parcel: int) -> int:
    return 10 * parcel


@shop.task
async def order(count: int) -> None:
    await add.kiq(count, 1)
    await Pipeline(shop, list_parcels).map(weigh).call_next(sum_up).kiq(count)


@shop.task
async def sum_up(weights: list[int]) -> int:
    return sum(weights)
"""


def example() -> str:
    """Return the example of docs/workers.md, five lines of Python."""
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if "PulseMiddleware" in block)
    assert len(found.splitlines()) == 5
    return str(found)


def generate(
    folder: Path,
    server: str,
    *,
    broker: str = "NatsBroker",
    queue: str = ', queue="taskiq"',
    retries: str = "SmartRetryMiddleware(default_delay=0.01)",
    more: str = "",
) -> None:
    """Write the project: the documented example, and tasks that know Pulse only by it.

    Args:
        folder: of the project.
        server: URL of the NATS server.
        broker: class of the broker.
        queue: its argument for a queue group.
        retries: its middleware for retries.
        more: further code, such as `PIPELINES`.
    """
    code = example().replace("nats://127.0.0.1:4222", server)
    code = code.replace("NatsBroker", broker).replace(', queue="taskiq"', queue)
    assert server in code
    (folder / f"{MODULE}.py").write_text(code + TASKS.replace("RETRIES", retries) + more)


@contextmanager
def taskiq_worker(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run TaskIQ's own worker on the project in a folder; its log is `taskiq.log` there."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PULSE_")}
    command = ("-m", "taskiq", "worker", f"{MODULE}:{MODULE}", "-w", "1", *arguments)
    with (folder / "taskiq.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
