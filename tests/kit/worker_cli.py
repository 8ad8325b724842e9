"""Run `pulse-worker` to its end and capture its output."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.kit.cli_process import command_environment
from tests.kit.worker_processes import ROOT


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
PulseWorkerCommand = Callable[..., CommandOutput]


def worker_command(folder: Path) -> PulseWorkerCommand:
    """Return a function that runs `pulse-worker` with only the given PULSE_ variables."""

    def run(*arguments: str, **variables: Any) -> CommandOutput:
        given = {f"PULSE_{name.upper()}": str(value) for name, value in variables.items()}
        done = subprocess.run(
            [sys.executable, "-m", "pulse_workers", *arguments],
            env={**command_environment(folder), **_DEFAULTS, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            cwd=ROOT,
        )
        return CommandOutput(done.returncode, done.stdout)

    return run
