"""Run `pulse-worker` to its end and capture its output."""

import io
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pulse_workers.cli.main import main

from tests.kit.cli_process import command_environment, command_in_process
from tests.kit.fork_server import start_program


class CommandOutput:
    """Exit code and output of a command."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.text}"

    def lines_with(self, status: str) -> list[str]:
        return [line for line in self.text.splitlines() if line.startswith(status)]


_DEFAULTS = {
    "PULSE_CONFIG": os.devnull,
    "PULSE_HEARTBEAT_INTERVAL": "0.4",  # of the workers that `check` waits for
}
_IN_PROCESS = frozenset({"check", "health", "provision"})
"""Commands that neither wait for signals nor depend on which tasks have been imported before."""
PulseWorkerCommand = Callable[..., CommandOutput]


def worker_command(folder: Path) -> PulseWorkerCommand:
    """Return a function that runs `pulse-worker` with only the given PULSE_ variables.

    A process of its own takes longer, so commands run within the process of the test where that
    makes no difference. `own_process` is for logins that are refused: nats-py leaves their
    transport open until the process ends.
    """

    def run(*arguments: str, own_process: bool | None = None, **variables: Any) -> CommandOutput:
        given = {f"PULSE_{name.upper()}": str(value) for name, value in variables.items()}
        environment = {**command_environment(folder), **_DEFAULTS, **given}
        if own_process is None:
            own_process = arguments[0] not in _IN_PROCESS
        if not own_process:
            with ThreadPoolExecutor(1) as thread:  # the test may have a running event loop
                return thread.submit(_run_in_process, arguments, environment).result()
        with start_program(
            "pulse_workers",
            *arguments,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as process:
            output, _errors = process.communicate()
        return CommandOutput(process.returncode, output)

    return run


def _run_in_process(arguments: Sequence[str], environment: dict[str, str]) -> CommandOutput:
    output = io.StringIO()
    with command_in_process(environment, output, output):
        try:
            code = main(arguments)
        except SystemExit as end:  # of argparse
            code = int(end.code or 0)
    return CommandOutput(code, output.getvalue())
