"""Measure the real application while it ingests events, offscreen, with its Tasks page visible.

A precise 5 ms timer runs in the event loop. The gap between two ticks is the time during which the
window could not have reacted to a key.
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from nats.js.api import StorageType, StreamConfig
from PySide6.QtCore import Qt, QTimer

from benchmarks.publisher import SharedCounter
from benchmarks.publisher_process import PublisherProcess, Throughput
from pulse_desktop.app.desktop import Desktop
from pulse_desktop.event_loop import run_with_qt
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.protocol.topics import EVENT_STREAM, EVENT_STREAM_SUBJECT

RETAINED_EVENTS: Final = 100_000
_TICK_MS: Final = 5
_WARM_UP_S: Final = 0.5
_CONNECT_S: Final = 20.0


class LatencyTimer:
    """A 5 ms timer in the event loop.

    Attributes:
        gaps: seconds between consecutive ticks of the current measurement.
        work: CPU seconds of this process between consecutive ticks: what the gaps would be on an
            otherwise idle machine.
    """

    def __init__(self, counter: SharedCounter, desktop: Desktop) -> None:
        self._counter = counter
        self._desktop = desktop
        self._base = 0
        self._last = 0.0
        self._last_cpu = 0.0
        self._from = 0.0
        self.throughput: Throughput | None = None
        self.gaps: list[float] = []
        self.work: list[float] = []
        self._qt_timer = QTimer(timerType=Qt.TimerType.PreciseTimer)
        self._qt_timer.setObjectName("latency")
        self._qt_timer.timeout.connect(self._tick)
        self._qt_timer.start(_TICK_MS)

    @property
    def _received(self) -> int:
        return self._desktop.window.session.state.topics.received

    def begin(self) -> Throughput:
        """Start a measurement."""
        self._base = self._received
        self._counter.value = 0
        self.throughput = Throughput(lambda: self._received)
        self._from = time.perf_counter() + _WARM_UP_S
        self._last = 0.0
        self.gaps = []
        self.work = []
        return self.throughput

    def stop(self) -> None:
        """Stop the timer."""
        self._qt_timer.stop()

    def _tick(self) -> None:
        now, used = time.perf_counter(), time.process_time()
        if self.throughput is not None:
            self._counter.value = self.throughput.update()
            if self._last and now >= self._from:
                self.gaps.append(now - self._last)
                self.work.append(used - self._last_cpu)
        self._last, self._last_cpu = now, used


async def measure(arguments: argparse.Namespace) -> int:
    """Fill the window, measure it at each rate and print a line of JSON for each."""
    counter = SharedCounter(arguments.counter)
    publisher = PublisherProcess(
        arguments.server, arguments.counter, headers=not arguments.no_headers
    )
    desktop = Desktop(server_profile(arguments.server, arguments.monitoring_url))
    timer = LatencyTimer(counter, desktop)
    desktop.window.show()
    desktop.start()
    desktop.window.show_page("tasks")
    try:
        session = await desktop.wait_connected(_CONNECT_S)
        if arguments.history:
            await session.connection.js.add_stream(
                StreamConfig(
                    name=EVENT_STREAM,
                    subjects=[EVENT_STREAM_SUBJECT],
                    max_bytes=256 << 20,
                    storage=StorageType.FILE,
                )
            )
        await _wait_for_mode(desktop, "history" if arguments.history else "live")
        await _fill(desktop, timer, publisher, arguments.retained)
        for rate in arguments.rates:
            _print(await _measure_rate(desktop, timer, publisher, rate, arguments.seconds))
    finally:
        timer.stop()
        await desktop.close()
    return 0


async def _wait_for_mode(desktop: Desktop, mode: str) -> None:
    """Wait until the event feed has the given mode, `live` or `history`."""
    deadline = time.monotonic() + _CONNECT_S
    while desktop.session is None or desktop.session.event_feed.status.mode != mode:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the event feed does not reach the mode {mode!r}")
        await asyncio.sleep(0.05)


async def _fill(
    desktop: Desktop, timer: LatencyTimer, publisher: PublisherProcess, retained: int
) -> None:
    """Publish until every collection is full and evicts a row for each new one."""
    while (missing := retained - len(desktop.window.session.state.log)) > 0:
        throughput = timer.begin()
        report = await publisher.publish(count=missing + 1000, seconds=60)
        await throughput.wait_until_received(report["sent"])
    gc.collect()


async def _measure_rate(
    desktop: Desktop, timer: LatencyTimer, publisher: PublisherProcess, rate: float, seconds: float
) -> dict[str, Any]:
    """Measure the window at a rate (events/s; 0 means its maximum) and return the figures."""
    session = desktop.session
    if session is None:
        raise RuntimeError("there is no connection")
    dropped = session.dropped
    throughput = timer.begin()
    if rate:
        report = await publisher.publish(rate=rate, seconds=seconds)
    else:
        report = await publisher.publish(seconds=seconds)
    gaps, work = sorted(timer.gaps) or [0.0], sorted(timer.work) or [0.0]
    await throughput.wait_until_received(report["sent"])
    return {
        "rate": rate,
        "sent": report["sent"],
        "received": throughput.received,
        "lost": report["sent"] - throughput.received,
        "dropped": session.dropped - dropped,
        "per_second": throughput.per_second,
        "cpu": throughput.cpu,
        "gap_p50_ms": gaps[len(gaps) // 2] * 1e3,
        "gap_p99_ms": gaps[int(len(gaps) * 0.99)] * 1e3,
        "gap_max_ms": gaps[-1] * 1e3,
        "work_p99_ms": work[int(len(work) * 0.99)] * 1e3,
        "work_max_ms": work[-1] * 1e3,
        "rss_mib": psutil.Process().memory_info().rss / (1 << 20),
        "rows": len(desktop.window.session.state.log),
    }


def _print(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Measure the window once at each rate and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("monitoring_url")
    parser.add_argument("counter", type=Path)
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[1_000, 10_000, 40_000, 0], help="events/s"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="duration at each rate")
    parser.add_argument(
        "--retained",
        type=int,
        default=RETAINED_EVENTS,
        help="events retained before the first rate",
    )
    parser.add_argument("--history", action="store_true", help="replay a stream")
    parser.add_argument("--no-headers", action="store_true", help="send no `Nats-Msg-Id` header")
    arguments = parser.parse_args()
    return run_with_qt(lambda: measure(arguments))


if __name__ == "__main__":
    sys.exit(main())
