"""Chunks of a process's log, as they are read from its file and shown in the window."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogCursor:
    """Position up to which a log was read.

    Attributes:
        file: inode number of the file, which stays the same when the log is rotated.
        offset: bytes from the start of the file.
        last: the bytes before the offset. The inode number of a removed file can be reused, so
            they are compared too.
    """

    file: int
    offset: int
    last: bytes = b""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Lines added to a log since a cursor.

    Attributes:
        lines: complete lines.
        cursor: where to continue, None if there is nothing to continue from.
        truncated: whether earlier lines are missing: at the first read, or because they are gone.
        problem: why the log cannot be read, empty if it can.
    """

    lines: tuple[str, ...] = ()
    cursor: LogCursor | None = None
    truncated: bool = False
    problem: str = ""
