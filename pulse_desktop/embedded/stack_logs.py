"""The logs of the embedded stack for whoever wants to read along, off the event loop."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pulse_desktop.embedded.paths import DataFolder
from pulse_desktop.embedded.stack_state import read_state

FIRST_BYTES: Final = 256 << 10
"""How much of a log's end is read at first."""

MAX_BYTES: Final = 1 << 20
"""How much is read at once; the rest comes with the next look."""

_GUARDIAN: Final = "guardian"
_LAST_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class LogCursor:
    """Up to where a log was read.

    Attributes:
        file: the system's number of the file, which stays when the log moves to another name.
        offset: bytes.
        last: what stands before the offset: the number of a removed file is given to a new one.
    """

    file: int
    offset: int
    last: bytes = b""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """What has come since the last look.

    Attributes:
        lines: whole lines.
        place: where to go on, None when there is nothing to go on from.
        cut: whether earlier lines were left out, at the first look or because they are gone.
        problem: why the log cannot be read, empty when it can.
    """

    lines: tuple[str, ...] = ()
    place: LogCursor | None = None
    cut: bool = False
    problem: str = ""


class StackLogs:
    """The logs of the processes of one embedded stack. Secrets were left out as they were written.

    Attributes:
        folder: the data folder.
    """

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self.folder = folder.root

    async def names(self) -> Sequence[str]:
        """Return the processes that have a log: the server first, then workers, then the rest."""
        return await asyncio.to_thread(self._names)

    async def read(self, name: str, after: LogCursor | None = None) -> LogChunk:
        """Return the lines of a process's log since a place, or the last of them."""
        return await asyncio.to_thread(read_log, self._folder.log_of(name), after)

    def _names(self) -> list[str]:
        state = read_state(self._folder.state_file)
        names = [process.name for process in state.processes] if state is not None else []
        return [name for name in (*names, _GUARDIAN) if self._folder.log_of(name).exists()]


def read_log(path: Path, after: LogCursor | None = None) -> LogChunk:
    """Return the lines of a log since a place, or the last of them, also when it moved meanwhile.

    Args:
        path: of the current file; the one before it is called the same with `.1` behind.
        after: where the last look ended, None for the first.
    """
    before = path.with_name(f"{path.name}.1")
    try:
        if after is None:
            return _read(path, None)
        if _holds(path, after):
            return _read(path, after)
        if _holds(before, after):
            rest = _read(before, after)
            if rest.lines:
                return rest  # the new file comes with the next look
            return _read_from_the_top(path, cut=False)
        return _read_from_the_top(path, cut=True)
    except OSError as error:
        return LogChunk(place=after, problem=error.strerror or str(error))


def _holds(path: Path, place: LogCursor) -> bool:
    """Tell whether a file is the one that was read up to this place."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != place.file:
                return False
            file.seek(place.offset - len(place.last))
            return file.read(len(place.last)) == place.last
    except FileNotFoundError:
        return False


def _read_from_the_top(path: Path, *, cut: bool) -> LogChunk:
    part = _read(path, LogCursor(path.stat().st_ino, 0))
    return LogChunk(part.lines, part.place, cut)


def _read(path: Path, after: LogCursor | None) -> LogChunk:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        start = max(0, status.st_size - FIRST_BYTES) if after is None else after.offset
        cut = after is None and start > 0
        file.seek(start)
        raw = _whole_lines(file)
    if after is None and start > 0:
        skipped = raw.find(b"\n") + 1
        start, raw = start + skipped, raw[skipped:]
    lines = tuple(line.rstrip("\r") for line in raw.decode(errors="replace").split("\n")[:-1])
    last = raw[-_LAST_BYTES:] or (after.last if after is not None else b"")
    return LogChunk(lines, LogCursor(status.st_ino, start + len(raw), last), cut=cut)


def _whole_lines(file: BinaryIO) -> bytes:
    raw = file.read(MAX_BYTES)
    return raw[: raw.rfind(b"\n") + 1]
