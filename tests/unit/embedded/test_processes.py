"""References to processes: a reused process id is another process."""

import os
import signal
import subprocess
import sys

from pulse_desktop.embedded.processes import ProcessRef, end_processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_reused_process_id_is_another_process() -> None:
    assert ProcessRef.of(os.getpid()).alive()
    assert not ProcessRef(os.getpid(), "another boot:1").alive()
    assert not ProcessRef(os.getpid(), "").alive()


def test_a_process_that_exited_but_was_not_reaped_is_not_alive() -> None:
    process = subprocess.Popen(SLEEP)
    reference = ProcessRef.of(process.pid)
    assert reference.alive()
    end_processes([reference], grace_s=5)
    assert not reference.alive()
    assert ProcessRef.of(process.pid).identity == ""
    assert process.wait() == -signal.SIGTERM


def test_a_process_with_a_reused_id_is_not_ended() -> None:
    process = subprocess.Popen(SLEEP)
    try:
        assert end_processes([ProcessRef(process.pid, "another boot:1")], grace_s=5) == []
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
