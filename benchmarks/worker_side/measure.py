"""Measure workers once: a backlog, then tasks at a steady rate.

The workers run some tasks first, so that their start is not measured. The backlog is stored about a
hundred times as fast as it is processed. It is finished when every task is acknowledged and, with
Pulse workers, every event is stored. A worker stores the result before it acknowledges the task;
missing results are counted at the end. Prints the figures as one line of JSON.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import nats
import psutil
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from pulse_workers.brokers.factory import make_broker
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision
from pulse_workers.telemetry.event_publisher import EventPublisher
from taskiq.kicker import AsyncKicker

from benchmarks.worker_side.bare_worker import make_bare_broker
from benchmarks.worker_side.worker_tasks import KINDS, START_TIMES_ENV, StartTimes
from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)

BARE: Final = "bare"
PULSE: Final = "pulse"
_TASKS_MODULE: Final = "benchmarks.worker_side.worker_tasks"
_WARM_UP: Final = 50
_SETTLE_S: Final = 2.5
"""Pause between warm-up and measurement: during its first two seconds a Pulse worker checks for
each task whether a result was stored before the server restarted."""
_TIMEOUT_S: Final = 120.0
_POLL_S: Final = 0.02
_EVENTS_PER_TASK: Final = 2
"""`task.started` and `task.succeeded`; backlog tasks have no `task.queued` event."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is measured: the workers, their tasks, the backlog and the steady rate.

    Attributes:
        workers: `bare` or `pulse`.
        kind: kind of task, as in `KINDS`.
        processes: number of worker processes.
        slots: concurrent tasks per process.
        batch: tasks that a bare worker fetches per pull request.
        tasks: size of the backlog.
        rate: tasks per second at the steady rate.
        seconds: duration of the steady rate.
    """

    workers: str
    kind: str
    processes: int
    slots: int
    batch: int
    tasks: int
    rate: float
    seconds: float

    @property
    def steady_tasks(self) -> int:
        """Number of tasks enqueued at the steady rate."""
        return int(self.rate * self.seconds)


class Measurement:
    """Measures one scenario on a server with running workers."""

    def __init__(
        self, scenario: Scenario, server: str, client: Client, start_times: StartTimes
    ) -> None:
        self._scenario = scenario
        self._server = server
        self._client = client
        self._js = client.jetstream()
        self._start_times = start_times
        self._task_name = f"{_TASKS_MODULE}:{KINDS[scenario.kind]}"

    async def run(self, workers: list[psutil.Process]) -> dict[str, Any]:
        """Process the backlog, then the steady rate, and return the figures.

        Raises:
            TimeoutError: the tasks were not finished in time.
        """
        scenario = self._scenario
        await _wait_until(self._workers_ready)
        await self._store_backlog(_WARM_UP, first=0)
        await _wait_until(lambda: self._is_done(_WARM_UP))
        await asyncio.sleep(_SETTLE_S)
        cpu = _cpu_seconds(workers)
        begin = time.perf_counter()
        await self._store_backlog(scenario.tasks, first=_WARM_UP)
        done = _WARM_UP + scenario.tasks
        await _wait_until(lambda: self._is_done(done))
        took = time.perf_counter() - begin
        cpu = _cpu_seconds(workers) - cpu
        waits = await self._measure_queue_waits(first=done)
        steady = scenario.steady_tasks
        await _wait_until(lambda: self._is_done(done + steady, enqueued=steady))
        return {
            **dataclasses.asdict(scenario),
            "per_second": scenario.tasks / took,
            "cpu_ms_per_task": 1e3 * cpu / scenario.tasks,
            "wait_p50_ms": 1e3 * quantiles(waits, n=100)[49],
            "wait_p99_ms": 1e3 * quantiles(waits, n=100)[98],
            "stored": await self._count_results(),
            "expected": done + steady,
        }

    async def _workers_ready(self) -> bool:
        try:
            info = await self._js.consumer_info(TASK_STREAM, TASK_CONSUMER)
        except NotFoundError:
            return False
        return (info.num_waiting or 0) >= self._scenario.processes

    async def _store_backlog(self, count: int, first: int) -> None:
        """Store tasks in the stream in bursts that the server accepts without flow control."""
        stored = (await self._js.stream_info(TASK_STREAM)).state.messages
        for start in range(0, count, 500):
            part = range(start, min(start + 500, count))
            for number in part:
                payload, _ = encode_task(
                    new_task_id(), self._task_name, args=str([first + number]).encode()
                )
                await self._client.publish(TASK_SUBJECT, payload)
            stored += len(part)
            await _wait_until(lambda wanted=stored: self._is_stored(wanted))  # type: ignore[misc]

    async def _is_stored(self, count: int) -> bool:
        return (await self._js.stream_info(TASK_STREAM)).state.messages >= count

    async def _is_done(self, tasks: int, enqueued: int = 0) -> bool:
        """Return whether the first tasks are acknowledged and all their events stored.

        Args:
            tasks: number of tasks; a worker stores the result before it acknowledges the task.
            enqueued: number of `task.queued` events among those expected.
        """
        info = await self._js.consumer_info(TASK_STREAM, TASK_CONSUMER)
        if info.num_pending or info.num_ack_pending or info.delivered is None:
            return False
        if info.delivered.stream_seq < tasks:
            return False
        if self._scenario.workers == PULSE:
            state = (
                await self._js.stream_info(EVENT_STREAM, subjects_filter="websocket.tasks")
            ).state
            events = (state.subjects or {}).get("websocket.tasks", 0)
            return events >= _EVENTS_PER_TASK * tasks + enqueued
        return True

    async def _measure_queue_waits(self, first: int) -> list[float]:
        """Enqueue at the steady rate and return the queue wait of each task, in seconds."""
        kicked: list[float] = []
        async with self._sender() as kick:
            begin = time.perf_counter()
            for number in range(self._scenario.steady_tasks):
                due = begin + number / self._scenario.rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                kicked.append(time.time())
                await kick(first + number)
        last = first + self._scenario.steady_tasks - 1
        await _wait_until(lambda: bool(self._start_times.read(last)))
        return [self._start_times.read(first + n) - at for n, at in enumerate(kicked)]

    @contextlib.asynccontextmanager
    async def _sender(self) -> AsyncIterator[Callable[[int], Awaitable[Any]]]:
        """Yield a function that enqueues a task the way a program that uses these workers does."""
        events: EventPublisher | None = None
        if self._scenario.workers == PULSE:
            settings = Settings(server=self._server)
            events = EventPublisher(settings, "benchmark")
            await events.start()
            broker: Any = make_broker(settings, events, "benchmark")
        else:
            broker = make_bare_broker(self._server)
        await broker.startup()
        try:
            yield lambda number: AsyncKicker[[int], Any](self._task_name, broker, {}).kiq(number)
        finally:
            if events is not None:
                await events.close()
            await broker.shutdown()

    async def _count_results(self) -> int:
        """Return the number of stored results."""
        pattern = f"$O.{RESULT_BUCKET}.M.>"
        info = await self._js.stream_info(f"OBJ_{RESULT_BUCKET}", subjects_filter=pattern)
        return len(info.state.subjects or {})


async def _wait_until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(_POLL_S)


def _cpu_seconds(workers: list[psutil.Process]) -> float:
    """Return the CPU seconds used by the workers."""
    seconds: float = sum(
        times.user + times.system for times in (each.cpu_times() for each in workers)
    )
    return seconds


def _command(scenario: Scenario, server: str, number: int) -> list[str]:
    if scenario.workers == BARE:
        command = [
            sys.executable,
            "-m",
            "benchmarks.worker_side.bare_worker",
            server,
            "--batch",
            str(scenario.batch),
        ]
    else:
        command = [sys.executable, "-m", "pulse_workers", "run", "--server", server]
        command += ["--name", f"worker-{number}", "--log-level", "WARNING"]
    return [*command, "--slots", str(scenario.slots)]


@contextlib.contextmanager
def _running_workers(scenario: Scenario, server: str, start_times: Path) -> Any:
    environment = {
        **os.environ,
        START_TIMES_ENV: str(start_times),
        "PULSE_WORKER_TASKS": _TASKS_MODULE,
    }
    processes = [
        subprocess.Popen(_command(scenario, server, number), env=environment)
        for number in range(1, scenario.processes + 1)
    ]
    try:
        yield [psutil.Process(process.pid) for process in processes]
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _measure(scenario: Scenario, server: str) -> dict[str, Any]:
    client = await nats.connect(server)
    try:
        if scenario.workers == PULSE:
            await provision(client.jetstream(), Settings(server=server))
        with tempfile.TemporaryDirectory(prefix="pulse-bench-") as folder:
            path = Path(folder) / "start-times"
            count = _WARM_UP + scenario.tasks + scenario.steady_tasks
            start_times = StartTimes.create(path, count)
            with _running_workers(scenario, server, path) as workers:
                measurement = Measurement(scenario, server, client, start_times)
                return await measurement.run(workers)
    finally:
        await client.close()


def main() -> int:
    """Measure one scenario and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("--workers", choices=(BARE, PULSE), required=True)
    parser.add_argument("--kind", choices=tuple(KINDS), required=True, help="kind of task")
    parser.add_argument("--processes", type=int, default=1, help="worker processes")
    parser.add_argument("--slots", type=int, default=8, help="concurrent tasks per process")
    parser.add_argument("--batch", type=int, default=1, help="pull_consume_batch of bare workers")
    parser.add_argument("--tasks", type=int, default=1_000, help="size of the backlog")
    parser.add_argument(
        "--rate", type=float, default=100.0, help="tasks/s while waits are measured"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="duration of the steady rate")
    options = vars(parser.parse_args())
    server = options.pop("server")
    figures = asyncio.run(_measure(Scenario(**options), server))
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
