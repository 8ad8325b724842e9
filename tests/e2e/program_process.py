"""The program in a process of its own, and what it leaves on the machine."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack_state import StackState, read_state
from pulse_desktop.embedded.usage_locks import live_users
from tests.kit.waiting import wait_until

ROOT = Path(__file__).parents[2]
EXIT_TIMEOUT_S = 10.0
_NOT_PASSED_ON = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "PULSE_SERVER")


class Program:
    """One running command; its output is kept in a file."""

    def __init__(
        self, *command: str, folder: Path, data_dir: Path | None = None, **environment: str
    ) -> None:
        """Start `python -m ...`.

        Args:
            command: what follows `-m`.
            folder: its working directory, and where its output goes.
            data_dir: of the embedded stack.
            environment: more of it; a display only when it is named here.
        """
        surroundings = {k: v for k, v in os.environ.items() if k not in _NOT_PASSED_ON}
        surroundings["PULSE_DATA_DIR"] = str(data_dir or folder / "data")
        surroundings["PYTHONPATH"] = str(ROOT)
        self.output_path = folder / f"output-{time.monotonic_ns()}.txt"
        with self.output_path.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=surroundings | environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    @property
    def output(self) -> str:
        return self.output_path.read_text(encoding="utf-8", errors="replace")

    @property
    def running(self) -> bool:
        """Whether it runs. Raises with its output when it does not."""
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}:\n{self.output}")
        return True

    async def first_line(self, timeout_s: float = 30.0) -> dict[str, Any]:
        """Wait for its first line and read it as JSON."""
        await wait_until(lambda: "\n" in self.output or not self.running, timeout_s, self.output)
        line: dict[str, Any] = json.loads(self.output.partition("\n")[0])
        return line

    async def wait_for_exit(self, timeout_s: float = 20.0) -> int:
        await wait_until(lambda: self.process.poll() is not None, timeout_s, "the program ends")
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


@contextmanager
def program(*command: str, folder: Path, **more: Any) -> Iterator[Program]:
    """Start a program and end it whatever happens."""
    started = Program(*command, folder=folder, **more)
    try:
        yield started
    finally:
        started.close()


class Stack:
    """An embedded stack, observed from outside."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = DataFolder(data_dir)
        self.seen: set[ProcessRef] = set()

    def state(self) -> StackState | None:
        """The stack when it is ready, else None. Records its processes."""
        state = read_state(self.folder.state_file)
        if state is None or not state.usable or not state.alive:
            return None
        self.seen.add(state.guardian)
        self.seen.update(each.process for each in state.processes if each.process)
        return state

    def has_started(self) -> bool:
        """Whether it is being started. Records the processes that run already."""
        state = read_state(self.folder.state_file)
        if state is None:
            return False
        self.seen.add(state.guardian)
        self.seen.update(each.process for each in state.processes if each.process)
        return not state.usable and bool(state.processes)

    @property
    def users(self) -> int:
        return len(live_users(self.folder))

    @property
    def live_processes(self) -> list[ProcessRef]:
        return [each for each in self.seen if each.alive()]

    async def wait_until_exited(self, *, at_least: int = 3) -> None:
        """Wait until all recorded processes have exited: guardian, server and worker at least."""
        assert len(self.seen) >= at_least
        await wait_until(
            lambda: not self.live_processes, EXIT_TIMEOUT_S, f"{self.live_processes} to exit"
        )


async def wait_until_ready(stack: Stack, *programs: Program, timeout_s: float = 30.0) -> StackState:
    """Wait until a stack can be used and a number of programs use it."""

    def used() -> StackState | None:
        assert all(each.running for each in programs)
        state = stack.state()
        return state if state is not None and stack.users >= len(programs) else None

    state: StackState = await wait_until(used, timeout_s, "the stack and its users")
    return state


def run(scenario: Any) -> None:
    """Run a scenario that needs no Qt."""
    asyncio.run(scenario)
