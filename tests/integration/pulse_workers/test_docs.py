"""docs/workers.md is tried as written: its commands in a shell, its Python in a module.

What needs an engine for containers or the rights of root is not run; the files it names are
tested elsewhere, and nothing else may hide behind that.
"""

import dataclasses
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.cli_process import command_environment
from tests.kit.nats_servers import NatsServer

TEXT = (Path(__file__).parents[3] / "docs" / "workers.md").read_text(encoding="utf-8")
NOT_RUN_HERE = ("sudo ", "docker ", "editor ", "cd packaging/", "cp .env")
GOES_ON = re.compile(r"bin/pulse-worker (run|feed|scheduler)\b")
READY = ("takes tasks from", "enqueues a slice", "sends scheduled tasks", "schedules from")
LIMIT = 60
START_LIMIT = 20


@dataclasses.dataclass(frozen=True)
class Section:
    title: str
    commands: tuple[str, ...]


def sections() -> Iterator[Section]:
    for part in re.split(r"(?m)^## ", TEXT)[1:]:
        blocks = re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
        joined = "".join(blocks).replace("\\\n", " ")
        commands = tuple(
            line
            for line in joined.splitlines()
            if line.strip() and not line.startswith(NOT_RUN_HERE)
        )
        if commands:
            yield Section(part.partition("\n")[0], commands)


class Shell:
    """A folder as the document's reader has it, and what was started there."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.folder = folder
        self._server = server
        self._environment = {
            **command_environment(folder / "data"),
            "PULSE_CONFIG": os.devnull,
            "PULSE_HEARTBEAT_INTERVAL": "1",
            "PULSE_SERVER": server.url,
        }
        self._going: list[subprocess.Popen[bytes]] = []
        (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
        code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
        assert len(code) >= 3
        (folder / "my_tasks.py").write_text("\n\n".join(code))

    def type(self, line: str) -> str:
        """Do one line; what goes on is waited for until it is ready."""
        line = line.replace("127.0.0.1:4222", self._server.address)
        if GOES_ON.search(line):
            return self._start(line)
        done = subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            check=False,
            cwd=self.folder,
            env=self._environment,
            text=True,
            timeout=LIMIT,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _start(self, line: str) -> str:
        log = self.folder / f"log-{len(self._going)}"
        with log.open("wb") as file:
            before, words = re.match(r"((?:\w+=\S+ +)*)(.*)", line).groups()  # type: ignore[union-attr]
            process = subprocess.Popen(
                ["bash", "-c", f"{before} exec {words}"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self._going.append(process)

        def ready() -> bool:
            assert process.poll() is None, f"{line}\n{log.read_text()}"
            return any(word in log.read_text() for word in READY)

        deadline = time.monotonic() + START_LIMIT
        while not ready():
            assert time.monotonic() < deadline, f"{line}\n{log.read_text()}"
            time.sleep(0.02)
        return ""

    def end(self) -> None:
        """End what goes on, as Ctrl C does."""
        for process in self._going:
            process.terminate()
        codes = [process.wait(20) for process in self._going]
        self._going.clear()
        assert set(codes) <= {0}


@pytest.fixture
def shell(tmp_path: Path, nats_server: NatsServer) -> Iterator[Shell]:
    shell = Shell(tmp_path, nats_server)
    yield shell
    shell.end()


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.title)
def test_the_commands_work_as_written(section: Section, shell: Shell) -> None:
    if not any(GOES_ON.search(line) for line in section.commands):
        shell.type(".venv/bin/pulse-worker run")
    for line in section.commands:
        shell.type(line)


def test_the_tasks_work_as_written(shell: Shell) -> None:
    shell.type("PYTHONPATH=. PULSE_WORKER_TASKS=my_tasks .venv/bin/pulse-worker run")
    for task, arguments, answer in (
        ("send_all", "[3]", '"done"'),
        ("convert", '[["a", "b"]]', "2"),
    ):
        said = shell.type(
            f".venv/bin/pulse-desktop run my_tasks:{task} --args '{arguments}' --wait 20"
        )
        assert "succeeded" in said
        assert re.search(answer, said), said
    shell.type(
        "PYTHONPATH=. .venv/bin/python -c "
        "'import asyncio, my_tasks; asyncio.run(my_tasks.schedule())'"
    )
    said = shell.type(".venv/bin/pulse-worker schedule list")
    assert "my_tasks:report" in said


def test_nothing_is_left_out_but_what_needs_an_engine_or_root() -> None:
    everything = "".join(re.findall(r"```(?:sh|bash|shell|console)\n(.*?)```", TEXT, re.DOTALL))
    left_out = [
        line
        for line in everything.replace("\\\n", " ").splitlines()
        if line.strip() and not any(line in section.commands for section in sections())
    ]
    assert left_out
    assert all(line.startswith(NOT_RUN_HERE) for line in left_out)
