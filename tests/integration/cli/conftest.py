"""Fixtures for tests of commands: a server of each test, a client, and an environment."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from tests.kit.cli_process import command_environment
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(server.url, allow_reconnect=False)
    yield client
    await client.close()


@pytest.fixture
def env(tmp_path: Path, server: NatsServer) -> dict[str, str]:
    """The environment of a command: its own folder, and the server."""
    return command_environment(tmp_path / "data", PULSE_SERVER=server.url)
