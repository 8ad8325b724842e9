"""Reader of the logs of the embedded stack. Files are read off the event loop."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.stack_state import read_state
from pulse_desktop.model.process_log import LogChunk, LogCursor
from pulse_desktop.regular_file import open_for_reading

TAIL_BYTES: Final = 256 << 10
"""Bytes of the end of a log that are read at first."""

MAX_CHUNK_BYTES: Final = 1 << 20
"""Most bytes read at once; the next call returns the rest."""

_GUARDIAN: Final = "guardian"
_COMPARED_BYTES: Final = 200


class StackLogs:
    """The logs of the processes of an embedded stack. Secrets were replaced before writing.

    Attributes:
        folder: the data folder.
    """

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self.folder = folder.root

    async def names(self) -> Sequence[str]:
        """Return the processes that have a log: the server, the workers, then the others."""
        return await asyncio.to_thread(self._names)

    async def read(self, name: str, after: LogCursor | None = None) -> LogChunk:
        """Return the lines of a process's log after a cursor, or its last lines."""
        return await asyncio.to_thread(read_log, self._folder.log_of(name), after)

    def _names(self) -> list[str]:
        state = read_state(self._folder.state_file)
        names = [process.name for process in state.processes] if state is not None else []
        return [name for name in (*names, _GUARDIAN) if self._folder.log_of(name).exists()]


def read_log(path: Path, after: LogCursor | None = None) -> LogChunk:
    """Return the lines of a log after a cursor, or its last lines. Follows a rotation.

    Args:
        path: of the current file; the previous one has `.1` appended.
        after: cursor of the previous chunk, None for the first read.
    """
    previous = path.with_name(f"{path.name}.1")
    try:
        if after is None:
            return _read(path, None)
        if _matches(path, after):
            return _read(path, after)
        if _matches(previous, after):
            rest = _read(previous, after)
            if rest.lines:
                return rest  # the next call reads the new file
            return _read_from_start(path, truncated=False)
        return _read_from_start(path, truncated=True)
    except OSError as error:
        return LogChunk(cursor=after, problem=error.strerror or str(error))


def _matches(path: Path, cursor: LogCursor) -> bool:
    """Return whether a file is the one that a cursor belongs to."""
    try:
        with open_for_reading(path) as file:
            if os.fstat(file.fileno()).st_ino != cursor.file:
                return False
            file.seek(cursor.offset - len(cursor.last))
            return file.read(len(cursor.last)) == cursor.last
    except FileNotFoundError:
        return False


def _read_from_start(path: Path, *, truncated: bool) -> LogChunk:
    chunk = _read(path, LogCursor(path.stat().st_ino, 0))
    return LogChunk(chunk.lines, chunk.cursor, truncated)


def _read(path: Path, after: LogCursor | None) -> LogChunk:
    with open_for_reading(path) as file:
        status = os.fstat(file.fileno())
        start = max(0, status.st_size - TAIL_BYTES) if after is None else after.offset
        truncated = after is None and start > 0
        file.seek(start)
        raw = _complete_lines(file)
    if truncated:
        skipped = raw.find(b"\n") + 1
        start, raw = start + skipped, raw[skipped:]
    lines = tuple(line.rstrip("\r") for line in raw.decode(errors="replace").split("\n")[:-1])
    last = raw[-_COMPARED_BYTES:] or (after.last if after is not None else b"")
    cursor = LogCursor(status.st_ino, start + len(raw), last)
    return LogChunk(lines, cursor, truncated=truncated)


def _complete_lines(file: BinaryIO) -> bytes:
    raw = file.read(MAX_CHUNK_BYTES)
    return raw[: raw.rfind(b"\n") + 1]
