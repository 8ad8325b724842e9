"""Programs under test are forked: started as interpreters, they would take most of the time."""

import os
import subprocess
import sys

import pytest

from tests.kit.cli_process import COMMAND
from tests.kit.fork_server import start_program


@pytest.mark.skipif(sys.platform != "linux", reason="forked on Linux alone")
def test_programs_are_forked_although_qt_was_imported() -> None:
    pytest.importorskip("PySide6")
    program = start_program(
        COMMAND[-1], "--version", env=os.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    with program:
        out, _err = program.communicate(timeout=60)
    assert out.startswith(b"pulse-desktop")
    assert program.returncode == 0
    assert type(program) is not subprocess.Popen
