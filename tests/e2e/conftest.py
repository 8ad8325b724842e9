"""Fixtures of the application tests."""

from collections.abc import Iterator

import pytest

from pulse_desktop.app.long_lived_objects import LONG_LIVED
from tests.kit.nats_servers import NatsServer


@pytest.fixture
def other_server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture(autouse=True)
def keep_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collect no garbage when a window has opened: that walks all modules and tests each time."""
    monkeypatch.setattr(LONG_LIVED, "freeze", lambda: None)
