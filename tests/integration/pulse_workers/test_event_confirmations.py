"""Each event is confirmed by its stream, and sent again until it is."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import NotFoundError
from pulse_workers.config.settings import Settings
from pulse_workers.telemetry import event_confirmations
from pulse_workers.telemetry.event_publisher import CLOSE_TIMEOUT_S, EventPublisher
from pulse_workers.telemetry.unconfirmed_events import MAX_BYTES

from pulse_desktop.embedded.stack_services import DRAIN_TIMEOUT_S
from pulse_desktop.protocol.topics import EVENT_STREAM, EVENT_STREAM_SUBJECT
from tests.kit.full_disk import no_room_in_files
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import TESTER, NatsServer
from tests.kit.waiting import wait_until

TIMEOUT_S = 0.2
LARGE = 1_000_000
RESENT = 3


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.url)
    yield client
    await client.close()


@pytest.fixture
async def events(nats_server: NatsServer) -> AsyncIterator[EventPublisher]:
    settings = Settings(server=nats_server.url)
    events = EventPublisher(settings, "here", confirm_timeout=TIMEOUT_S)
    await events.start()
    yield events
    await events.close()


async def _add_stream(js: JetStreamContext, **more: Any) -> None:
    subjects = [EVENT_STREAM_SUBJECT]
    await js.add_stream(
        StreamConfig(name=EVENT_STREAM, subjects=subjects, duplicate_window=60, **more)
    )


async def _stored_numbers(js: JetStreamContext) -> list[int]:
    """Return the numbers of the stored events, in their order."""
    numbers: list[int] = []
    state = (await js.stream_info(EVENT_STREAM)).state
    for sequence in range(state.first_seq, state.last_seq + 1):
        message = await js.get_msg(EVENT_STREAM, sequence)
        numbers.append(json.loads(message.data or b"")["data"]["number"])
    return numbers


def _publish(events: EventPublisher, numbers: range) -> None:
    for number in numbers:
        events.publish("tasks", "task.started", {"number": number})


async def _publish_confirmed(events: EventPublisher, numbers: range) -> None:
    _publish(events, numbers)
    await wait_until(lambda: events.sent >= numbers.stop and not events.unconfirmed)


@pytest.mark.parametrize("listened", [pytest.param(True, marks=pytest.mark.slow), False])
async def test_events_that_a_stream_missed_are_stored_once(
    client: Client, events: EventPublisher, listened: bool
) -> None:
    """The server is there, the stream is not: as while a cluster elects the stream's leader.

    Events before and after the gap are confirmed, which says nothing about those in between.
    """
    if listened:  # otherwise the server replies "no responders"
        await client.subscribe("websocket.*")
        await client.flush()
    js = client.jetstream()
    await _add_stream(js)
    await _publish_confirmed(events, range(100))
    first = await _stored_numbers(js)
    await js.delete_stream(EVENT_STREAM)
    _publish(events, range(100, 200))
    await wait_until(lambda: events.sent == 200)
    assert events.client is not None
    published = events.client.stats["out_msgs"]
    await wait_until(lambda: events.client.stats["out_msgs"] >= published + RESENT)
    await events.client.flush()  # they reached the server, and were missed again
    await _add_stream(js)
    _publish(events, range(200, 300))
    await wait_until(lambda: events.sent == 300 and not events.unconfirmed)
    assert sorted(first + await _stored_numbers(js)) == list(range(300))
    assert not events.dropped


@pytest.mark.slow
async def test_every_event_is_stored_once_across_a_server_restart(tmp_path: Path) -> None:
    with NatsServer(store_dir=tmp_path) as server:
        client = await connect(server.url, reconnect_time_wait=0.05)
        js = client.jetstream()
        await _add_stream(js)
        settings = Settings(server=server.url)
        events = EventPublisher(settings, "here", confirm_timeout=TIMEOUT_S)
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
        assert sorted(await _stored_numbers(js)) == list(range(700))
        await wait_until(lambda: not events.unconfirmed)
        await events.close()
        await client.close()


async def test_closing_waits_for_the_stream(
    nats_server: NatsServer, client: Client, events: EventPublisher
) -> None:
    js = client.jetstream()
    await _add_stream(js)
    await _publish_confirmed(events, range(1))
    await js.delete_stream(EVENT_STREAM)
    _publish(events, range(1, 50))
    await wait_until(lambda: events.sent == 50)
    await client.flush()
    closing = asyncio.create_task(events.close())
    await _add_stream(js)
    await closing
    assert sorted(await _stored_numbers(js)) == list(range(1, 50))
    short = EventPublisher(Settings(server=nats_server.url), "there")
    await short.start()
    _publish(short, range(50, 51))  # its first event, with which nothing is known of a stream
    await short.close()
    assert (await _stored_numbers(js))[-1] == 50


@pytest.mark.parametrize("no_ack", [False, pytest.param(True, marks=pytest.mark.slow)])
async def test_events_that_nothing_confirms_are_not_kept(
    client: Client, events: EventPublisher, no_ack: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_confirmations, "_STREAM_CHECK_S", 5 * TIMEOUT_S)
    received: list[str] = []

    async def receive(message: Any) -> None:
        received.append(message.headers["Nats-Msg-Id"])

    await client.subscribe("websocket.*", cb=receive)
    if no_ack:
        await _add_stream(client.jetstream(), no_ack=True)
    await client.flush()
    _publish(events, range(10))
    await wait_until(lambda: events.sent == 10 and not events.unconfirmed)
    assert len(received) == len(set(received)) == 10
    _publish(events, range(10, 11))
    async with asyncio.timeout(2):
        await events.close()
    assert not events.dropped


async def test_events_of_a_deleted_stream_are_not_sent_forever(
    client: Client, events: EventPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    js = client.jetstream()
    await _add_stream(js)
    await _publish_confirmed(events, range(1))
    await js.delete_stream(EVENT_STREAM)
    with caplog.at_level(logging.WARNING, "pulse.workers.events"):
        _publish(events, range(1, 11))
        await wait_until(lambda: events.sent == 11 and not events.unconfirmed)
    assert "no stream stores events on websocket.tasks any more" in caplog.text
    await _add_stream(js)  # it may be created again
    await _publish_confirmed(events, range(11, 20))
    assert await _stored_numbers(js) == list(range(11, 20))


async def test_events_that_the_stream_refuses_are_counted(
    client: Client, events: EventPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    await _add_stream(client.jetstream(), max_msgs=5, discard=DiscardPolicy.NEW)
    with caplog.at_level(logging.WARNING, "pulse.workers.events"):
        _publish(events, range(20))
        await wait_until(lambda: events.sent == 20 and not events.unconfirmed)
        await wait_until(lambda: "refuses events: maximum messages exceeded" in caplog.text)
    assert events.dropped == 15
    assert await _stored_numbers(client.jetstream()) == list(range(5))


async def test_events_on_a_subject_that_the_server_refuses_are_not_sent_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name, password = TESTER
    users = (
        f"{{ user: {name}, password: {password} }}, "
        '{ user: worker, password: p, permissions: { publish: { deny: "websocket.tasks" } } }'
    )
    with NatsServer(config=f"authorization {{ users: [ {users} ] }}") as server:
        client = await connect(f"nats://{name}:{password}@{server.address}")
        await _add_stream(client.jetstream())
        settings = Settings(server=f"nats://worker:p@{server.address}")
        events = EventPublisher(settings, "here", confirm_timeout=TIMEOUT_S)
        await events.start()
        with caplog.at_level(logging.WARNING, "pulse.workers.events"):
            _publish(events, range(10))
            await wait_until(lambda: events.dropped == 10)
            _publish(events, range(10, 20))
            await wait_until(lambda: events.dropped == 20)
        assert not events.unconfirmed
        assert caplog.text.count("may not publish on websocket.tasks") == 1
        events.publish("monitoring", "worker.stopped", {"number": 20})
        _publish(events, range(21, 22))
        async with asyncio.timeout(CLOSE_TIMEOUT_S / 2):
            await events.close()
        assert await _stored_numbers(client.jetstream()) == [20]
        await client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process as Linux can")
async def test_closing_does_not_wait_for_a_stream_that_has_long_been_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with NatsServer() as server:
        client = await connect(server.url)
        await _add_stream(client.jetstream())
        await client.close()
        events = EventPublisher(Settings(server=server.url), "here", confirm_timeout=TIMEOUT_S)
        await events.start()
        await _publish_confirmed(events, range(1))
        with no_room_in_files(server.pid), caplog.at_level(logging.WARNING, "pulse.workers.events"):
            for number in range(10):
                events.publish("tasks", "task.started", {"number": number, "text": "x" * 20_000})
            await wait_until(lambda: "are not confirmed by their stream" in caplog.text)
            async with asyncio.timeout(CLOSE_TIMEOUT_S / 2):
                await events.close()
        assert "events not sent or not confirmed: 10" in caplog.text


async def test_large_events_fill_the_buffer_and_the_rest_is_dropped_and_counted(
    nats_server: NatsServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Task arguments decide how large an event is, so that their number alone limits no memory."""
    sizes: list[int] = []

    async def note(message: Msg) -> None:
        sizes.append(len(message.data))

    subscription = await client.subscribe(
        "websocket.tasks", cb=note, pending_bytes_limit=2 * MAX_BYTES
    )
    await client.flush()
    events = EventPublisher(Settings(server=nats_server.url), "here", confirm_timeout=TIMEOUT_S)
    count = MAX_BYTES // LARGE + 20
    for _ in range(count):  # while no server is connected
        events.publish("tasks", "task.queued", {"args": ["x" * LARGE]})
    kept = count - events.dropped
    assert MAX_BYTES - 2 * LARGE < kept * LARGE < MAX_BYTES
    await events.start()
    await wait_until(lambda: events.sent == kept)
    await wait_until(lambda: len(sizes) == kept)
    assert sum(sizes) <= MAX_BYTES
    await subscription.unsubscribe()
    await events.close()
    assert "the event buffer is full" in caplog.text
    assert f"{count - kept} events were dropped" in caplog.text


def test_closing_takes_less_than_the_supervisor_of_embedded_workers_waits() -> None:
    assert CLOSE_TIMEOUT_S + 1 < DRAIN_TIMEOUT_S
