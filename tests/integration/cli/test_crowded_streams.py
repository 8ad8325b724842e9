"""Commands on a stream with more subjects, or more heartbeats, than are read: they say so."""

import time
from collections.abc import Iterator

import pytest
from nats.aio.client import Client

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.transport import stored_subjects
from pulse_desktop.transport.stored_subjects import MAX_SUBJECTS
from tests.kit.cli_process import run_in_process
from tests.kit.filled_server import filled_server, wait_until_stored
from tests.kit.nats_servers import NatsServer

TOPICS = MAX_SUBJECTS + 1
HEARTBEATS = 6_000
STREAM = "PULSE_EVENTS"


async def fill(client: Client) -> None:
    """Store an event of many topics, then more heartbeats than are read at first."""
    js = client.jetstream()
    await js.add_stream(name=STREAM, subjects=["websocket.>"])
    for number in range(TOPICS):
        topic = f"topic-{number}"
        payload = encode_event(topic, "odd", {}, source="w@h:1", now=time.time())[1]
        await client.publish(f"websocket.{topic}", payload)
    await client.flush()
    data = {"worker": "w@h:1", "slots": 4, "busy": 0, "tasks": []}
    for _number in range(HEARTBEATS):
        payload = encode_event(
            "monitoring", "worker.heartbeat", data, source="w@h:1", now=time.time()
        )[1]
        await client.publish("websocket.monitoring", payload)

    await wait_until_stored(client, STREAM, TOPICS + HEARTBEATS)


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with filled_server(fill) as server:
        yield server


def test_topics_that_are_not_counted_are_said(env: dict[str, str]) -> None:
    result = run_in_process("status", "--json", env=env)
    assert result.object["topics_are_complete"] is False
    assert result.object["topics"]["monitoring"]["received"] == HEARTBEATS
    assert "Of some topics the events were counted only" in run_in_process("status", env=env).err


def test_heartbeats_that_are_not_read_are_said(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "heartbeats" not in run_in_process("workers", env=env).err
    monkeypatch.setattr(stored_subjects, "MAX_MESSAGES", 50)
    result = run_in_process("workers", env=env)
    assert "Only the newest 50 heartbeats were read, back to " in result.err
