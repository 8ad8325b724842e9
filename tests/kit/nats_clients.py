"""Connections of tests to a server."""

from typing import Any

from pulse_desktop.nats_client.client import NatsClient


async def connect(server: str | list[str], **arguments: Any) -> NatsClient:
    """Return a connected client.

    Unlike that of nats-py, its `flush` confirms the subscriptions made before.
    """
    client = NatsClient()
    await client.connect(server, **arguments)
    return client
