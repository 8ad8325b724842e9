"""Commands on a stream with more subjects, or more heartbeats, than are read: they say so."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.transport import stored_subjects
from pulse_desktop.transport.stored_subjects import MAX_SUBJECTS
from tests.kit.cli_process import command_environment, run_in_process
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

TOPICS = MAX_SUBJECTS + 1
HEARTBEATS = 6_000
STREAM = "PULSE_EVENTS"


async def fill(server: NatsServer) -> None:
    """Store an event of many topics, then more heartbeats than are read at first."""
    client = await connect(server.url, allow_reconnect=False)
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

    async def is_stored() -> bool:
        return (await js.stream_info(STREAM)).state.last_seq == TOPICS + HEARTBEATS

    await wait_until(is_stored)
    await client.close()


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        asyncio.run(fill(server))
        yield server


@pytest.fixture
def env(server: NatsServer, tmp_path: Path) -> dict[str, str]:
    return command_environment(tmp_path / "data", PULSE_SERVER=server.url)


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
