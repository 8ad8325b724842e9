"""Search over a real store: deleted and expired messages are no hits, and others replace them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from nats.js import JetStreamContext
from pulse_workers.chat.agents.call_tracing import AgentCalls
from pulse_workers.chat.pipeline.stages import stage_versions
from pulse_workers.chat.providers.builtin.provider import BuiltinProvider
from pulse_workers.chat.providers.provider import Answer
from pulse_workers.chat.records import Atom, ChatMessage, Evidence, Stage, Vector
from pulse_workers.chat.search import ATOM, MESSAGE, KnowledgeSearch
from pulse_workers.chat.store.store import Store
from pulse_workers.chat.text_index import TextIndex
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision

from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message

QUERY = "payment queue"
COUNT = 400


@pytest.fixture
async def js(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await connect(nats_server.url)
    js = client.jetstream()
    await provision(js, Settings(server=nats_server.url))
    yield js
    await client.close()


class Published:
    """The events that were published; `keys` tells whether some may have a key."""

    def __init__(self, *, keys: bool = False) -> None:
        self._keys = keys
        self.events: list[tuple[str, dict[str, Any]]] = []

    def publish(self, _topic: str, type_: str, data: dict[str, Any], *, key: str = "") -> None:
        assert self._keys or not key
        self.events.append((type_, data))


def make_search(store: Store) -> KnowledgeSearch:
    provider = BuiltinProvider()
    return KnowledgeSearch(store, provider, AgentCalls(Published(), provider))


async def fill(store: Store) -> list[ChatMessage]:
    """Store messages with vectors, the most similar to the query first, and others."""
    messages = [
        chat_message(f"payment queue {'slow ' * (number // 40)}{number}", id=f"1.{number}")
        for number in range(COUNT)
    ]
    others = [
        chat_message(f"Lunch with {name} on day {number} was good", id=f"2.{name}{number}")
        for name in ("Ada", "Bo", "Cy", "Di", "Ed")
        for number in range(COUNT // 4)
    ]
    await put(store, [*messages, *others])
    return messages


async def put(store: Store, messages: list[ChatMessage]) -> None:
    provider = BuiltinProvider()
    await store.messages.put_many(messages)
    ids = [message.id for message in messages]
    answer = await provider.embed([message.content for message in messages])
    model = stage_versions(provider)[Stage.EMBEDDED].model
    await store.vectors.put(ids, ids, answer.value, model)


def atom(number: int, *sources: ChatMessage) -> Atom:
    evidence = tuple(Evidence(each.id, each.content, "decided") for each in sources)
    return Atom(f"atom{number}", "decision", f"the payment queue, {number}", evidence, 0.9, "en")


async def test_deleted_and_expired_messages_are_no_hits_and_others_take_their_places(
    js: JetStreamContext,
) -> None:
    store = await Store.open(js)
    messages = await fill(store)
    deleted, expired = messages[:200], messages[200:260]
    living = {message.id for message in messages[260:]}
    await store.atoms.add(
        [atom(1, deleted[0]), atom(2, expired[0]), atom(3, deleted[1], messages[300])]
    )
    earlier = make_search(store)
    before = await earlier.search(QUERY, 100)
    assert {each.id for each in before.hits if each.kind == ATOM} == {"atom1", "atom2", "atom3"}
    assert living.isdisjoint(each.id for each in before.hits[:50])
    assert len(await store.delete_messages(each.id for each in deleted)) == len(deleted)
    for each in expired:  # as their age does: nothing tells of it
        await js.purge_stream("KV_pulse_messages", subject=f"$KV.pulse_messages.{each.id}")
    for search in (earlier, make_search(store)):
        result = await search.search(QUERY, 100)
        found = [each.id for each in result.hits if each.kind == MESSAGE]
        assert len(result.hits) == 100
        assert set(found) <= living
        assert [each.id for each in result.hits if each.kind == ATOM] == ["atom3"]
        assert set(result.messages) <= living
        assert sum(each.vector_rank is not None for each in result.hits) >= 90


async def test_what_only_resembles_a_query_as_any_text_does_is_no_hit(js: JetStreamContext) -> None:
    store = await Store.open(js)
    await fill(store)
    related = chat_message("The coffee machine leaks", id="3.1")
    await put(store, [related])
    search = make_search(store)
    assert [each.id for each in (await search.search("leaking coffee machines", 10)).hits] == [
        "3.1"
    ]
    assert not (await search.search("kubernetes ingress certificate", 10)).hits


async def test_the_embedding_of_a_query_is_published_as_a_call(js: JetStreamContext) -> None:
    store, published, provider = await Store.open(js), Published(), BuiltinProvider()
    search = KnowledgeSearch(store, provider, AgentCalls(published, provider))
    await search.search(QUERY, 10, "task-1")
    assert [type_ for type_, _ in published.events] == ["agent.started", "agent.finished"]
    finished = published.events[1][1]
    assert finished["agent"] == "embedding"
    assert (finished["task_id"], finished["items"]) == ("task-1", 1)
    assert (finished["provider"], finished["cost_usd"]) == ("builtin", 0.0)


async def test_a_cancelled_search_ends_its_thread_and_a_slow_embedding_holds_up_no_other(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(js)
    await put(store, [chat_message("payment queue", id="1.1")])
    provider = BuiltinProvider()
    search = KnowledgeSearch(store, provider, AgentCalls(Published(), provider))
    embed, asked, answered = provider.embed, asyncio.Event(), asyncio.Event()

    async def slow(texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        if texts == ["slow"]:
            asked.set()
            await answered.wait()
        return await embed(texts, is_query=is_query)

    monkeypatch.setattr(provider, "embed", slow)
    add, entered, leave, left = TextIndex.add, threading.Event(), threading.Event(), []

    def blocked(index: TextIndex, text_id: str, text: str) -> None:
        entered.set()
        leave.wait(30)
        add(index, text_id, text)
        left.append(text_id)

    monkeypatch.setattr(TextIndex, "add", blocked)
    waiting = asyncio.create_task(search.search("slow", 10))
    await asked.wait()
    cancelled = asyncio.create_task(search.search(QUERY, 10))
    await wait_until(entered.is_set)
    cancelled.cancel()
    following = asyncio.create_task(search.search(QUERY, 10))
    done, _ = await asyncio.wait([cancelled, following], timeout=0.2)
    assert not done
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert left == ["1.1"]
    assert [each.id for each in (await following).hits] == ["1.1"]
    assert not waiting.done()
    answered.set()
    await waiting
