"""Tasks for benchmarks/workers.py, the same ones for our workers and for bare taskiq-nats.

Each notes when it was started, in a file shared with the benchmark: one place per task number.
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

MARKS: Final = "PULSE_BENCH_MARKS"
"""Environment variable with the path of the shared file."""

KINDS: Final = {
    "no-op": "no_op",
    "10 ms of waiting": "wait_10_ms",
    "1 ms of computing": "compute",
}
"""What is told in the table, and the function."""

_ROUNDS: Final = 1_400
"""Of hashing: about a millisecond."""


class Marks:
    """Start times by task number, in Unix seconds; 0 stands for "not yet"."""

    def __init__(self, path: Path) -> None:
        """Open the file, whose size decides how many places there are."""
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    @staticmethod
    def make(path: Path, places: int) -> "Marks":
        """Make the file."""
        path.write_bytes(bytes(8 * places))
        return Marks(path)

    def note(self, number: int) -> None:
        """Note that a task starts now, unless it did before."""
        if not self.read(number):
            struct.pack_into("<d", self._map, 8 * number, time.time())

    def read(self, number: int) -> float:
        """Return when a task was started."""
        started: float = struct.unpack_from("<d", self._map, 8 * number)[0]
        return started


_marks = Marks(Path(os.environ[MARKS])) if MARKS in os.environ else None


def _note(number: int) -> None:
    if _marks is not None:
        _marks.note(number)


@task()
async def no_op(number: int) -> int:
    """Do nothing: what is left is the price of a task."""
    _note(number)
    return number


@task()
async def wait_10_ms(number: int) -> int:
    """Wait, as for a database or a model."""
    _note(number)
    await asyncio.sleep(0.01)
    return number


@task()
def compute(number: int) -> str:
    """Compute in a thread for about a millisecond."""
    _note(number)
    digest = b""
    for _ in range(_ROUNDS):
        digest = hashlib.blake2b(digest).digest()
    return digest.hex()
