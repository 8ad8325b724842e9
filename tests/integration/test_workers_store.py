"""The store on a real server: what is read is all of it, or the reader learns that it is not."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import nats
import pytest
from nats.js import JetStreamContext

from tests.servers import NatsServer
from workers.provisioning import KNOWLEDGE, provision
from workers.records import Topic
from workers.settings import Settings
from workers.store import Store

Reading = JetStreamContext.PullSubscription


@pytest.fixture
async def js(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(nats_server.url)
    js = client.jetstream()
    await provision(js, Settings(server=nats_server.url))
    store = await Store.open(js)
    for name in ("one", "two", "three"):
        await store.put_topic(
            Topic(
                id=name,
                name=name,
                key_phrases=(),
                message_ids=(),
                message_count=5,
                quality=1.0,
                centre=(1.0,),
            )
        )
    yield js
    await client.close()


def _when_reading_has_begun(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[None]]
) -> None:
    """Let something happen once, between counting the values and reading them."""
    real = Reading.consumer_info

    async def then(subscription: Reading) -> nats.js.api.ConsumerInfo:
        found = await real(subscription)
        monkeypatch.setattr(Reading, "consumer_info", real)
        await happens()
        return found

    monkeypatch.setattr(Reading, "consumer_info", then)


async def test_topics_that_a_slow_server_does_not_send_in_time_are_not_said_to_be_none(
    nats_server: NatsServer, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)
    assert len(await store.topics()) == 3

    async def fall_silent() -> None:
        os.kill(nats_server.pid, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(2.5, os.kill, nats_server.pid, signal.SIGCONT)

    _when_reading_has_begun(monkeypatch, fall_silent)
    with pytest.raises(TimeoutError):
        await store.topics()
    assert len(await store.topics()) == 3


async def test_values_that_are_removed_while_they_are_read_are_no_error(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)

    async def remove_one() -> None:
        await js.purge_stream(f"KV_{KNOWLEDGE}", subject=f"$KV.{KNOWLEDGE}.topic.two")

    _when_reading_has_begun(monkeypatch, remove_one)
    assert {topic.id for topic in await store.topics()} == {"one", "three"}
