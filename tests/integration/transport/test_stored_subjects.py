"""Counts and newest messages of the subjects of a stream, without reading it."""

import time

import pytest

from pulse_desktop.model.errors import NotPermittedError
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.stored_subjects import messages_since, subject_activity
from tests.kit.nats_servers import NatsServer
from tests.kit.running_feed import STREAM, create_stream, store
from tests.kit.waiting import wait_until

DENIED = """
authorization {
  users = [
    { user: admin, password: p },
    { user: op, password: p, permissions: { publish: { deny: ["$JS.API.CONSUMER.CREATE.>"] } } }
  ]
}
"""


async def test_each_subject_is_counted_since_a_time(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(300), "websocket.tasks")
    await store(nats_server, range(5), "websocket.agents")
    middle = time.time()
    await store(nats_server, range(300, 320), "websocket.tasks")
    connection = Connection(nats_server.url)
    await connection.open()
    try:
        found = await subject_activity(connection, STREAM, "websocket.*", middle - 3600)
        assert {subject: each.count for subject, each in found.items()} == {
            "websocket.tasks": 320,
            "websocket.agents": 5,
        }
        assert found["websocket.agents"].last_at < middle < found["websocket.tasks"].last_at
        recent = await subject_activity(connection, STREAM, "websocket.*", middle)
        assert recent["websocket.tasks"].count == 20
        assert recent["websocket.agents"].count == 0
        stored = await messages_since(connection, STREAM, "websocket.tasks", middle)
        assert [int(each.payload) for each in stored] == list(range(300, 320))
        assert await messages_since(connection, STREAM, "websocket.metrics", 0.0) == []

        async def is_cleaned_up() -> bool:
            return (await connection.js.stream_info(STREAM)).state.consumer_count == 0

        await wait_until(is_cleaned_up)
    finally:
        await connection.close()


async def test_a_refusal_is_an_error() -> None:
    with NatsServer(user="admin", password="p", config=DENIED) as server:
        await create_stream(server)
        await store(server, range(5))
        server.user = "op"
        connection = Connection(server.url)
        await connection.open()
        try:
            with pytest.raises(NotPermittedError):
                await subject_activity(connection, STREAM, "websocket.*", 0.0)
        finally:
            await connection.close()
