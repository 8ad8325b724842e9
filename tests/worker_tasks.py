"""Tasks that only tests need; a worker imports them by PULSE_WORKER_TASKS."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated, Any

from taskiq import Context, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker

from workers.registry import task


def note(path: str, word: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{word}\n")


def lines(path: str) -> int:
    return len(Path(path).read_text(encoding="utf-8").split())


@task()
async def work(path: str, seconds: float = 0.0) -> str:
    note(path, "begin")
    await asyncio.sleep(seconds)
    note(path, "end")
    return "done"


@task()
def work_in_a_thread(path: str, seconds: float = 0.0) -> str:
    note(path, "begin")
    time.sleep(seconds)
    note(path, "end")
    return "done"


@task(max_attempts=3, retry_delay=0.5, retry_backoff=1)
async def fail_twice(path: str) -> str:
    note(path, f"{time.time()}")
    if lines(path) < 3:
        raise ConnectionError("not yet: nats://user:secret@host:4222")
    return "at last"


@task(max_attempts=3, retry_delay=0.1, retry_on="TimeoutError,ConnectionError")
async def fail_in_a_way_not_worth_a_retry() -> None:
    raise ValueError("wrong for ever")


@task()
async def return_what_has_no_json_form() -> Any:
    return object()


@task()
async def return_bytes() -> Any:
    return b"\xff\xfe"


@task()
async def end_the_process(path: str) -> None:
    note(path, "begin")
    os._exit(9)


@task()
async def report_progress(progress: Annotated[ProgressTracker[Any], TaskiqDepends()]) -> str:
    for done in range(3):
        await progress.set_progress("STARTED", {"done": done, "total": 3, "message": "counting"})
    return "counted"


@task()
async def cancel_yourself(context: Annotated[Context, TaskiqDepends()]) -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(10)
