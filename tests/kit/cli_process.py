"""Running `pulse-desktop` as its users do: by its arguments, for an exit code and two streams."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pulse_desktop.cli.main import main

COMMAND = [sys.executable, "-m", "pulse_desktop"]
LIMIT = 60.0
ROOT = Path(__file__).parents[2]


class Ended:
    """A command that has ended.

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
        """What stands on stdout, which must be one JSON object per line and nothing else."""
        told = [json.loads(line, parse_constant=_refuse) for line in self.out.splitlines()]
        assert all(isinstance(each, dict) for each in told), self
        return told

    @property
    def object(self) -> dict[str, Any]:
        """The only object on stdout."""
        (told,) = self.objects
        return told


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a command that knows of no server but what is in the data folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PULSE_")}
    return {**kept, "PULSE_DATA_DIR": str(data_dir), **more}


def command(*arguments: str, env: dict[str, str], cwd: Path | None = None) -> Ended:
    """Run a command to its end, in a folder if one is given."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=LIMIT,
        env={**env, "PYTHONPATH": str(ROOT)} if cwd else env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def invoke(*arguments: str, env: dict[str, str]) -> Ended:
    """Run a command to its end within this process: what it says is the same, and sooner."""
    before = dict(os.environ)
    out, err = io.StringIO(), io.StringIO()
    try:
        os.environ.clear()
        os.environ.update(env)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Ended(code, out.getvalue(), err.getvalue())


class Going:
    """A command that goes on until it is told to stop."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def line(self) -> str:
        """The next line of stdout; the test's own time limit ends the wait."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(f"it ended: {self.process.wait()} {self.process.stderr.read()}")
        return line

    def end(self, number: int = signal.SIGTERM) -> Ended:
        """Tell it to stop by a signal, and wait for that."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=LIMIT)
        return Ended(self.process.returncode, out, err)


@contextlib.contextmanager
def going(*arguments: str, env: dict[str, str]) -> Iterator[Going]:
    """Start a command; it is ended with the context at the latest."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=env,
    )
    with process:
        try:
            yield Going(process)
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
