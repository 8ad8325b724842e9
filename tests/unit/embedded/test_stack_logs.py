"""Reader of logs: complete lines, each once, across rotations."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.embedded.bounded_log import BoundedLog
from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack_logs import TAIL_BYTES, StackLogs, read_log
from pulse_desktop.embedded.stack_state import ProcessState, StackState, write_state


@pytest.fixture
def bounded_log(tmp_path: Path) -> Iterator[Callable[..., BoundedLog]]:
    """Return a function that makes a log, closed at the end."""
    made: list[BoundedLog] = []

    def make(**options: Any) -> BoundedLog:
        made.append(BoundedLog(tmp_path / "worker-1.log", **options))
        return made[-1]

    yield make
    for log in made:
        log.close()


def test_each_line_is_read_once(bounded_log: Callable[..., BoundedLog]) -> None:
    log = bounded_log()
    log.write("один\ntwo\n".encode())
    first = read_log(log.path)
    assert (first.lines, first.truncated) == (("один", "two"), False)
    assert read_log(log.path, first.cursor).lines == ()
    log.write(b"three\r\nfour with\xff no end")
    second = read_log(log.path, first.cursor)
    assert second.lines == ("three",)
    log.close()
    assert read_log(log.path, second.cursor).lines == ("four with\ufffd no end",)


def test_only_the_end_of_a_long_log_is_read_at_first(tmp_path: Path) -> None:
    path = tmp_path / "worker-1.log"
    lines = [f"line {number}" for number in range(TAIL_BYTES // 8)]
    path.write_text("\n".join(lines) + "\n")
    chunk = read_log(path)
    assert chunk.truncated
    assert 0 < len(chunk.lines) < len(lines)
    assert list(chunk.lines) == lines[-len(chunk.lines) :]


def test_no_line_is_lost_when_the_log_is_rotated(bounded_log: Callable[..., BoundedLog]) -> None:
    log = bounded_log(max_bytes=200)
    log.write(b"first\n")
    chunk = read_log(log.path)
    seen = list(chunk.lines)
    written = ["first"]
    for number in range(60):
        line = f"line {number} of some length"
        log.write(f"{line}\n".encode())
        written.append(line)
        if number % 3 == 0:
            for _ in range(3):
                chunk = read_log(log.path, chunk.cursor)
                seen += chunk.lines
                assert not chunk.truncated
    for _ in range(2):
        chunk = read_log(log.path, chunk.cursor)
        seen += chunk.lines
    assert seen == written


def test_lines_of_a_removed_file_are_reported_as_truncated(
    bounded_log: Callable[..., BoundedLog],
) -> None:
    log = bounded_log(max_bytes=50)
    log.write(b"first\n")
    cursor = read_log(log.path).cursor
    for number in range(20):
        log.write(f"line {number} of some length\n".encode())
    chunk = read_log(log.path, cursor)
    assert chunk.truncated
    assert chunk.lines[-1] == "line 19 of some length"


def test_an_unreadable_log_has_a_problem(tmp_path: Path) -> None:
    assert read_log(tmp_path / "none.log").problem == "No such file or directory"


async def test_the_log_of_the_server_comes_first(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    logs = StackLogs(folder)
    assert await logs.names() == []
    names = ("nats-server", "worker-1", "worker-2", "feeder")
    processes = tuple(
        ProcessState(name, "running", None, 0, "", time.time(), str(folder.log_of(name)))
        for name in names
    )
    write_state(
        folder.state_file,
        StackState(
            launch="x", guardian=ProcessRef(1, ""), phase="ready", server="", monitor="",
            workers=2, sample=True, started_at=0.0, processes=processes,
        ),
    )  # fmt: skip
    for name in (*names[:3], "guardian", "window"):
        folder.log_of(name).write_text(f"{name} says\n")
    assert await logs.names() == ["nats-server", "worker-1", "worker-2", "guardian"]
    assert (await logs.read("worker-2")).lines == ("worker-2 says",)
