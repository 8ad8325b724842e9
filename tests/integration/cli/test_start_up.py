"""Programs end quietly when they are interrupted or have no output, also while they start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = ("pulse_desktop", "pulse_workers")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells and signals")


@pytest.mark.parametrize(
    ("program", "main"), [("pulse_desktop", "cli"), ("pulse_workers", "config")]
)
def test_sigint_while_modules_are_imported_ends_quietly(program: str, main: str) -> None:
    code = (
        "import importlib.abc, os, runpy, signal, sys\n"
        "class Interrupt(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == '{program}.{main}':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        f"sys.argv = ['{program}', 'check']\n"
        f"runpy.run_module('{program}', run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "")


@pytest.mark.parametrize(
    "program", ["pulse_desktop", pytest.param("pulse_workers", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "closed",
    [
        *(pytest.param(one, marks=pytest.mark.slow) for one in (">&-", "2>&-", ">&- 2>&-")),
        "<&- >&- 2>&-",
    ],
)
def test_a_closed_stream_is_no_error(program: str, closed: str, tmp_path: Path) -> None:
    command = "status" if program == "pulse_desktop" else "check"
    done = subprocess.run(
        f"{sys.executable} -m {program} {command} --server nats://127.0.0.1:1 {closed}",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "program", [PROGRAMS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in PROGRAMS[1:])]
)
def test_help_that_cannot_be_written_is_a_failure(program: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m {program} --help >/dev/full",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")


HANGING_NAME_SERVER = (
    "import socket, threading, sys\n"
    "socket.getaddrinfo = lambda *_a, **_k: threading.Event().wait()\n"
    "sys.argv = ['pulse-desktop', 'status', '--server', 'nats://nowhere.example:4222']\n"
    "from pulse_desktop.__main__ import run\n"
    "run()\n"
)


def test_a_name_server_that_does_not_answer_does_not_keep_a_program_alive(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING_NAME_SERVER],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PULSE_DATA_DIR": str(tmp_path)},
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("Cannot connect")
