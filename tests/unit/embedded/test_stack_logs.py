"""Reading along with a log: whole lines, each once, also when the file moves in between."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.embedded.bounded_log import BoundedLog
from pulse_desktop.embedded.paths import DataFolder
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack_logs import FIRST_BYTES, StackLogs, read_log
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


def test_each_line_is_read_once_as_it_comes(bounded_log: Callable[..., BoundedLog]) -> None:
    log = bounded_log()
    log.write("один\ntwo\n".encode())
    first = read_log(log.path)
    assert (first.lines, first.cut) == (("один", "two"), False)
    assert read_log(log.path, first.place).lines == ()
    log.write(b"three\r\nfour with\xff no end")
    second = read_log(log.path, first.place)
    assert second.lines == ("three",)
    log.close()
    assert read_log(log.path, second.place).lines == ("four with\ufffd no end",)


def test_only_the_end_of_a_long_log_is_read_at_first(tmp_path: Path) -> None:
    path = tmp_path / "worker-1.log"
    lines = [f"line {number}" for number in range(FIRST_BYTES // 8)]
    path.write_text("\n".join(lines) + "\n")
    part = read_log(path)
    assert part.cut
    assert 0 < len(part.lines) < len(lines)
    assert list(part.lines) == lines[-len(part.lines) :]


def test_no_line_is_lost_when_a_full_log_moves(bounded_log: Callable[..., BoundedLog]) -> None:
    log = bounded_log(max_bytes=200)
    log.write(b"first\n")
    part = read_log(log.path)
    seen = list(part.lines)
    written = ["first"]
    for number in range(60):
        line = f"line {number} of some length"
        log.write(f"{line}\n".encode())
        written.append(line)
        if number % 3 == 0:
            for _ in range(3):
                part = read_log(log.path, part.place)
                seen += part.lines
                assert not part.cut
    for _ in range(2):
        part = read_log(log.path, part.place)
        seen += part.lines
    assert seen == written


def test_what_moved_away_too_far_is_told_as_left_out(
    bounded_log: Callable[..., BoundedLog],
) -> None:
    log = bounded_log(max_bytes=50)
    log.write(b"first\n")
    place = read_log(log.path).place
    for number in range(20):
        log.write(f"line {number} of some length\n".encode())
    part = read_log(log.path, place)
    assert part.cut
    assert part.lines[-1] == "line 19 of some length"


def test_a_log_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert read_log(tmp_path / "none.log").problem == "No such file or directory"


async def test_the_processes_of_the_stack_have_logs_the_server_first(tmp_path: Path) -> None:
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
