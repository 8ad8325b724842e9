"""The store on a real server: reading returns everything, or raises an error."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pulse_workers.chat.records import TopicAssignment
from pulse_workers.chat.store.knowledge import Provenance
from pulse_workers.chat.store.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import KNOWLEDGE, provision

from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

Subscription = JetStreamContext.PullSubscription


@pytest.fixture
async def js(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await connect(nats_server.url)
    js = client.jetstream(timeout=1)
    await provision(js, Settings(server=nats_server.url))
    store = await Store.open(js)
    for name in ("one", "two", "three"):
        assignment = TopicAssignment(name, name, (), (f"1.{name}",))
        await store.knowledge.assign(assignment, {}, Provenance("1", "model", "vectors", ""))
    yield js
    os.kill(nats_server.pid, signal.SIGCONT)  # even if a test fails
    await client.close()


async def _suspend(server: NatsServer) -> None:
    """Suspend the server, and wait until it is: its threads still respond for a moment."""
    os.kill(server.pid, signal.SIGSTOP)
    threads = Path(f"/proc/{server.pid}/task")

    def is_stopped() -> bool:
        states = [file.read_text().rpartition(")")[2].split()[0] for file in threads.glob("*/stat")]
        return set(states) <= {"T"}

    await wait_until(is_stopped)


def _after_consumer_info(
    monkeypatch: pytest.MonkeyPatch, *actions: Callable[[], Awaitable[None]]
) -> None:
    """Run actions, one after each request of a reader for the number of pending values."""
    real = Subscription.consumer_info
    remaining = list(actions)

    async def consumer_info(subscription: Subscription) -> nats.js.api.ConsumerInfo:
        found = await real(subscription)
        if remaining:
            await remaining.pop(0)()
        return found

    monkeypatch.setattr(Subscription, "consumer_info", consumer_info)


async def test_topics_that_a_suspended_server_does_not_send_raise_an_error(
    nats_server: NatsServer, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)
    assert len(await store.knowledge.topics()) == 3

    async def suspend() -> None:
        await _suspend(nats_server)

    with monkeypatch.context() as patched:
        _after_consumer_info(patched, suspend)
        with pytest.raises(TimeoutError):
            await (await Store.open(js)).knowledge.topics()
    os.kill(nats_server.pid, signal.SIGCONT)
    assert len(await store.knowledge.topics()) == 3


@pytest.mark.slow
async def test_topics_that_a_slow_server_sends_too_late_raise_an_error(
    nats_server: NatsServer, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)
    real = Subscription.fetch

    async def fetch_too_early(subscription: Subscription, *args: Any, **more: Any) -> list[Msg]:
        await _suspend(nats_server)
        try:
            return await real(subscription, *args, **more)
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)

    with monkeypatch.context() as patched:
        patched.setattr(Subscription, "fetch", fetch_too_early)
        with pytest.raises(TimeoutError):
            await store.knowledge.topics()
    assert len(await store.knowledge.topics()) == 3


async def test_values_deleted_while_reading_are_not_an_error(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)

    async def remove_one() -> None:
        await js.purge_stream(f"KV_{KNOWLEDGE}", subject=f"$KV.{KNOWLEDGE}.topic.two")

    _after_consumer_info(monkeypatch, remove_one)
    assert {topic.id for topic in await store.knowledge.topics()} == {"one", "three"}
