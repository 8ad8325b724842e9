"""Counts and newest messages of the subjects of a stream, without reading it."""

import time

import pytest

from pulse_desktop.model.errors import NotPermittedError
from pulse_desktop.transport import stored_subjects
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import OrderedConsumer
from pulse_desktop.transport.stored_subjects import (
    StoredMessages,
    messages_since,
    subject_activity,
)
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


def numbers(stored: StoredMessages) -> list[int]:
    return [int(each.payload) for each in stored.messages]


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
        assert found.is_complete
        assert {subject: each.count for subject, each in found.by_subject.items()} == {
            "websocket.tasks": 320,
            "websocket.agents": 5,
        }
        agents, tasks = found.by_subject["websocket.agents"], found.by_subject["websocket.tasks"]
        assert agents.last_at < middle < tasks.last_at
        recent = await subject_activity(connection, STREAM, "websocket.*", middle)
        assert recent.by_subject["websocket.tasks"].count == 20
        assert recent.by_subject["websocket.agents"].count == 0
        stored = await messages_since(connection, STREAM, "websocket.tasks", middle)
        assert numbers(stored) == list(range(300, 320))
        assert stored.is_complete
        none = await messages_since(connection, STREAM, "websocket.metrics", 0.0)
        assert (numbers(none), none.is_complete) == ([], True)

        async def is_cleaned_up() -> bool:
            return (await connection.js.stream_info(STREAM)).state.consumer_count == 0

        await wait_until(is_cleaned_up)
    finally:
        await connection.close()


async def test_the_newest_are_kept_and_a_cut_is_said(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_subjects, "MAX_SUBJECTS", 3)
    monkeypatch.setattr(stored_subjects, "MAX_MESSAGES", 7)
    await create_stream(nats_server)
    for name in "edcba":
        await store(nats_server, range(10), f"websocket.{name}")
    connection = Connection(nats_server.url)
    await connection.open()
    try:
        found = await subject_activity(connection, STREAM, "websocket.*", 0.0)
        assert {subject: each.count for subject, each in found.by_subject.items()} == {
            "websocket.a": 10,
            "websocket.b": 10,
            "websocket.c": 10,
        }
        assert not found.is_complete
        stored = await messages_since(connection, STREAM, "websocket.e", 0.0)
        assert (numbers(stored), stored.is_complete) == ([3, 4, 5, 6, 7, 8, 9], False)
    finally:
        await connection.close()


@pytest.mark.parametrize("deleted", [(0,), (4, 5), (8, 9)])
async def test_subjects_whose_newest_message_is_deleted_meanwhile_are_counted(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, deleted: tuple[int, ...]
) -> None:
    await create_stream(nats_server)
    for subject in range(10):
        await store(nats_server, range(3), f"websocket.{subject}")
    connection = Connection(nats_server.url)
    await connection.open()
    request = OrderedConsumer._request_more  # noqa: SLF001
    left = list(deleted)

    async def delete_and_request(consumer: OrderedConsumer) -> bool:
        while left:
            await connection.js.delete_msg(STREAM, 3 * left.pop() + 3)
        return await request(consumer)

    monkeypatch.setattr(OrderedConsumer, "_request_more", delete_and_request)
    try:
        found = await subject_activity(connection, STREAM, "websocket.*", 0.0)
    finally:
        await connection.close()
    assert found.is_complete
    assert {subject: each.count for subject, each in found.by_subject.items()} == {
        f"websocket.{number}": 2 if number in deleted else 3 for number in range(10)
    }


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
