"""The log of a worker process contains no credentials."""

import subprocess
import sys

from tests.kit.worker_processes import ROOT

PROGRAM = """
import logging
from pulse_workers.runtime.logging_setup import configure_logging
configure_logging("INFO")
logging.getLogger("taskiq.receiver").error("at %s", "nats://user:secret@host")
raise OSError("tls://user:secret@host") from ValueError("user:secret@host")
"""


def test_credentials_are_masked_in_log_lines_and_in_the_traceback_of_a_crash() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1
    assert "secret" not in done.stderr
    for shown in ("at nats://user:***@host", "tls://user:***@host", "ValueError: user:***@host"):
        assert shown in done.stderr
