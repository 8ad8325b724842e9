"""Tasks of the worker benchmark, run by Pulse workers and by bare taskiq-nats.

Each task records its start time in a file shared with the benchmark, one slot per task number.
"""

import asyncio
import hashlib
import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

from pulse_workers.registry import task

START_TIMES_ENV: Final = "PULSE_BENCH_START_TIMES"
"""Environment variable with the path of the shared file."""

KINDS: Final = {
    "no-op": "no_op",
    "10 ms of waiting": "wait_10_ms",
    "1 ms of computing": "compute",
}
"""Label in the table, and name of the function."""

_ROUNDS: Final = 1_400
"""Hash rounds that take about a millisecond."""


class StartTimes:
    """Start times by task number, in Unix seconds; 0 means not started."""

    def __init__(self, path: Path) -> None:
        """Open the file; its size determines the number of slots."""
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    @staticmethod
    def create(path: Path, slots: int) -> "StartTimes":
        """Create the file with a number of slots."""
        path.write_bytes(bytes(8 * slots))
        return StartTimes(path)

    def record(self, number: int) -> None:
        """Record that a task starts now, unless it was recorded before."""
        if not self.read(number):
            struct.pack_into("<d", self._map, 8 * number, time.time())

    def read(self, number: int) -> float:
        """Return the start time of a task."""
        started: float = struct.unpack_from("<d", self._map, 8 * number)[0]
        return started


_start_times = (
    StartTimes(Path(os.environ[START_TIMES_ENV])) if START_TIMES_ENV in os.environ else None
)


def _record(number: int) -> None:
    if _start_times is not None:
        _start_times.record(number)


@task()
async def no_op(number: int) -> int:
    """Do nothing: measures the overhead of a task."""
    _record(number)
    return number


@task()
async def wait_10_ms(number: int) -> int:
    """Wait 10 ms, as for a database or a model."""
    _record(number)
    await asyncio.sleep(0.01)
    return number


@task()
def compute(number: int) -> str:
    """Compute for about a millisecond in a thread."""
    _record(number)
    digest = b""
    for _ in range(_ROUNDS):
        digest = hashlib.blake2b(digest).digest()
    return digest.hex()
