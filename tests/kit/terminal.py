"""A command in a terminal of its own, typed into as a person does."""

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator

from tests.kit.cli_process import COMMAND

TIMEOUT_S = 60.0


class TerminalCommand:
    """A running command whose input, output and errors are a terminal.

    Attributes:
        shown: what the terminal has shown so far.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until a text is shown."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} is not in {self.shown!r}"
            assert self._read(0.2), f"{text!r} is not in {self.shown!r}"

    def type(self, text: str) -> None:
        """Type keys, `\\n` for Enter and `\\x03` for Ctrl-C."""
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read(0.2):
            if self._process.poll() is not None and not self._is_readable(0):
                break
        return self._process.wait(TIMEOUT_S)

    def _is_readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._terminal], [], [], timeout_s)[0])

    def _read(self, timeout_s: float) -> bool:
        """Read what is shown within a time; False at the end."""
        if not self._is_readable(timeout_s):
            return True
        try:
            read = os.read(self._terminal, 65536)
        except OSError:  # Linux: the command has ended
            return False
        self.shown += read.decode(errors="replace")
        return bool(read)


@contextlib.contextmanager
def in_terminal(*arguments: str, env: dict[str, str]) -> Iterator[TerminalCommand]:
    """Run a command in a terminal; it is ended at the end of the context."""
    terminal, slave = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=env,
        start_new_session=True,
        # Ctrl-C in its terminal becomes a signal.
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509
    )
    os.close(slave)
    try:
        yield TerminalCommand(process, terminal)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
