"""Run real schedulers on a real server and record the tasks they send."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pulse_workers.config.settings import Settings
from pulse_workers.schedules.entry import ScheduleEntry
from pulse_workers.schedules.source import JsonScheduleSource
from taskiq import ScheduledTask

from pulse_desktop.protocol.topics import TASK_STREAM
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, Worker, WorkerHarness, open_harness

WORK = f"{TASKS}:work"
BUCKET = "taskiq_schedules"


def now() -> datetime:
    return datetime.now(UTC)


def after(seconds: float) -> datetime:
    return now() + timedelta(seconds=seconds)


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


def cron_clock(seconds: float) -> timedelta:
    """Return an offset with which a minute of a cron expression starts in so many seconds."""
    return timedelta(seconds=60 - (after(seconds).timestamp() % 60))


class Schedules:
    """Workers with a schedule source, and the tasks that reached the queue."""

    def __init__(self, harness: WorkerHarness, source: JsonScheduleSource) -> None:
        self.harness = harness
        self.source = source
        self.sent: list[dict[str, Any]] = []

    async def add(self, schedule_id: str, name: str = WORK, **more: Any) -> ScheduledTask:
        fields = {"labels": {}, "args": ["/dev/null"], "kwargs": {}, **more}
        schedule = ScheduledTask(schedule_id=schedule_id, task_name=name, **fields)
        await self.source.add_schedule(schedule)
        return schedule

    async def put(self, schedule_id: str, body: bytes) -> int:
        ack = await self.harness.js.publish(f"$KV.{BUCKET}.schedule.{schedule_id}", body)
        return ack.seq

    async def scheduler(self, **more: Any) -> Worker:
        worker = self.harness.start("scheduler", **more)
        await self.harness.wait_until_started(worker)
        return worker

    async def read_new_tasks(self) -> None:
        """Read the tasks that were stored since the last call."""
        info = await self.harness.js.stream_info(TASK_STREAM)
        for sequence in range(len(self.sent) + 1, info.state.last_seq + 1):
            message = await self.harness.js.get_msg(TASK_STREAM, sequence)
            body = json.loads(message.data or b"")
            self.sent.append({**body, "headers": message.headers, "stored_at": message.time})

    async def runs(self, schedule_id: str) -> list[dict[str, Any]]:
        """Return the tasks sent for a schedule, in order."""
        await self.read_new_tasks()
        return [task for task in self.sent if task["labels"].get("schedule_id") == schedule_id]

    async def wait_for_run(
        self, schedule_id: str, count: int = 1, timeout_s: float = 10
    ) -> dict[str, Any]:
        """Wait for the given run."""

        async def found() -> list[dict[str, Any]]:
            runs = await self.runs(schedule_id)
            return runs[count - 1 :]

        runs: list[dict[str, Any]] = await wait_until(
            found, timeout_s, f"run {count} of {schedule_id}"
        )
        return runs[0]

    async def wait_until_removed(self, schedule_id: str) -> None:
        async def is_gone() -> bool:
            return (await self.source.bucket.read(schedule_id))[0] is None

        await wait_until(is_gone, message=f"{schedule_id} is removed")

    async def entry(self, schedule_id: str) -> ScheduleEntry:
        found, _ = await self.source.bucket.read(schedule_id)
        assert isinstance(found, ScheduleEntry)
        return found

    def audits(self, action: str, target: str = "") -> list[dict[str, Any]]:
        return [
            event["data"]
            for event in self.harness.events
            if event["type"] == "audit"
            and event["data"]["action"] == action
            and target in ("", event["data"]["target"])
        ]


def delay(task: dict[str, Any]) -> float:
    """Return the seconds between the due time and storage in the queue, by the server's clock."""
    late: timedelta = task["stored_at"] - parse(task["labels"]["scheduled_for"])
    return late.total_seconds()


@asynccontextmanager
async def open_schedules(server: NatsServer, folder: Path) -> AsyncIterator[Schedules]:
    async with open_harness(server, folder) as harness:
        source = JsonScheduleSource(Settings(server=server.url))
        await source.startup()
        try:
            yield Schedules(harness, source)
        finally:
            await source.shutdown()
