"""Search over a real store: deleted and expired messages are no hits, and others replace them."""

from collections.abc import AsyncIterator

import pytest
from nats.js import JetStreamContext
from pulse_workers.chat.pipeline.stages import stage_versions
from pulse_workers.chat.providers.builtin.provider import BuiltinProvider
from pulse_workers.chat.records import Atom, ChatMessage, Evidence, Stage
from pulse_workers.chat.search import ATOM, MESSAGE, KnowledgeSearch
from pulse_workers.chat.store.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision

from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
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
    await store.knowledge.add_atoms(
        [atom(1, deleted[0]), atom(2, expired[0]), atom(3, deleted[1], messages[300])]
    )
    earlier = KnowledgeSearch(store, BuiltinProvider())
    before = await earlier.search(QUERY, 100)
    assert {each.id for each in before.found if each.kind == ATOM} == {"atom1", "atom2", "atom3"}
    assert living.isdisjoint(each.id for each in before.found[:50])
    assert len(await store.delete_messages(each.id for each in deleted)) == len(deleted)
    for each in expired:  # as their age does: nothing tells of it
        await js.purge_stream("KV_pulse_messages", subject=f"$KV.pulse_messages.{each.id}")
    for search in (earlier, KnowledgeSearch(store, BuiltinProvider())):
        result = await search.search(QUERY, 100)
        found = [each.id for each in result.found if each.kind == MESSAGE]
        assert len(result.found) == 100
        assert set(found) <= living
        assert [each.id for each in result.found if each.kind == ATOM] == ["atom3"]
        assert set(result.messages) <= living
        assert sum(each.vector_rank is not None for each in result.found) >= 90


async def test_what_only_resembles_a_query_as_any_text_does_is_no_hit(js: JetStreamContext) -> None:
    store = await Store.open(js)
    await fill(store)
    related = chat_message("The coffee machine leaks", id="3.1")
    await put(store, [related])
    search = KnowledgeSearch(store, BuiltinProvider())
    assert [each.id for each in (await search.search("leaking coffee machines", 10)).found] == [
        "3.1"
    ]
    assert not (await search.search("kubernetes ingress certificate", 10)).found
