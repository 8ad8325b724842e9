"""The real window under load: the very application, offscreen, with its Tasks page visible.

A precise timer of 5 ms runs in the window's loop. The time between two of its calls is how long
the window could not have answered a key.
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
from load import Load, Receipt
from nats.js.api import StorageType, StreamConfig
from publisher import Counter
from PySide6.QtCore import Qt, QTimer

from pulse_desktop.app import Desktop
from pulse_desktop.event_loop import run_with_qt
from pulse_desktop.protocol.topics import EVENT_STREAM, EVENT_STREAM_SUBJECT

RING: Final = 100_000
_TICK_MS: Final = 5
_WARM_UP_S: Final = 0.5
_CONNECT_S: Final = 20.0


class Pulse:
    """A 5 ms timer in the window's loop.

    Attributes:
        gaps: seconds between each two calls, of the present measurement.
        work: seconds of processor time that this process used between each two calls: what the
            gaps would be on a machine where nobody else wants the processor.
    """

    def __init__(self, counter: Counter, desktop: Desktop) -> None:
        self._counter = counter
        self._desktop = desktop
        self._topics = desktop.state.topics
        self._base = 0
        self._last = 0.0
        self._last_cpu = 0.0
        self._from = 0.0
        self.receipt: Receipt | None = None
        self.gaps: list[float] = []
        self.work: list[float] = []
        self._timer = QTimer(timerType=Qt.TimerType.PreciseTimer)
        self._timer.setObjectName("pulse")
        self._timer.timeout.connect(self._beat)
        self._timer.start(_TICK_MS)

    def begin(self) -> Receipt:
        """Begin to measure."""
        self._base = self._topics.received
        self._counter.value = 0
        self.receipt = Receipt(lambda: self._topics.received)
        self._from = time.perf_counter() + _WARM_UP_S
        self._last = 0.0
        self.gaps = []
        self.work = []
        return self.receipt

    def stop(self) -> None:
        """End it for good."""
        self._timer.stop()

    def _beat(self) -> None:
        now, used = time.perf_counter(), time.process_time()
        if self.receipt is not None:
            self._counter.value = self.receipt.look()
            if self._last and now >= self._from:
                self.gaps.append(now - self._last)
                self.work.append(used - self._last_cpu)
        self._last, self._last_cpu = now, used


async def measure(arguments: argparse.Namespace) -> int:
    """Fill the window, load it at every rate asked for, and print a line of JSON for each."""
    counter = Counter(arguments.counter)
    load = Load(arguments.server, arguments.counter, headers=not arguments.no_headers)
    desktop = Desktop(arguments.server, arguments.monitor)
    pulse = Pulse(counter, desktop)
    desktop.window.show()
    desktop.start()
    desktop.window.show_page("tasks")
    try:
        monitor = await desktop.watched_within(_CONNECT_S)
        if arguments.history:
            await monitor.connection.js.add_stream(
                StreamConfig(
                    name=EVENT_STREAM,
                    subjects=[EVENT_STREAM_SUBJECT],
                    max_bytes=256 << 20,
                    storage=StorageType.FILE,
                )
            )
        await _follow(desktop, "history" if arguments.history else "live")
        await _fill(desktop, pulse, load, arguments.ring)
        for rate in arguments.rates:
            _tell(await _load(desktop, pulse, load, rate, arguments.seconds))
    finally:
        pulse.stop()
        await desktop.close()
    return 0


async def _follow(desktop: Desktop, mode: str) -> None:
    """Wait until events come the way that is to be measured."""
    deadline = time.monotonic() + _CONNECT_S
    while desktop.monitor is None or desktop.monitor.event_feed.status.mode != mode:
        if time.monotonic() > deadline:
            raise TimeoutError(f"events do not come {mode}")
        await asyncio.sleep(0.05)


async def _fill(desktop: Desktop, pulse: Pulse, load: Load, ring: int) -> None:
    """Let so many events come that every collection drops its oldest with each new one."""
    while (missing := ring - len(desktop.state.log)) > 0:
        receipt = pulse.begin()
        report = await load.publish(count=missing + 1000, seconds=60)
        await receipt.settle(report["sent"])
    gc.collect()


async def _load(
    desktop: Desktop, pulse: Pulse, load: Load, rate: float, seconds: float
) -> dict[str, Any]:
    """Load the window at a rate, 0 for as much as it takes, and return the figures."""
    monitor = desktop.monitor
    if monitor is None:
        raise RuntimeError("there is no connection")
    dropped = monitor.dropped
    receipt = pulse.begin()
    if rate:
        report = await load.publish(rate=rate, seconds=seconds)
    else:
        report = await load.publish(seconds=seconds)
    gaps, work = sorted(pulse.gaps) or [0.0], sorted(pulse.work) or [0.0]
    await receipt.settle(report["sent"])
    return {
        "rate": rate,
        "sent": report["sent"],
        "received": receipt.received,
        "lost": report["sent"] - receipt.received,
        "dropped": monitor.dropped - dropped,
        "per_second": receipt.per_second,
        "cpu": receipt.cpu,
        "gap_p50_ms": gaps[len(gaps) // 2] * 1e3,
        "gap_p99_ms": gaps[int(len(gaps) * 0.99)] * 1e3,
        "gap_max_ms": gaps[-1] * 1e3,
        "work_p99_ms": work[int(len(work) * 0.99)] * 1e3,
        "work_max_ms": work[-1] * 1e3,
        "rss_mib": psutil.Process().memory_info().rss / (1 << 20),
        "rows": len(desktop.state.log),
    }


def _tell(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Measure once at every rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("monitor")
    parser.add_argument("counter", type=Path)
    parser.add_argument("--rates", type=float, nargs="+", default=[1_000, 10_000, 40_000, 0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--ring", type=int, default=RING)
    parser.add_argument("--history", action="store_true", help="read a stream")
    parser.add_argument("--no-headers", action="store_true")
    arguments = parser.parse_args()
    return run_with_qt(lambda: measure(arguments))


if __name__ == "__main__":
    sys.exit(main())
