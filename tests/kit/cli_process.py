"""Run `pulse-desktop` commands and collect their exit code, stdout and stderr."""

import argparse
import asyncio
import contextlib
import inspect
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pulse_desktop.cli import main as cli
from tests.kit.fork_server import start_program

COMMAND = [sys.executable, "-m", "pulse_desktop"]
TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
ROOT = Path(__file__).parents[2]


class CommandResult:
    """Exit code and output of a command.

    Attributes:
        code: the exit code.
        out: stdout.
        err: stderr.
    """

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout, which must be one per line and nothing else."""
        objects = [json.loads(line, parse_constant=_reject) for line in self.out.splitlines()]
        assert all(isinstance(each, dict) for each in objects), self
        return objects

    @property
    def object(self) -> dict[str, Any]:
        """The only JSON object on stdout."""
        (only,) = self.objects
        return only


def command_environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which a command knows only the stack of the data folder."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PULSE_")}
    return {**inherited, "PULSE_DATA_DIR": str(data_dir), **variables}


def run_command(*arguments: str, env: dict[str, str], cwd: Path | None = None) -> CommandResult:
    """Run a command in a process of its own."""
    if cwd is None:
        with started_command(*arguments, env=env) as command:
            return command.wait()
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        env={**env, "PYTHONPATH": str(ROOT)},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


_one_at_a_time = threading.Lock()


@contextlib.contextmanager
def command_in_process(env: dict[str, str], out: io.StringIO, err: io.StringIO) -> Iterator[None]:
    """Replace environment and output of this process, for one command at a time."""
    with _one_at_a_time, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        before = dict(os.environ)
        try:
            os.environ.clear()
            os.environ.update(env)
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def run_in_process(*arguments: str, env: dict[str, str]) -> CommandResult:
    """Run a command within the process of the test, which takes less time."""
    out, err = io.StringIO(), io.StringIO()
    with command_in_process(env, out, err), contextlib.ExitStack() as stack:
        if threading.current_thread() is not threading.main_thread():
            stack.enter_context(patch.object(cli, "_run_command", _run_without_signals))
        code = cli.main(arguments)
    return CommandResult(code, out.getvalue(), err.getvalue())


async def run_in_thread(*arguments: str, env: dict[str, str]) -> CommandResult:
    """Run a command within the process of the test while the event loop of the test runs.

    Signals do not reach it: only the main thread can handle them.
    """
    return await asyncio.to_thread(run_in_process, *arguments, env=env)


def _run_without_signals(arguments: argparse.Namespace) -> int:
    if inspect.iscoroutinefunction(arguments.run):
        ended: int = asyncio.run(arguments.run(arguments))
        return ended
    code: int = arguments.run(arguments)
    return code


class RunningCommand:
    """A command that runs until it is stopped by a signal."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self._process.pid

    def read_line(self) -> str:
        """Return the next line of stdout. The wait ends with the time limit of the test."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            stderr = self._process.stderr.read()
            raise AssertionError(f"the command exited: {self._process.wait()} {stderr}")
        return line

    def read_errors_until(self, text: str) -> str:
        """Return the lines of stderr up to the first one with this text."""
        assert self._process.stderr is not None
        lines = []
        for line in self._process.stderr:
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError(f"{text!r} is not in {lines}")

    def stop(self, number: int = signal.SIGTERM) -> CommandResult:
        """Send a signal and wait for the exit."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> CommandResult:
        """Wait for the exit."""
        out, err = self._process.communicate(timeout=TIMEOUT_S)
        return CommandResult(self._process.returncode, out, err)


@contextlib.contextmanager
def started_command(*arguments: str, env: dict[str, str]) -> Iterator[RunningCommand]:
    """Start a command. It is stopped at the end of the context if it still runs."""
    process = start_program(
        COMMAND[-1],
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=env,
    )
    with process:
        try:
            yield RunningCommand(process)
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_TIMEOUT_S)
                process.kill()


def _reject(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
