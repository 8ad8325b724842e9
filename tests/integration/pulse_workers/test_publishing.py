"""Results, events and tasks that are published quickly are all stored."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import (
    APIError,
    NoStreamResponseError,
    ObjectNotFoundError,
    ServiceUnavailableError,
)
from pulse_workers.brokers import jetstream_broker as broker_module
from pulse_workers.brokers.jetstream_broker import JetStreamBroker
from pulse_workers.config.settings import Settings
from pulse_workers.results.object_writer import CHUNK_SIZE, ObjectWriter
from taskiq import BrokerMessage

from pulse_desktop.protocol.topics import (
    TASK_STREAM,
    TASK_SUBJECT,
)
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

STREAM = "OBJ_results"


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.url)
    yield client
    await client.close()


async def _writer(client: Client, max_msg_size: int | None = None) -> ObjectWriter:
    subjects = ["$O.results.C.>", "$O.results.M.>"]
    await client.jetstream().add_stream(
        StreamConfig(
            name=STREAM, subjects=subjects, allow_rollup_hdrs=True, max_msg_size=max_msg_size
        )
    )
    writer = ObjectWriter(client, "results")
    await writer.open()
    return writer


async def _count_messages(client: Client) -> int:
    info = await client.jetstream().stream_info(STREAM)
    return info.state.messages


@pytest.mark.parametrize("size", [1, 150, CHUNK_SIZE])
async def test_a_stored_object_is_readable_by_every_client(client: Client, size: int) -> None:
    writer = await _writer(client)
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    await writer.put("progress:ключ", body)
    bucket = await client.jetstream().object_store("results")
    found = await bucket.get("progress:ключ")
    assert (found.data, found.info.chunks, found.info.size) == (body, 1, size)
    assert not found.info.deleted


async def test_an_overwritten_object_leaves_no_earlier_chunks(client: Client) -> None:
    writer = await _writer(client)
    for body in (b"first", b"second, which is longer", b"3rd"):
        await writer.put("key", body)
    bucket = await client.jetstream().object_store("results")
    assert (await bucket.get("key")).data == b"3rd"
    assert await _count_messages(client) == 2  # a chunk and a description


async def test_many_concurrent_objects_are_all_stored(client: Client) -> None:
    writer = await _writer(client)
    await asyncio.gather(*(writer.put(f"key-{n}", b"%d" % n) for n in range(200)))
    bucket = await client.jetstream().object_store("results")
    assert await _count_messages(client) == 400  # a chunk and a description of each
    assert (await bucket.get("key-17")).data == b"17"


async def test_an_object_with_a_refused_chunk_is_not_stored(client: Client) -> None:
    writer = await _writer(client, max_msg_size=1_000)
    with pytest.raises(APIError, match="maximum"):
        await writer.put("key", b"x" * 5_000)
    bucket = await client.jetstream().object_store("results")
    with pytest.raises(ObjectNotFoundError):
        await bucket.get_info("key")


async def test_a_missing_bucket_and_a_missing_server_raise(
    nats_server: NatsServer, client: Client
) -> None:
    writer = ObjectWriter(client, "nowhere")
    await writer.open()
    with pytest.raises(NoStreamResponseError):
        await writer.put("key", b"x")
    nats_server.stop()
    impatient = ObjectWriter(client, "nowhere", timeout=0.2)
    with pytest.raises(NatsTimeoutError):
        await impatient.put("key", b"x")


@pytest.fixture
async def broker(nats_server: NatsServer) -> AsyncIterator[JetStreamBroker]:
    broker = JetStreamBroker(Settings(server=nats_server.url))
    await broker.startup()
    yield broker
    await broker.shutdown()


def _message(task_id: str) -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="any", message=b"{}", labels={})


async def test_a_task_waits_for_a_queue_without_a_leader(
    client: Client, broker: JetStreamBroker
) -> None:
    """This happens while a cluster elects the leader of the stream."""
    sending = [asyncio.create_task(broker.kick(_message(f"task-{n % 3}"))) for n in range(6)]
    done, _ = await asyncio.wait(sending, timeout=0.5)
    assert not done
    await client.jetstream().add_stream(StreamConfig(name=TASK_STREAM, subjects=[TASK_SUBJECT]))
    await asyncio.gather(*sending)
    assert (await client.jetstream().stream_info(TASK_STREAM)).state.messages == 3


async def test_a_task_is_refused_after_the_timeout_and_by_a_full_queue_at_once(
    client: Client, broker: JetStreamBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "PUBLISH_TIMEOUT_S", 0.5)
    with pytest.raises(NoStreamResponseError):
        await broker.kick(_message("nowhere"))
    monkeypatch.setattr(broker_module, "PUBLISH_TIMEOUT_S", 60.0)
    full = StreamConfig(
        name=TASK_STREAM, subjects=[TASK_SUBJECT], max_msgs=1, discard=DiscardPolicy.NEW
    )
    await client.jetstream().add_stream(full)
    await broker.kick(_message("first"))
    async with asyncio.timeout(10):
        with pytest.raises(ServiceUnavailableError, match="maximum"):
            await broker.kick(_message("second"))
