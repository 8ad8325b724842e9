"""Measure what it costs to watch: processor time of the window while tasks run, and while idle.

Run by `make bench-watching`; docs/performance.md quotes the output. Each round starts a real
nats-server, a worker, a bare subscriber and the window, all in processes of their own. Tasks are
enqueued at a steady rate, then nothing happens. The window is shown with the Tasks page, with the
Overview, minimized, and hidden; its processor time is given beside that of the worker. The exit
code is 1 when a target is missed.

Only processor time counts, so the figures hardly depend on how busy the machine is.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

import nats
import psutil
from pulse_workers.brokers.factory import make_broker
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision
from pulse_workers.telemetry.event_publisher import EventPublisher
from taskiq.kicker import AsyncKicker

from benchmarks.server import Server
from benchmarks.worker_side.bare_worker import make_bare_broker

BARE: Final = "bare"
PULSE: Final = "pulse"
BUSY: Final = "busy"
IDLE: Final = "idle"
BUSY_TARGET: Final = 0.20
"""Largest part of a core that a visible window may take at 50 tasks/s."""
IDLE_TARGET: Final = 0.01
RATE: Final = 50.0

VIEWS: Final = {
    "tasks": ("show", "page tasks"),
    "tasks, selected": ("show", "page tasks", "select"),
    "overview": ("show", "page overview"),
    "minimized": ("page tasks", "minimize"),
    "hidden": ("show", "page tasks", "hide"),
    "covered": ("show", "page tasks", "cover"),
}
"""What is seen of the window, and the commands for it."""
RESTING: Final = frozenset({"minimized", "hidden", "covered"})
_TASK: Final = "benchmarks.worker_side.worker_tasks:no_op"
_TASKS_MODULE: Final = "benchmarks.worker_side.worker_tasks"
_SETTLE_S: Final = 2.0
_WARM_UP_S: Final = 5.0
_IDLE_AFTER_S: Final = 4.0
_START_S: Final = 120.0
_WIDTHS: Final = (8, 17, 6, 9, 12, 10, 12, 12, 10)
_TITLES: Final = (
    *("worker", "view", "load", "window", "ms per task", "hottest"),
    *("worker ms", "subscriber", "X server"),
)

Figures = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Processes:
    """The processes whose time is taken."""

    window: subprocess.Popen[str]
    worker: subprocess.Popen[bytes]
    subscriber: subprocess.Popen[bytes]
    x_server: subprocess.Popen[bytes] | None

    def cpu_seconds(self) -> Mapping[str, float]:
        """Return the processor seconds used so far, by name; children of the window included."""
        found = {"worker": self.worker.pid, "subscriber": self.subscriber.pid}
        if self.x_server is not None:
            found["x_server"] = self.x_server.pid
        seconds = {name: _cpu_seconds(psutil.Process(pid)) for name, pid in found.items()}
        window = psutil.Process(self.window.pid)
        everything = [window, *window.children(recursive=True)]
        return {**seconds, "window": sum(map(_cpu_seconds, everything))}

    def command(self, line: str) -> Figures:
        """Give the window a command and return its answer."""
        stdin, stdout = self.window.stdin, self.window.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the window has no pipes")
        stdin.write(line + "\n")
        stdin.flush()
        answer: Figures = json.loads(stdout.readline())
        return answer


def _cpu_seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


class Load:
    """Enqueues tasks at a steady rate, as a program that uses the worker does."""

    def __init__(self, worker: str, server: str) -> None:
        self._worker = worker
        self._server = server
        self.rate = 0.0
        self.sent = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Enqueue at `rate` until the end."""
        events: EventPublisher | None = None
        if self._worker == PULSE:
            settings = Settings(server=self._server)
            events = EventPublisher(settings, "benchmark")
            await events.start()
            broker: Any = make_broker(settings, events, "benchmark")
        else:
            broker = make_bare_broker(self._server)
        await broker.startup()
        sending = asyncio.create_task(self._send(broker))
        try:
            yield
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            if events is not None:
                await events.close()
            await broker.shutdown()

    async def _send(self, broker: Any) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            rate = self.rate
            if not rate:
                await asyncio.sleep(0.05)
                due = loop.time()
                continue
            kicker: AsyncKicker[[int], Any] = AsyncKicker(_TASK, broker, {})
            await kicker.kiq(self.sent)
            self.sent += 1
            due = max(due + 1 / rate, loop.time() - 0.5)
            await asyncio.sleep(max(0.0, due - loop.time()))


