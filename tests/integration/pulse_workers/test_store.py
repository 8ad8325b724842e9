"""The store on a real server: what is read is all of it, or the reader learns that it is not."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pulse_workers.chat.records import Topic
from pulse_workers.chat.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import KNOWLEDGE, provision

from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

Reading = JetStreamContext.PullSubscription


@pytest.fixture
async def js(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(nats_server.url)
    js = client.jetstream(timeout=1)
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
    os.kill(nats_server.pid, signal.SIGCONT)  # also when a test fails
    await client.close()


async def _fall_silent(server: NatsServer) -> None:
    """Stop the server, and return when it has: its threads still answer for a moment."""
    os.kill(server.pid, signal.SIGSTOP)
    threads = Path(f"/proc/{server.pid}/task")

    def is_stopped() -> bool:
        states = [file.read_text().rpartition(")")[2].split()[0] for file in threads.glob("*/stat")]
        return set(states) <= {"T"}

    await wait_until(is_stopped)


def _when_asked_about_the_reading(
    monkeypatch: pytest.MonkeyPatch, *happens: Callable[[], Awaitable[None]]
) -> None:
    """Let things happen, each once, after a reader has asked how much there is to read."""
    real = Reading.consumer_info
    left = list(happens)

    async def then(subscription: Reading) -> nats.js.api.ConsumerInfo:
        found = await real(subscription)
        if left:
            await left.pop(0)()
        return found

    monkeypatch.setattr(Reading, "consumer_info", then)


async def test_topics_that_a_silent_server_does_not_send_are_not_said_to_be_none(
    nats_server: NatsServer, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)
    assert len(await store.topics()) == 3

    async def fall_silent() -> None:
        await _fall_silent(nats_server)

    with monkeypatch.context() as patched:
        _when_asked_about_the_reading(patched, fall_silent)
        with pytest.raises(TimeoutError):
            await store.topics()
    os.kill(nats_server.pid, signal.SIGCONT)
    assert len(await store.topics()) == 3


async def test_topics_that_a_slow_server_sends_too_late_are_not_said_to_be_none(
    nats_server: NatsServer, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)
    real = Reading.fetch

    async def fetch_too_early(subscription: Reading, *args: Any, **more: Any) -> list[Msg]:
        await _fall_silent(nats_server)
        try:
            return await real(subscription, *args, **more)
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)

    with monkeypatch.context() as patched:
        patched.setattr(Reading, "fetch", fetch_too_early)
        with pytest.raises(TimeoutError):
            await store.topics()
    assert len(await store.topics()) == 3


async def test_values_that_are_removed_while_they_are_read_are_no_error(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)

    async def remove_one() -> None:
        await js.purge_stream(f"KV_{KNOWLEDGE}", subject=f"$KV.{KNOWLEDGE}.topic.two")

    _when_asked_about_the_reading(monkeypatch, remove_one)
    assert {topic.id for topic in await store.topics()} == {"one", "three"}
