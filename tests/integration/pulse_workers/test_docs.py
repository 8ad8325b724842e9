"""docs/workers.md works as written: its commands in a shell, its Python in a module.

Commands that need a container engine or root are not run, and nothing else is excluded. The files
they refer to have tests of their own.
"""

import asyncio
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.cli_process import command_environment
from tests.kit.nats_servers import NatsServer
from tests.kit.telegram_bot_server import TOKEN, serve_in_thread
from tests.kit.waiting import wait_until

TEXT = (Path(__file__).parents[3] / "docs" / "workers.md").read_text(encoding="utf-8")
NOT_RUN = ("sudo ", "docker ", "editor ", "cd packaging/", "cp .env")
LONG_RUNNING = re.compile(r"bin/pulse-worker (run|feed|scheduler|telegram)\b")
READY = (
    "takes tasks from",
    "enqueues a slice",
    "sends scheduled tasks",
    "schedules from",
    "messages of @",
)
TIMEOUT_S = 60
START_TIMEOUT_S = 20


@dataclasses.dataclass(frozen=True)
class Section:
    title: str
    commands: tuple[str, ...]


def sections() -> Iterator[Section]:
    for part in re.split(r"(?m)^## ", TEXT)[1:]:
        blocks = re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
        joined = "".join(blocks).replace("\\\n", " ")
        commands = tuple(
            line for line in joined.splitlines() if line.strip() and not line.startswith(NOT_RUN)
        )
        if commands:
            yield Section(part.partition("\n")[0], commands)


class Shell:
    """A folder like that of a reader of the document, and the processes started in it."""

    def __init__(self, folder: Path, server: NatsServer, bot_server: str) -> None:
        self.folder = folder
        self._server = server
        self._environment = {
            **command_environment(folder / "data"),
            "PULSE_CONFIG": os.devnull,
            "PULSE_HEARTBEAT_INTERVAL": "1",
            "PULSE_SERVER": server.url,
            "PULSE_TELEGRAM_URL": bot_server,
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
        code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
        assert len(code) >= 3
        (folder / "telegram-token").write_text(TOKEN)
        (folder / "my_tasks.py").write_text("\n\n".join(code))

    def run(self, line: str) -> str:
        """Run a line; for a long-running command, wait until it is ready."""
        line = line.replace("127.0.0.1:4222", self._server.address)
        if LONG_RUNNING.search(line):
            return self._start(line)
        done = subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            check=False,
            cwd=self.folder,
            env=self._environment,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _start(self, line: str) -> str:
        log = self.folder / f"log-{len(self._processes)}"
        with log.open("wb") as file:
            match = re.match(r"((?:\w+=\S+ +)*)(.*)", line)
            assert match is not None
            before, words = match.groups()
            process = subprocess.Popen(
                ["bash", "-c", f"{before} exec {words}"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self._processes.append(process)

        def ready() -> bool:
            assert process.poll() is None, f"{line}\n{log.read_text()}"
            return any(word in log.read_text() for word in READY)

        asyncio.run(wait_until(ready, START_TIMEOUT_S, f"{line} is ready"))
        return ""

    def terminate(self) -> None:
        """Terminate the long-running commands, as Ctrl C does."""
        for process in self._processes:
            process.terminate()
        codes = [process.wait(20) for process in self._processes]
        self._processes.clear()
        assert set(codes) <= {0}


@pytest.fixture
def shell(tmp_path: Path, nats_server: NatsServer) -> Iterator[Shell]:
    with serve_in_thread() as bot_server:
        shell = Shell(tmp_path, nats_server, bot_server)
        yield shell
        shell.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.title)
def test_the_commands_work_as_written(section: Section, shell: Shell) -> None:
    if not any(LONG_RUNNING.search(line) for line in section.commands):
        shell.run(".venv/bin/pulse-worker run")
    for line in section.commands:
        shell.run(line)


def test_the_tasks_work_as_written(shell: Shell) -> None:
    shell.run("PYTHONPATH=. PULSE_WORKER_TASKS=my_tasks .venv/bin/pulse-worker run")
    for task, arguments, answer in (
        ("send_all", "[3]", '"done"'),
        ("convert", '[["a", "b"]]', "2"),
    ):
        output = shell.run(
            f".venv/bin/pulse-desktop run my_tasks:{task} --args '{arguments}' --wait 20"
        )
        assert "succeeded" in output
        assert re.search(answer, output), output
    for _start in range(2):  # as a program does that stores its schedules at each start
        shell.run(
            "PYTHONPATH=. .venv/bin/python -c "
            "'import asyncio, my_tasks; asyncio.run(my_tasks.schedule())'"
        )
    output = shell.run(".venv/bin/pulse-worker schedule list")
    assert [line.split()[0] for line in output.splitlines()] == ["ID", "nightly-report"]


def test_only_commands_that_need_root_or_a_container_engine_are_not_run() -> None:
    everything = "".join(re.findall(r"```(?:sh|bash|shell|console)\n(.*?)```", TEXT, re.DOTALL))
    not_run = [
        line
        for line in everything.replace("\\\n", " ").splitlines()
        if line.strip() and not any(line in section.commands for section in sections())
    ]
    assert not_run
    assert all(line.startswith(NOT_RUN) for line in not_run)
