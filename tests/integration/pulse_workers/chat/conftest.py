"""The chat services on a real server."""

from collections.abc import AsyncIterator

import pytest
from pulse_workers.chat.services import Services, open_services, use_services
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision

from tests.integration.pulse_workers.chat.test_search import Published
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer


@pytest.fixture
async def services(nats_server: NatsServer) -> AsyncIterator[Services]:
    """Yield the services of a worker, which tasks use in this process."""
    settings = Settings(server=nats_server.url)
    client = await connect(nats_server.url)
    await provision(client.jetstream(), settings)
    async with open_services(client, Published(keys=True), "worker", settings) as services:
        use_services(services)
        yield services
    await client.close()
