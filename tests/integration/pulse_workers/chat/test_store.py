"""The store on a real server: bulk reads and writes, topics, and vectors."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import numpy as np
import pytest
from nats.js import JetStreamContext
from pulse_workers.chat.providers.provider import TopicAssignment
from pulse_workers.chat.records import Atom, Evidence, Stage, StageOutcome, StageRecord, Vector
from pulse_workers.chat.store import requests
from pulse_workers.chat.store.bucket import Bucket
from pulse_workers.chat.store.knowledge import Member, Reader
from pulse_workers.chat.store.messages import MessageChange
from pulse_workers.chat.store.requests import MAX_IN_FLIGHT, BulkRequests
from pulse_workers.chat.store.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import KNOWLEDGE, STATE, provision

from pulse_desktop.nats_client.client import client_of
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message


@pytest.fixture
async def js(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await connect(nats_server.url)
    js = client.jetstream()
    await provision(js, Settings(server=nats_server.url))
    yield js
    await client.close()


@pytest.fixture
async def store(js: JetStreamContext) -> Store:
    return await Store.open(js)


async def open_bucket(js: JetStreamContext) -> Bucket:
    bulk = BulkRequests(client_of(js))
    await bulk.open()
    return Bucket(js, bulk, STATE)


async def test_many_values_are_read_and_written_together_also_from_older_servers(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await open_bucket(js)
    values = {f"k.{n}": f"{n}".encode() for n in range(MAX_IN_FLIGHT + 10)}
    assert await bucket.create_many(values) == set(values)
    assert await bucket.create_many({"k.1": b"other", "new": b"x"}) == {"new"}
    await js.publish(f"$KV.{STATE}.k.2", b"", headers={"KV-Operation": "DEL"})
    wanted = [*values, "absent"]
    expected = {key: value for key, value in values.items() if key != "k.2"}
    for version in ((2, 11), (99, 0)):
        monkeypatch.setattr(requests, "_BATCH_VERSION", version)
        found = await bucket.get_many(wanted)
        assert {key: entry.value for key, entry in found.items()} == expected
    entry = found["k.5"]
    assert await bucket.update("k.5", b"changed", entry.revision)
    assert not await bucket.update("k.5", b"too late", entry.revision)


@pytest.mark.slow
async def test_values_larger_than_one_answer_of_the_server_are_read_completely(
    js: JetStreamContext,
) -> None:
    bucket = await open_bucket(js)
    values = {f"large.{n}": bytes([n]) * 900_000 for n in range(80)}
    await bucket.put_many(values)
    found = await bucket.get_many(list(values))
    assert {key: entry.value == values[key] for key, entry in found.items()} == dict.fromkeys(
        values, True
    )


async def test_messages_are_new_once_and_an_older_copy_does_not_replace_an_edit(
    store: Store,
) -> None:
    first, second = chat_message("one"), chat_message("two")
    changes = dict(await _changes(store, first, second, first))
    assert changes == {first.id: MessageChange.NEW, second.id: MessageChange.NEW}
    edited = chat_message("one, edited", id=first.id, edited_at="2026-09-22T00:00:00+00:00")
    assert await _changes(store, edited, second) == [
        (first.id, MessageChange.UPDATED),
        (second.id, MessageChange.UNCHANGED),
    ]
    assert await _changes(store, first) == [(first.id, MessageChange.UNCHANGED)]
    assert (await store.messages.get(first.id)).content == "one, edited"


async def test_a_deleted_message_is_gone_with_scores_and_stages_and_can_be_stored_again(
    store: Store, js: JetStreamContext
) -> None:
    gone, kept = chat_message("gone"), chat_message("kept")
    ids = [gone.id, kept.id]
    await _changes(store, gone, kept)
    record = StageRecord("hash", "model", StageOutcome.DONE, "")
    for stage in Stage:
        await store.stages.put_many(stage, dict.fromkeys(ids, record))
    assert [each.id for each in await store.delete_messages([gone.id, "absent"])] == [gone.id]
    assert [each.id for each in await store.messages.get_many(ids)] == [kept.id]
    stages = await store.stages.get_many(ids)
    assert (stages[gone.id], len(stages[kept.id])) == ({}, len(Stage))
    assert await store.delete_messages([gone.id]) == []
    marker = await js.get_last_msg("KV_pulse_messages", f"$KV.pulse_messages.{gone.id}")
    assert not marker.data
    assert await _changes(store, gone, kept) == [
        (gone.id, MessageChange.NEW),
        (kept.id, MessageChange.UNCHANGED),
    ]
    assert (await store.messages.get(gone.id)).content == "gone"


async def _changes(store: Store, *messages: object) -> list[tuple[str, MessageChange]]:
    stored = await store.messages.put_many(messages)  # type: ignore[arg-type]
    return [(message.id, change) for message, change in stored]


def vector(*values: float) -> Vector:
    found = np.asarray(values, dtype=np.float32)
    return np.asarray(found / np.linalg.norm(found), dtype=np.float32)


async def test_concurrent_readings_add_every_member_once(
    nats_server: NatsServer, js: JetStreamContext
) -> None:
    clients = [await connect(nats_server.url) for _ in range(4)]
    stores = [await Store.open(client.jetstream()) for client in clients]

    async def read(number: int) -> None:
        for part in range(6):
            first = 5 * (4 * part + number)
            ids = tuple(f"1.{n}" for n in range(first, first + 8))  # 3 of them of the next reading
            assignment = TopicAssignment("topic", "payment queue", ("payment queue",), ids)
            vectors = {key: vector(1.0, 0.1 * number) for key in ids}
            reader = Reader(f"{number} {part}", "model", "vectors", "")
            await stores[number].knowledge.assign(assignment, vectors, reader)

    await asyncio.gather(*(read(number) for number in range(4)))
    for client in clients:
        await client.close()
    (topic,) = await (await Store.open(js)).knowledge.topics()
    assert topic.message_count == 5 * 24 + 3
    assert sorted(topic.message_ids) == sorted(set(topic.message_ids))
    assert len(topic.message_ids) == topic.message_count
    assert topic.version >= 24


async def test_a_repeated_reading_changes_nothing_and_an_interrupted_one_is_completed(
    store: Store, js: JetStreamContext
) -> None:
    assignment = TopicAssignment("t", "payment queue", ("payment queue",), ("1.1", "1.2"))
    vectors = {"1.1": vector(1.0, 0.0), "1.2": vector(0.0, 1.0)}
    reader = Reader("reading", "model", "vectors", "")
    change = await store.knowledge.assign(assignment, vectors, reader)
    assert change is not None
    assert (change.is_new, change.added) == (True, ("1.1", "1.2"))
    assert await store.knowledge.assign(assignment, vectors, reader) is None
    other = Reader("other", "model", "vectors", "")
    assert await store.knowledge.assign(assignment, vectors, other) is None
    more = TopicAssignment("t", "payment queue", (), ("1.2", "1.3"))
    interrupted = Reader("interrupted", "model", "vectors", "")
    member = msgspec.json.encode(Member("interrupted", ""))
    await js.publish(f"$KV.{KNOWLEDGE}.member.t.1.3", member)
    completed = await store.knowledge.assign(more, {"1.3": vector(1.0, 1.0)}, interrupted)
    assert completed is not None
    assert (completed.is_new, completed.added) == (False, ("1.3",))
    assert completed.topic.message_count == 3
    assert completed.topic.message_ids == ("1.1", "1.2", "1.3")


async def test_an_atom_that_is_found_again_gets_another_source(store: Store) -> None:
    def atom(message_id: str) -> Atom:
        evidence = Evidence(message_id, "we decided", "decided")
        return Atom("a", "decision", "we decided", (evidence,), 0.9, "en")

    first = await store.knowledge.add_atoms([atom("1.1")])
    assert ([each.id for each in first.created], first.sources_added) == (["a"], 0)
    again = await store.knowledge.add_atoms([atom("1.1"), atom("1.2")])
    assert (again.created, again.sources_added) == ((), 1)


async def test_vectors_are_stored_in_blocks_and_the_most_similar_are_found(store: Store) -> None:
    ids = [f"1.{n}" for n in range(1_000)]
    vectors = np.random.default_rng(1).normal(size=(1_000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = store.vector_index("model")
    for first in range(0, len(ids), 250):
        part = slice(first, first + 250)
        await store.vectors.put(ids[part], ids[part], vectors[part], "model")
    await index.refresh()
    assert len(index) == 1_000
    hits = index.search(vectors[500], 5)
    nearest = np.argsort(-(vectors @ vectors[500]))[:5]
    assert [hit.message_id for hit in hits] == [ids[row] for row in nearest]
    assert hits[0].similarity == pytest.approx(1.0, abs=1e-3)

    blocks = await store.vectors.put(["1.500"], ["edited"], vectors[:1], "model")
    found = await store.vectors.get(blocks)
    assert found["1.500"] == pytest.approx(vectors[0], abs=1e-3)
    await index.refresh()
    assert len(index) == 1_000
    assert "1.500" not in {hit.message_id for hit in index.search(vectors[500], 10)}
    assert "1.500" in {hit.message_id for hit in index.search(vectors[0], 2)}
    assert len(store.vector_index("another model")) == 0


async def test_vectors_of_many_dimensions_take_several_blocks(store: Store) -> None:
    ids = [f"1.{n}" for n in range(250)]
    vectors = np.eye(250, 3_072, dtype=np.float32)
    blocks = await store.vectors.put(ids, ids, vectors, "large")
    assert len(set(blocks.values())) == 3
    found = await store.vectors.get(blocks)
    assert all(found[key].argmax() == row for row, key in enumerate(ids))
