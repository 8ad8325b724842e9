"""Tasks for tests, loaded by workers through PULSE_WORKER_TASKS."""

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pulse_workers.chat.services import current_services
from pulse_workers.execution.interrupt import stop_requested
from pulse_workers.registry import task
from taskiq import Context, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker

logger = logging.getLogger("tests.tasks")


def append_line(path: str, line: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def line_count(path: str) -> int:
    return len(Path(path).read_text(encoding="utf-8").split())


@task()
async def work(path: str, seconds: float = 0.0) -> str:
    append_line(path, "begin")
    await asyncio.sleep(seconds)
    append_line(path, "end")
    return "done"


@task()
def work_in_a_thread(path: str, seconds: float = 0.0) -> str:
    append_line(path, "begin")
    time.sleep(seconds)
    append_line(path, "end")
    return "done"


@task(max_attempts=3, retry_delay=0.5, retry_backoff=1)
async def fail_twice(path: str) -> str:
    append_line(path, f"{time.time()}")
    if line_count(path) < 3:
        raise ConnectionError("not yet: nats://user:secret@host:4222")
    return "at last"


@task(max_attempts=2, retry_delay=0.1)
def log_in_two_attempts(path: str) -> str:
    append_line(path, "attempt")
    logger.warning("attempt with token=%s", "hunter2hunter2")
    if line_count(path) < 2:
        raise ConnectionError("not yet")
    return "at last"


@task(max_attempts=2, retry_delay=0.1)
async def fail_with_credentials() -> None:
    cause = OSError(7, "postgres://user:secret@host/tasks")
    raise ConnectionError("olena@example.com", {"at": ["nats://secret@host"]}) from cause


def _refusal() -> str:
    """Return the text of an error with the secrets that a worker was configured with."""
    token = Path(os.environ["PULSE_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
    return f"401 for olena@example.com: {os.environ['PULSE_MODEL_KEY']}, {token!r}"


@task(max_attempts=2, retry_delay=0.1)
async def fail_with_secrets() -> None:
    logger.error("%s", _refusal())
    raise PermissionError(_refusal())


@task()
async def report_a_failure_with_secrets() -> dict[str, Any]:
    return {"status": "error", "message": _refusal(), "details": [_refusal()]}


class RefusedError(Exception):
    """A text was refused."""


def _translated(number: int, language: str) -> str:
    if language == "pl":
        raise RefusedError(f"text {number} of chat 'c{number}' was refused")
    return f"{number}"


@task()
async def translate(number: int, language: str) -> str:
    return _translated(number, language)


@task()
async def report_a_rate_limit(seconds: int) -> dict[str, Any]:
    return {"status": "error", "error": "rate_limited", "message": f"wait {seconds} s"}


@task(max_attempts=3, retry_delay=0.1, retry_on="TimeoutError,ConnectionError")
async def fail_without_retry() -> None:
    raise ValueError("invalid argument")


@task()
def fail_in_a_thread() -> None:
    raise ValueError("wrong in a thread")


@task()
async def return_unserializable() -> Any:
    return object()


@task()
async def return_text(length: int) -> str:
    return "x" * length


@task()
async def read_progress(
    task_id: str, context: Annotated[Context, TaskiqDepends()]
) -> dict[str, Any] | None:
    progress = await context.broker.result_backend.get_progress(task_id)
    return None if progress is None else progress.meta


@task()
async def return_bytes() -> Any:
    return b"\xff\xfe"


@task()
async def exit_process(path: str) -> None:
    append_line(path, "begin")
    os._exit(9)


@task()
async def report_progress(progress: Annotated[ProgressTracker[Any], TaskiqDepends()]) -> str:
    for done in range(3):
        await progress.set_progress("STARTED", {"done": done, "total": 3, "message": "counting"})
    return "counted"


@task()
async def report_progress_often(
    count: int, pause: float, progress: Annotated[ProgressTracker[Any], TaskiqDepends()]
) -> int:
    for done in range(count + 1):
        await progress.set_progress(
            "STARTED", {"done": done, "total": count, "message": "counting"}
        )
        latest = await progress.get_progress() if done == count else None
        await asyncio.sleep(pause)
    assert latest is not None
    assert latest.meta is not None
    return int(latest.meta["done"])


@task()
async def cancel_itself(context: Annotated[Context, TaskiqDepends()]) -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(10)


@task(max_attempts=3, retry_delay=0.05)
def work_until_stop_requested(path: str, timeout_s: float = 20.0) -> str:
    append_line(path, "begin")
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if stop_requested():
            append_line(path, "stopped")
            return "stopped half way"
        time.sleep(0.01)
    return "done"


@task()
def wait_for_a_file(path: str, gate: str, timeout_s: float = 20.0) -> str:
    append_line(path, "begin")
    deadline = time.monotonic() + timeout_s
    while not Path(gate).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    append_line(path, "end")
    return "done"


@task(max_attempts=3, retry_delay=0.05)
async def fail_when_cancelled(path: str) -> str:
    append_line(path, "begin")
    try:
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        raise ConnectionError("lost while cleaning up") from None
    return "done"


@task(max_attempts=5, retry_delay=30)
async def fail_with_long_delay(path: str) -> str:
    append_line(path, "begin")
    raise ConnectionError("try again much later")


@task()
async def enqueue_another(path: str, seconds: float) -> str:
    await asyncio.sleep(seconds)
    await work.kiq(path)
    return "enqueued"


@task()
async def query_server(path: str, seconds: float) -> str:
    append_line(path, "begin")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await current_services().store.state.get("nothing")
    append_line(path, "end")
    return "done"


@task()
async def block_event_loop(path: str, seconds: float) -> str:
    append_line(path, "begin")
    time.sleep(seconds)  # noqa: ASYNC251 - blocks the loop on purpose
    append_line(path, "end")
    return "done"


class Item(pydantic.BaseModel):
    sku: str
    amount: int


class Order(pydantic.BaseModel):
    id: str
    items: list[Item]


@task(max_attempts=3, retry_delay=0.1)
async def charge(order: Order, notes: list[str] | None = None) -> int:
    assert notes is None or isinstance(notes, list)
    return sum(item.amount for item in order.items)


@task(timeout=0.2, max_attempts=2, retry_delay=0.1, retry_on="TimeoutError", team="ops")
async def work_within_a_limit(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"