async def measure(worker: str, arguments: argparse.Namespace) -> list[Figures]:
    """Measure the window with one kind of worker: every view while busy, then while idle."""
    with Server() as server, tempfile.TemporaryDirectory(prefix="pulse-bench-") as folder:
        client = await nats.connect(server.url)
        if worker == PULSE:
            await provision(client.jetstream(), Settings(server=server.url))
        await client.close()
        load = Load(worker, server.url)
        with _running(worker, server, Path(folder), arguments) as processes:
            async with load.running():
                load.rate = arguments.rate
                await _wait_for_runs(processes)
                await asyncio.sleep(_WARM_UP_S)
                busy = [
                    await _measure_view(view, BUSY, load, processes, arguments.seconds)
                    for view in arguments.views
                ]
                load.rate = 0.0
                await asyncio.sleep(_IDLE_AFTER_S)
                idle = [
                    await _measure_view(view, IDLE, load, processes, arguments.idle_seconds)
                    for view in arguments.views
                ]
    return [{"tasks_by": worker, **figures} for figures in (*busy, *idle)]


async def _wait_for_runs(processes: Processes) -> None:
    """Wait until the window shows that tasks end."""
    deadline = asyncio.get_running_loop().time() + _START_S
    while not processes.command("report")["ended"]:
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError("the window shows no run")
        await asyncio.sleep(0.2)


async def _measure_view(
    view: str, load_name: str, load: Load, processes: Processes, seconds: float
) -> Figures:
    for command in VIEWS[view]:
        processes.command(command)
    await asyncio.sleep(_SETTLE_S)
    before, seen, sent = processes.cpu_seconds(), processes.command("report"), load.sent
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    took = asyncio.get_running_loop().time() - began
    after, report = processes.cpu_seconds(), processes.command("report")
    used = {name: after[name] - before[name] for name in after}
    tasks = load.sent - sent
    return {
        "view": view,
        "load": load_name,
        "seconds": took,
        "tasks": tasks,
        "runs": report["runs"] - seen["runs"],
        "exposed": report["exposed"],
        "frames_per_s": (report["frames"] - seen["frames"]) / took,
        "paints_per_s": {
            name: round((count - seen["paints"].get(name, 0)) / took, 2)
            for name, count in report["paints"].items()
            if count != seen["paints"].get(name, 0)
        },
        **{name: value / took for name, value in used.items()},
        **{f"{name}_ms": 1e3 * value / max(1, tasks) for name, value in used.items()},
    }


