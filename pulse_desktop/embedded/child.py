"""Child process of the guardian: its start, its output, its end."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pulse_desktop.embedded.bounded_log import BoundedLog
from pulse_desktop.launcher import module_command
from pulse_desktop.nats_client.aio import cancel_and_wait

_CHUNK_BYTES: Final = 64 << 10
_TERMINATE_TIMEOUT_S: Final = 3.0
_OUTPUT_TIMEOUT_S: Final = 0.5
_EXIT_POLL_S: Final = 0.5

ParentDeath = Literal["terminate", "kill"]
"""The signal that a child gets when the guardian dies (Linux only)."""


@dataclass(frozen=True)
class Launch:
    """How to start a child.

    Attributes:
        command: program and arguments, without secrets.
        environment: the whole environment.
        folder: working directory.
        parent_pipe: whether the child exits when its stdin closes.
        on_parent_death: signal that it gets when the guardian dies (Linux only).
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    parent_pipe: bool
    on_parent_death: ParentDeath


class Child:
    """A running child process."""

    def __init__(self, process: asyncio.subprocess.Process, log: BoundedLog) -> None:
        self._process = process
        self._log = log
        self._output = asyncio.create_task(self._log_output(), name=f"output of {process.pid}")
        self._exit = asyncio.create_task(self._wait_for_exit(), name=f"exit of {process.pid}")

    @classmethod
    async def start(cls, launch: Launch, log: BoundedLog, guardian_pid: int) -> "Child":
        """Start the process.

        Raises:
            OSError: the program cannot be run.
        """
        command, pipe = bind_to_guardian(launch, guardian_pid, sys.platform)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if pipe else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(launch.environment),
            cwd=launch.folder,
        )
        return cls(process, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait for the exit and return the exit code; negative for a signal."""
        return await asyncio.shield(self._exit)

    async def end(self, drain_s: float) -> int:
        """Ask the child to exit, and return its exit code.

        Its stdin is closed, or it is terminated if that is no pipe. If it still runs after
        `drain_s` seconds, it is terminated, then killed.
        """
        stdin = self._process.stdin
        if stdin is not None:
            stdin.close()
        else:
            self._signal("terminate")
        code = await self._wait_up_to(drain_s)
        if code is None:
            self._signal("terminate")
            code = await self._wait_up_to(_TERMINATE_TIMEOUT_S)
        if code is None:
            self._signal("kill")
            code = await self.wait()
        return code

    async def _wait_up_to(self, seconds: float) -> int | None:
        try:
            return await asyncio.wait_for(self.wait(), seconds)
        except TimeoutError:
            return None

    def _signal(self, how: Literal["terminate", "kill"]) -> None:
        with contextlib.suppress(ProcessLookupError):
            getattr(self._process, how)()

    async def _wait_for_exit(self) -> int:
        # Not Process.wait alone: some releases of Python also wait for the end of the output,
        # which a grandchild can keep open.
        exited = asyncio.create_task(self._process.wait())
        while self._process.returncode is None:
            await asyncio.wait({exited}, timeout=_EXIT_POLL_S)
        await asyncio.wait({self._output}, timeout=_OUTPUT_TIMEOUT_S)
        await cancel_and_wait(exited, self._output)
        self._log.finish_line()
        return self._process.returncode

    async def _log_output(self) -> None:
        output = self._process.stdout
        if output is not None:
            while chunk := await output.read(_CHUNK_BYTES):
                self._log.write(chunk)


def bind_to_guardian(launch: Launch, guardian_pid: int, platform: str) -> tuple[list[str], bool]:
    """Return a command that exits when the guardian dies, and whether stdin must be a pipe.

    Args:
        launch: of the child.
        guardian_pid: process id of the guardian.
        platform: as in `sys.platform`.
    """
    command = list(launch.command)
    if platform == "win32":  # the job object of the guardian ends its members
        return command, launch.parent_pipe
    if platform == "linux":
        number = signal.SIGTERM if launch.on_parent_death == "terminate" else signal.Signals(9)
        options = ["--parent", str(guardian_pid), "--signal", str(int(number))]
        return _parent_death_command(options, command), launch.parent_pipe
    if launch.parent_pipe:  # no parent death signal here: it exits when the pipe closes
        return command, True
    return _parent_death_command(["--parent", str(guardian_pid), "--watch"], command), True


def _parent_death_command(options: Sequence[str], command: Sequence[str]) -> list[str]:
    return module_command("pulse_desktop.embedded.parent_death", *options, "--", *command)


def format_exit_code(code: int) -> str:
    """Format an exit code: `exit code 1`, `killed by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
