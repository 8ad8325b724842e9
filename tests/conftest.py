"""What every test may ask for. Qt is never imported here: some machines have none."""

import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.kit.nats_servers import NatsServer
from tests.kit.worker_cli import Check, worker_command


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[pytest.TestReport]:
    """Let reports travel between the processes that share the tests: no lone surrogates in logs."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Take back what a command under test set up for a log of its own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """Yield a running server with JetStream and no authentication."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def pulse_worker(tmp_path: Path) -> Check:
    """Run `pulse-worker` to its end, with nothing in its environment but what is given."""
    return worker_command(tmp_path)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost, as cert.pem and key.pem."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    return tmp_path
