"""Children end with the guardian: parent death signal, pipe, job object."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from pulse_desktop.embedded.child import (
    Launch,
    ParentDeath,
    bind_to_guardian,
    format_exit_code,
)
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.launcher import module_command

NO_PROCESS = "999999999"  # no system has a process with this id
MODULE = "pulse_desktop.embedded.parent_death"


def launch(*, parent_pipe: bool = False, on_parent_death: ParentDeath = "terminate") -> Launch:
    return Launch(["/bin/it"], {}, Path("/"), parent_pipe, on_parent_death)


def test_linux_sets_a_parent_death_signal() -> None:
    command, pipe = bind_to_guardian(launch(), 42, "linux")
    assert command[-6:] == ["--parent", "42", "--signal", "15", "--", "/bin/it"]
    assert not pipe
    killed = launch(parent_pipe=True, on_parent_death="kill")
    command, pipe = bind_to_guardian(killed, 42, "linux")
    assert command[-6:] == ["--parent", "42", "--signal", "9", "--", "/bin/it"]
    assert pipe


def test_macos_watches_a_program_that_has_no_pipe_of_its_own() -> None:
    command, pipe = bind_to_guardian(launch(), 42, "darwin")
    assert command[-5:] == ["--parent", "42", "--watch", "--", "/bin/it"]
    assert pipe
    assert bind_to_guardian(launch(parent_pipe=True), 42, "darwin") == (["/bin/it"], True)


def test_windows_needs_nothing_besides_the_job_object() -> None:
    assert bind_to_guardian(launch(), 42, "win32") == (["/bin/it"], False)


@pytest.mark.skipif(sys.platform != "linux", reason="a parent death signal")
def test_a_program_whose_parent_has_died_is_not_started() -> None:
    command = module_command(MODULE, "--parent", NO_PROCESS, "--", "/bin/echo", "ran")
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.stdout == b""
    assert done.returncode == 70


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
@pytest.mark.parametrize("how", ["close stdin", "terminate"])
def test_a_watched_program_ends_with_its_stdin_or_its_watcher(
    how: Literal["close stdin", "terminate"],
) -> None:
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    command = module_command(MODULE, "--parent", "1", "--watch", "--", sys.executable, "-c", script)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as watcher:
        assert watcher.stdin is not None
        assert watcher.stdout is not None
        watched = ProcessRef.of(int(watcher.stdout.readline()))
        assert watched.alive()
        if how == "terminate":
            watcher.terminate()
        else:
            watcher.stdin.close()
        watcher.wait(10)
        assert not watched.alive()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
def test_the_watcher_exits_with_the_code_of_its_program() -> None:
    program = (sys.executable, "-c", "raise SystemExit(7)")
    command = module_command(MODULE, "--parent", "1", "--watch", "--", *program)
    with subprocess.Popen(command, stdin=subprocess.PIPE) as watcher:
        assert watcher.wait(10) == 7


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-99, "killed by signal")],
)
def test_an_exit_code_is_formatted_with_the_name_of_its_signal(code: int, text: str) -> None:
    assert format_exit_code(code).startswith(text)
