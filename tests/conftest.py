"""Fixtures for all tests. Qt is not imported here, because it may not be installed."""

import gc
import logging
import os
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pulse_workers.config.known_secrets import KNOWN_SECRETS

from tests.kit.file_order import mixed
from tests.kit.nats_servers import NatsServer
from tests.kit.worker_cli import PulseWorkerCommand, worker_command

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from tests.kit.patient_qtbot import PatientQtBot

# `make test` tries the same few examples each time, and reports a failing one as it is: to look
# for a smaller one can take minutes. `make test-slow` tries many others. Neither has a deadline for
# an example, since any takes long on a busy machine.
settings.register_profile(
    "few",
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
settings.register_profile("thorough", max_examples=400, deadline=None)
settings.load_profile("few")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are collected: nearly all objects stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mix files that wait with files that compute, in a run on several processes."""
    if hasattr(config, "workerinput"):
        items[:] = mixed(items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the garbage collector skip all modules and tests: they stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in logs, so that xdist can send the report."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Restore the log handlers and level that a command under test changed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _no_known_secrets() -> Iterator[None]:
    """Forget the secrets of the settings in a test, which are ordinary words in others."""
    yield
    KNOWN_SECRETS.clear()


@pytest.fixture
def qtbot(qapp: "QApplication", request: pytest.FixtureRequest) -> "PatientQtBot":
    """Replace the fixture of pytest-qt, which waits no longer than 5 seconds."""
    from tests.kit.patient_qtbot import PatientQtBot

    return PatientQtBot(request)


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """Yield a running server with JetStream and no authentication."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def pulse_worker(tmp_path: Path) -> PulseWorkerCommand:
    """Return a function that runs `pulse-worker` to its end in a clean environment."""
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
