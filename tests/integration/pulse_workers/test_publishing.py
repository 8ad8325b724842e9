"""What workers send quickly is stored completely: results in one go, events together."""

import asyncio
import json
from pathlib import Path

import nats
import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import StreamConfig
from nats.js.errors import (
    APIError,
    NoStreamResponseError,
    NotFoundError,
    ObjectNotFoundError,
    ServiceUnavailableError,
)
from pulse_workers.brokers import jetstream_broker as broker_module
from pulse_workers.brokers.jetstream_broker import JetStreamBroker
from pulse_workers.config.settings import Settings
from pulse_workers.results.object_writer import CHUNK_SIZE, ObjectWriter
from pulse_workers.telemetry.event_publisher import EventPublisher
from taskiq import BrokerMessage

from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    TASK_STREAM,
    TASK_SUBJECT,
)
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

STREAM = "OBJ_results"


@pytest.fixture
async def client(nats_server: NatsServer):
    client = await nats.connect(nats_server.url)
    yield client
    await client.close()


async def _writer(client, **limits) -> ObjectWriter:
    subjects = ["$O.results.C.>", "$O.results.M.>"]
    await client.jetstream().add_stream(
        StreamConfig(name=STREAM, subjects=subjects, allow_rollup_hdrs=True, **limits)
    )
    writer = ObjectWriter(client, "results")
    await writer.open()
    return writer


async def _stored(client) -> int:
    return (await client.jetstream().stream_info(STREAM)).state.messages


@pytest.mark.parametrize("size", [1, 150, CHUNK_SIZE])
async def test_an_object_is_one_that_any_client_can_read(client, size) -> None:
    writer = await _writer(client)
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    await writer.put("progress:ключ", body)
    bucket = await client.jetstream().object_store("results")
    found = await bucket.get("progress:ключ")
    assert (found.data, found.info.chunks, found.info.size) == (body, 1, size)
    assert not found.info.deleted


async def test_an_object_stored_again_leaves_nothing_of_the_earlier_one(client) -> None:
    writer = await _writer(client)
    for body in (b"first", b"second, which is longer", b"3rd"):
        await writer.put("key", body)
    bucket = await client.jetstream().object_store("results")
    assert (await bucket.get("key")).data == b"3rd"
    assert await _stored(client) == 2  # a chunk and a description


async def test_many_at_once_are_all_stored(client) -> None:
    writer = await _writer(client)
    await asyncio.gather(*(writer.put(f"key-{n}", b"%d" % n) for n in range(200)))
    bucket = await client.jetstream().object_store("results")
    assert await _stored(client) == 400  # a chunk and a description of each
    assert (await bucket.get("key-17")).data == b"17"


async def test_an_object_whose_chunk_is_refused_is_not_there(client) -> None:
    writer = await _writer(client, max_msg_size=1_000)
    with pytest.raises(APIError, match="maximum"):
        await writer.put("key", b"x" * 5_000)
    bucket = await client.jetstream().object_store("results")
    with pytest.raises(ObjectNotFoundError):
        await bucket.get_info("key")


async def test_a_missing_bucket_and_a_missing_server_are_told(
    nats_server: NatsServer, client
) -> None:
    writer = ObjectWriter(client, "nowhere")
    await writer.open()
    with pytest.raises(nats.js.errors.NoStreamResponseError):
        await writer.put("key", b"x")
    nats_server.stop()
    impatient = ObjectWriter(client, "nowhere", timeout=0.2)
    with pytest.raises(NatsTimeoutError):
        await impatient.put("key", b"x")


async def _history(js) -> StreamConfig:
    return await js.add_stream(
        StreamConfig(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT], duplicate_window=60)
    )


async def _kept(js) -> list[int]:
    """Return the numbers of the stored events, in their order."""
    numbers = []
    state = (await js.stream_info(EVENT_STREAM)).state
    for sequence in range(state.first_seq, state.last_seq + 1):
        message = await js.get_msg(EVENT_STREAM, sequence)
        numbers.append(json.loads(message.data)["data"]["number"])
    return numbers


