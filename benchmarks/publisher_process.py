"""Publisher processes, and the throughput of the receiver that they publish to."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_PUBLISHER: Final = Path(__file__).with_name("publisher.py")
_IDLE_TIMEOUT_S: Final = 10.0


class PublisherProcess:
    """Starts publisher processes for one receiver, one at a time.

    Attributes:
        headers: whether messages carry the headers that workers send.
    """

    def __init__(self, server: str, counter: Path, *, headers: bool) -> None:
        """Store the options of every publisher process.

        Args:
            server: address to publish to.
            counter: file of the `SharedCounter` that the receiver updates.
            headers: whether to send the headers that workers send.
        """
        self._server = server
        self._counter = counter
        self.headers = headers

    async def publish(self, **options: float) -> dict[str, Any]:
        """Run a publisher process to its end and return its report.

        Args:
            options: options of `publisher.py`, such as `rate=1000`.

        Raises:
            RuntimeError: the publisher failed.
        """
        command = [sys.executable, str(_PUBLISHER), self._server, str(self._counter)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        if not self.headers:
            command.append("--no-headers")
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise RuntimeError(f"the publisher failed with {process.returncode}")
        report: dict[str, Any] = json.loads(output)
        return report


class Throughput:
    """Events received during a measurement, and the CPU time used meanwhile.

    Attributes:
        received: events since the start.
        first_at: `perf_counter` when the first event was counted, 0.0 before.
        last_at: `perf_counter` when the latest was counted.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        """Start counting.

        Args:
            count: returns the total number of events received by this process.
        """
        self._count = count
        self._begin = count()
        self.received = 0
        self.first_at = 0.0
        self.last_at = 0.0
        self._cpu = time.process_time()
        self._cpu_at_last = self._cpu

    def update(self) -> int:
        """Count and return the events received so far. Call it every few milliseconds."""
        received = self._count() - self._begin
        if received != self.received:
            now = time.perf_counter()
            if not self.received:
                self.first_at = now
                self._cpu = time.process_time()
            self.received, self.last_at = received, now
            self._cpu_at_last = time.process_time()
        return received

    async def wait_until_received(self, sent: int) -> None:
        """Wait until all sent events were received, or until none arrived for 10 s."""
        begin = time.perf_counter()
        while self.update() < sent and (  # noqa: ASYNC110
            time.perf_counter() < max(begin, self.last_at) + _IDLE_TIMEOUT_S
        ):
            await asyncio.sleep(0.02)

    @property
    def seconds(self) -> float:
        """Seconds from the first event to the last."""
        return max(self.last_at - self.first_at, 1e-9)

    @property
    def per_second(self) -> float:
        """Events per second between the first and the last event."""
        return self.received / self.seconds

    @property
    def cpu(self) -> float:
        """Share of one CPU that this process used between the first and the last event."""
        return (self._cpu_at_last - self._cpu) / self.seconds
