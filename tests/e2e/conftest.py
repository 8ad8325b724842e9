"""Fixtures of the application tests."""

from collections.abc import Iterator

import pytest

from tests.kit.nats_servers import NatsServer


@pytest.fixture
def other_server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server