async def test_every_event_survives_a_restart_of_the_server_and_is_kept_once(
    tmp_path: Path,
) -> None:
    with NatsServer(store_dir=tmp_path) as server:
        client = await nats.connect(server.url, reconnect_time_wait=0.05)
        js = client.jetstream()
        await _history(js)
        events = EventPublisher(Settings(server=server.url), "here")
        await events.start()
        for number in range(700):
            events.publish("tasks", "task.started", {"number": number})
            if number == 300:
                await asyncio.sleep(0)
                await wait_until(lambda: events.sent > 100)
                server.stop()
            if number == 500:
                server.start()

        async def all_stored() -> bool:
            try:
                return (await js.stream_info(EVENT_STREAM)).state.messages == 700
            except (nats.errors.Error, NotFoundError, OSError):
                return False

        await wait_until(all_stored, 15)
        assert sorted(await _kept(js)) == list(range(700))
        await events.close()
        await client.close()


async def test_confirmed_events_are_forgotten_per_subject(nats_server: NatsServer, client) -> None:
    js = client.jetstream()
    await _history(js)
    events = EventPublisher(Settings(server=nats_server.url), "here")
    await events.start()
    for number in range(500):
        topic = "tasks" if number % 3 else "monitoring"
        events.publish(topic, "some.event", {"number": number})
    await wait_until(lambda: events.sent == 500 and events.unacked == 0)
    assert await _kept(js) == list(range(500))
    await events.close()


async def test_events_that_no_stream_holds_are_given_up(nats_server: NatsServer) -> None:
    events = EventPublisher(Settings(server=nats_server.url), "here", ack_timeout=0.05)
    await events.start()
    listener = await nats.connect(nats_server.url)
    await listener.subscribe("websocket.*")
    await listener.flush()
    for number in range(10):
        events.publish("tasks", "some.event", {"number": number})
    await wait_until(lambda: events.sent == 10)

    async def told_more() -> bool:
        events.publish("metrics", "some.event", {})
        return events.unacked < 10

    await wait_until(told_more)
    await events.close()
    await listener.close()


@pytest.fixture
async def broker(nats_server: NatsServer):
    broker = JetStreamBroker(Settings(server=nats_server.url))
    await broker.startup()
    yield broker
    await broker.shutdown()


def _message(task_id: str) -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="any", message=b"{}", labels={})


async def test_a_task_waits_for_a_queue_that_nobody_answers_for_at_the_moment(
    client, broker
) -> None:
    """So it is while a cluster elects who leads the stream."""
    sending = [asyncio.create_task(broker.kick(_message(f"task-{n % 3}"))) for n in range(6)]
    done, _ = await asyncio.wait(sending, timeout=0.5)
    assert not done
    await client.jetstream().add_stream(StreamConfig(name=TASK_STREAM, subjects=[TASK_SUBJECT]))
    await asyncio.gather(*sending)
    assert (await client.jetstream().stream_info(TASK_STREAM)).state.messages == 3


async def test_a_task_is_refused_in_the_end_and_at_once_by_a_full_queue(
    client, broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "PUBLISH_TIMEOUT_S", 0.5)
    with pytest.raises(NoStreamResponseError):
        await broker.kick(_message("nowhere"))
    monkeypatch.setattr(broker_module, "PUBLISH_TIMEOUT_S", 60.0)
    full = StreamConfig(name=TASK_STREAM, subjects=[TASK_SUBJECT], max_msgs=1, discard="new")
    await client.jetstream().add_stream(full)
    await broker.kick(_message("first"))
    async with asyncio.timeout(10):
        with pytest.raises(ServiceUnavailableError, match="maximum"):
            await broker.kick(_message("second"))
