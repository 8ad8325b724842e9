"""The oldest nats-server that works, that of Debian 12, runs the tests of store and sessions.

`PULSE_OLD_NATS_SERVER` is the path of one; otherwise apt downloads it without installing it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.nats_servers import SERVER_VARIABLE
from tests.kit.worker_processes import ROOT

pytestmark = pytest.mark.slow

OLDEST = "2.9.10"
OLD_SERVER_VARIABLE = "PULSE_OLD_NATS_SERVER"
DOWNLOAD_TIMEOUT_S = 240
TESTS_TIMEOUT_S = 1_200
TESTS = (
    "tests/integration/pulse_workers/chat/test_store.py",
    "tests/integration/pulse_workers/chat/test_search.py",
    "tests/integration/pulse_workers/chat/test_kv_reader.py",
    "tests/integration/pulse_workers/chat/test_ingestion.py",
    "tests/integration/pulse_workers/test_stream_retention.py",
    "tests/integration/session/test_session.py",
    "tests/integration/session/test_enqueue.py",
    "tests/integration/session/test_run_listing.py",
    "tests/integration/session/test_connection_test.py",
)
DIFFERENT = (
    # The server counts a delivery to the killed worker: the second attempt has the number 3.
    (
        "tests/integration/session/test_session.py"
        "::test_the_task_of_a_killed_worker_has_a_second_attempt"
    ),
    # The server confirms a message that it does not store, if only its own overhead of each
    # message exceeds the limit. docs/workers.md warns of that.
    (
        "tests/integration/pulse_workers/test_stream_retention.py"
        "::test_a_full_stream_rejects_tasks_and_every_stored_task_runs"
    ),
    # The server does not say its time, and would deliver what tries a permission to enqueue.
    "tests/integration/session/test_connection_test.py::test_each_step_is_shown_as_it_happens",
    (
        "tests/integration/session/test_connection_test.py"
        "::test_a_missing_permission_fails_its_step_alone[enqueue and re-run]"
    ),
    (
        "tests/integration/session/test_connection_test.py"
        "::test_a_permission_that_cannot_be_tried_is_not_called_all_right"
    ),
)
"""Tests of what this server does otherwise."""


@pytest.fixture(scope="module")
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the server."""
    given = os.environ.get(OLD_SERVER_VARIABLE)
    server = Path(given) if given else _download(tmp_path_factory.mktemp("debian"))
    version = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    if OLDEST not in version.stdout and not given:
        pytest.skip(f"the package of this system is {version.stdout.strip()}, not {OLDEST}")
    return server


def _download(folder: Path) -> Path:
    """Unpack the package of this system; its lists are downloaded into the folder, too."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        pytest.skip(f"apt is missing; set {OLD_SERVER_VARIABLE} to a nats-server {OLDEST}")
    (folder / "lists" / "partial").mkdir(parents=True)
    apt = ["apt-get", "-q", "-o", f"Dir::State::Lists={folder / 'lists'}"]
    apt += ["-o", f"Dir::Cache={folder}", "-o", "APT::Sandbox::User=root"]
    for action in (["update"], ["download", "nats-server"]):
        done = subprocess.run(
            [*apt, *action],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"apt-get {action[0]} failed: {done.stderr.strip()}")
    package = next(folder.glob("nats-server_*.deb"))
    subprocess.run(["dpkg", "-x", package, folder / "unpacked"], check=True)
    return next((folder / "unpacked").glob("usr/*bin/nats-server"))


@pytest.mark.timeout(DOWNLOAD_TIMEOUT_S + TESTS_TIMEOUT_S)
def test_store_and_sessions_work_with_the_oldest_server(old_server: Path) -> None:
    environment = {**os.environ, SERVER_VARIABLE: str(old_server)}
    arguments = ["-q", "-n", "0", "-p", "no:cacheprovider", "--timeout=600"]
    arguments += [*(f"--deselect={each}" for each in DIFFERENT), *TESTS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TESTS_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8_000:]