@contextlib.contextmanager
def _running(
    worker: str, server: Server, folder: Path, arguments: argparse.Namespace
) -> Iterator[Processes]:
    """Run worker, subscriber and window, on an X server of their own if need be."""
    environment = {**os.environ, "PULSE_WORKER_TASKS": _TASKS_MODULE}
    with contextlib.ExitStack() as stack:
        x_server, display = None, {"QT_QPA_PLATFORM": "offscreen"}
        if arguments.platform == "xvfb":
            x_server, number = _start_x_server(stack)
            display = {"QT_QPA_PLATFORM": "xcb", "DISPLAY": number}
            if (manager := shutil.which("openbox")) is not None:
                _start(stack, [manager], {**os.environ, "DISPLAY": number})
        command = [sys.executable, "-m", "benchmarks.worker_side.bare_worker", server.url]
        if worker == PULSE:
            command = [sys.executable, "-m", "pulse_workers", "run", "--server", server.url]
            command += ["--name", "worker-1", "--log-level", "WARNING"]
        working = _start(stack, command, environment)
        subscriber = _start(
            stack, [sys.executable, "-m", "benchmarks.watching_subscriber", server.url], environment
        )
        home = {"PULSE_CONFIG_DIR": str(folder), "PULSE_DATA_DIR": str(folder)}
        command = [sys.executable, "-m", "benchmarks.watched_window"]
        command += [server.url, server.monitoring_url]
        command += ["--count-paints"] if arguments.count_paints else []
        window = subprocess.Popen(
            command,
            env={**os.environ, **display, **home},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(_stop, window)
        yield Processes(window, working, subscriber, x_server)


def _start(
    stack: contextlib.ExitStack, command: list[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, env=environment)
    stack.callback(_stop, process)
    return process


def _start_x_server(stack: contextlib.ExitStack) -> tuple[subprocess.Popen[bytes], str]:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24"]
    process = subprocess.Popen(
        [*command, "-nolisten", "tcp"], pass_fds=[writing], stderr=subprocess.DEVNULL
    )
    stack.callback(_stop, process)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return process, f":{pipe.readline().strip()}"


def _stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def table(figures: list[Figures]) -> str:
    """Return the medians over the rounds as a table."""
    lines = [_line(_TITLES)]
    for key in dict.fromkeys(_key(each) for each in figures):
        rounds = [each for each in figures if _key(each) == key]
        worker, view, load = key
        busy = load == BUSY

        def per_task(name: str, rounds: list[Figures] = rounds, *, busy: bool = busy) -> str:
            return f"{median(each[name] for each in rounds):.2f}" if busy else ""

        cells = [worker, view, load, f"{median(each['window'] for each in rounds):.1%}"]
        cells += [per_task("window_ms"), f"{max(each['window'] for each in rounds):.1%}"]
        cells += [per_task("worker_ms"), per_task("subscriber_ms")]
        x_server = [each["x_server"] for each in rounds if "x_server" in each]
        cells.append(f"{median(x_server):.1%}" if x_server else "")
        lines.append(_line(cells))
    return "\n".join(lines)


def _key(figures: Figures) -> tuple[str, str, str]:
    return figures["tasks_by"], figures["view"], figures["load"]


def _line(cells: Any) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    shown = [f"{first[0]:{first[1]}}"]
    for number, (cell, width) in enumerate(rest):
        shown.append(f"{cell:<{width}}" if number < 2 else f"{cell:>{width}}")
    return " ".join(shown).rstrip()


def targets(figures: list[Figures]) -> list[tuple[bool, str]]:
    """Return each target as (met, description): the medians of each view."""
    results = []
    for key in dict.fromkeys(_key(each) for each in figures):
        worker, view, load = key
        used = median(each["window"] for each in figures if _key(each) == key)
        target = BUSY_TARGET if load == BUSY else IDLE_TARGET
        what = f"{view}, {load}, {worker} worker: {used:.1%} of a core; at most {target:.0%}"
        results.append((used <= target, what))
    return results


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of each busy view")
    parser.add_argument("--idle-seconds", type=float, default=15.0, help="of each idle view")
    parser.add_argument("--rounds", type=int, default=3, help="the table shows medians")
    parser.add_argument("--rate", type=float, default=RATE, help="tasks/s")
    parser.add_argument("--workers", nargs="+", choices=(PULSE, BARE), default=[PULSE, BARE])
    parser.add_argument("--views", nargs="+", choices=tuple(VIEWS), default=list(VIEWS))
    parser.add_argument(
        "--platform", choices=("offscreen", "xvfb"), default="xvfb", help="where it is painted"
    )
    parser.add_argument("--count-paints", action="store_true", help="costs the window time")
    parser.add_argument("--json", type=Path, help="write all figures of all rounds to this file")
    arguments = parser.parse_args()
    figures: list[Figures] = []
    for number in range(arguments.rounds):
        for worker in arguments.workers:
            print(f"round {number + 1}: {worker} worker …", file=sys.stderr, flush=True)
            figures += asyncio.run(measure(worker, arguments))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    load_average = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors{load_average}")
    print(
        f"Medians of {arguments.rounds} rounds at {arguments.rate:g} tasks/s, "
        f"{arguments.platform}; processor time, ms per task\n"
    )
    print(table(figures))
    print()
    results = targets(figures)
    print("\n".join(f"{'met   ' if met else 'MISSED'}  {what}" for met, what in results))
    return 0 if all(met for met, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
