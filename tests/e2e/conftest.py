"""Fixtures of the application tests."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse_desktop.app.long_lived_objects import LONG_LIVED
from tests.kit.nats_servers import NatsServer


@pytest.fixture
def other_server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what windows keep of a connection in the folder of the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


@pytest.fixture(autouse=True)
def collect_garbage_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Collect the windows of a test in this thread, and once instead of at each window."""
    monkeypatch.setattr(LONG_LIVED, "freeze", lambda: None)
    yield
    gc.collect()
