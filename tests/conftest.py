"""What every test may ask for. Qt is never imported here: some machines have none."""

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.servers import NatsServer


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """Yield a running server with JetStream and no authentication."""
    with NatsServer() as server:
        yield server
