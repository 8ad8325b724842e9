"""The store on a real server: bulk reads and writes, topics, and vectors."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from nats.js import JetStreamContext
from pulse_workers.chat import search
from pulse_workers.chat.agents.extraction import (
    ExtractionAnswer,
    ExtractionConverter,
    FoundAtom,
    QuotedSource,
)
from pulse_workers.chat.agents.prompt_data import PromptData
from pulse_workers.chat.pipeline import analysis, batch_queue
from pulse_workers.chat.providers.model_errors import is_about_input
from pulse_workers.chat.providers.provider import ExtractionRequest
from pulse_workers.chat.records import (
    Atom,
    Evidence,
    Score,
    Stage,
    StageOutcome,
    StageRecord,
    TopicAssignment,
    Vector,
)
from pulse_workers.chat.store import atoms, changes, former_members, requests
from pulse_workers.chat.store.atoms import RemovedSources
from pulse_workers.chat.store.bucket import Bucket, Refusals
from pulse_workers.chat.store.compaction import (
    delete_other_lengths,
    delete_unused_blocks,
    join_blocks,
)
from pulse_workers.chat.store.knowledge import Member, Provenance, TopicChange
from pulse_workers.chat.store.kv_reader import KeyValueEntry, read_entries
from pulse_workers.chat.store.lease import Lease, LeaseLostError, lease_duration
from pulse_workers.chat.store.messages import MessageChange
from pulse_workers.chat.store.requests import MAX_IN_FLIGHT, BulkRequests
from pulse_workers.chat.store.store import Store
from pulse_workers.chat.store.vectors import VectorHit
from pulse_workers.chat.text_index import TextIndex
from pulse_workers.config.settings import Settings
from pulse_workers.errors import StoreFullError, TopicNotStoredError, ValueRefusedError
from pulse_workers.runtime.provisioning import EMBEDDINGS, KNOWLEDGE, MESSAGES, STATE, provision
from taskiq import InMemoryBroker

from pulse_desktop.nats_client.client import client_of
from tests.integration.pulse_workers.chat.test_search import make_search
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
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


async def test_what_an_operator_deleted_with_a_marker_is_stored_again(
    store: Store, js: JetStreamContext
) -> None:
    async def delete(bucket: str, key: str) -> None:
        await js.publish(f"$KV.{bucket}.{key}", b"", headers={"KV-Operation": "DEL"})

    message = chat_message("one")
    lease = Lease(store, "job", "holder", 60)
    assignment = TopicAssignment("t", "payment queue", ("payment queue",), (message.id,))

    async def store_all() -> list[object]:
        atoms = await store.atoms.add([_atom("a", message.id)])
        provenance = Provenance("extraction", "model", "vectors", "")
        topic = await store.knowledge.assign(assignment, {}, provenance)
        return [
            await _changes(store, message),
            await lease.acquire(1.0),
            len(atoms.created),
            topic and (topic.is_new, topic.added),
        ]

    expected = [[(message.id, MessageChange.NEW)], True, 1, (True, (message.id,))]
    assert await store_all() == expected
    for bucket, key in (
        (MESSAGES, message.id),
        (STATE, "lease.job"),
        (KNOWLEDGE, "atom.a"),
        (KNOWLEDGE, "topic.t"),
        (KNOWLEDGE, f"member.t.{message.id}"),
    ):
        await delete(bucket, key)
    assert await store_all() == expected


def _atom(atom_id: str, *message_ids: str) -> Atom:
    evidence = tuple(Evidence(each, "we decided", "decided") for each in message_ids)
    return Atom(atom_id, "decision", "we decided", evidence, 0.9, "en")


async def test_a_value_that_can_never_be_stored_does_not_prevent_the_others(
    store: Store, js: JetStreamContext
) -> None:
    bucket, limit = await open_bucket(js), client_of(js).max_payload
    long = "k." + "x" * 5_000  # a server closes the connection of a client that sends it
    invalid = {"", ".1", "1.", "1..2", "a b", "a\nb", "1.*", ">", "\ud800", long}
    bad = {*invalid, "huge"}
    values = dict.fromkeys(bad, b"x") | {"huge": bytes(limit + 1), "good": b"x"}
    refusals: Refusals = {}
    assert await bucket.create_many(values, refusals) == {"good"}
    assert set(refusals) == bad
    assert "max_payload" in str(refusals["huge"])
    headers = bytes(limit - 10)  # the headers of a conditional write count, too
    with pytest.raises(ValueRefusedError):
        await bucket.update("headers", headers, 0)
    with pytest.raises(ValueRefusedError):
        await bucket.put_many({"": b"x", "other": b"x"})
    assert set(await bucket.get_many([*values, "other"])) == {"good", "other"}
    for key in invalid:
        assert await bucket.get(key) is None
    config = (await js.stream_info(f"KV_{STATE}")).config
    config.max_msg_size = 200
    await js.update_stream(config)
    with pytest.raises(ValueRefusedError, match="bucket refuses"):
        await bucket.put("good", bytes(300))

    ids = ["1.1", "1.2"]
    refusals = {}
    messages = [chat_message("a" * limit, id="1.1"), chat_message("one", id="1.2")]
    ((kept, change),) = await store.messages.put_many(messages, refusals=refusals)
    assert (kept.id, change, set(refusals)) == ("1.2", MessageChange.NEW, {"1.1"})
    refusals = {}
    vectors = np.ones((2, limit), np.float32)
    assert await store.vectors.put(ids, ids, vectors, "m", refusals) == {}
    assert set(refusals) == set(ids)
    large = msgspec.structs.replace(_atom("large", "1.1"), title="x" * limit)
    stored = await store.atoms.add([large, _atom("a", "1.2")])
    assert [atom.id for atom in stored.created] == ["a"]
    assert set(stored.refusals) == {"1.1"}
    assert [atom.id for atom in await store.atoms.all()] == ["a"]


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


@pytest.mark.parametrize(
    "windows", [["A", "B"], ["AB"], ["A", "B", "A"], ["AB", "C", "CA"], ["A", "BA"], ["AAB", "A"]]
)
async def test_an_export_with_an_id_twice_changes_nothing_when_it_is_read_again(
    store: Store, windows: list[str]
) -> None:
    async def read(task_id: str, source: str = "/export", *, is_retry: bool = False) -> int:
        """Return the number of changes."""
        changes = 0
        for window in windows:
            given = [
                chat_message(text, id="1.1", source=source, ingested_by=task_id) for text in window
            ]
            stored = await store.messages.put_many(given, is_retry=is_retry)
            changes += sum(change is MessageChange.UPDATED for _, change in stored)
        assert (await store.messages.get("1.1")).content == windows[-1][-1]
        return changes

    await read("first")
    before = await store.messages.get("1.1")
    assert await read("second") == await read("third") == await read("first", is_retry=True) == 0
    assert await store.messages.get("1.1") == before
    await read("fourth", "/moved")
    assert await read("fifth", "/moved") == 0
    # Another message in place of the last one is a change, and so is an edit to an earlier text.
    for text, edited_at in (("new", None), (windows[0][0], "2027"), ("B", "2028")):
        edited = chat_message(text, id="1.1", source="/moved", edited_at=edited_at, ingested_by="x")
        assert await _changes(store, edited) == [("1.1", MessageChange.UPDATED)]


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


async def test_an_edit_keeps_the_context_and_a_moved_export_its_messages(store: Store) -> None:
    first = chat_message("one", source="/old", thread="releases", recent=("1.1", "1.0"))
    await _changes(store, first)
    edit = chat_message("one, edited", id=first.id, edited_at="2026-09-22")
    assert await _changes(store, edit) == [(first.id, MessageChange.UPDATED)]
    edited = await store.messages.get(first.id)
    assert (edited.content, edited.source) == ("one, edited", "/old")
    assert (edited.thread, edited.recent) == (first.thread, first.recent)
    moved = msgspec.structs.replace(edited, source="/new", content_hash="")
    assert await _changes(store, moved) == [(first.id, MessageChange.UNCHANGED)]
    assert (await store.messages.get(first.id)).source == "/new"


async def test_messages_that_are_stored_before_the_bucket_is_full_are_announced(
    store: Store, js: JetStreamContext
) -> None:
    config = (await js.stream_info(f"KV_{MESSAGES}")).config
    config.max_bytes = 3_000
    await js.update_stream(config)
    announced: list[str] = []
    messages = [chat_message(f"text {n}", id=f"1.{n}") for n in range(50)]
    with pytest.raises(StoreFullError):
        await store.messages.put_many(messages, on_stored=lambda each, _: announced.append(each.id))
    stored = await store.messages.get_many(each.id for each in messages)
    assert 0 < len(stored) < 50
    assert announced == [each.id for each in stored]


async def _changes(store: Store, *messages: object) -> list[tuple[str, MessageChange]]:
    stored = await store.messages.put_many(messages)  # type: ignore[arg-type]
    return [(message.id, change) for message, change in stored]


def vector(*values: float) -> Vector:
    found = np.asarray(values, dtype=np.float32)
    return np.asarray(found / np.linalg.norm(found), dtype=np.float32)


async def test_concurrent_extractions_add_every_member_once(
    nats_server: NatsServer, js: JetStreamContext
) -> None:
    clients = [await connect(nats_server.url) for _ in range(4)]
    stores = [await Store.open(client.jetstream()) for client in clients]

    async def read(number: int) -> None:
        for part in range(6):
            first = 5 * (4 * part + number)
            ids = tuple(f"1.{n}" for n in range(first, first + 8))  # 3 are of the next one
            assignment = TopicAssignment("topic", "payment queue", ("payment queue",), ids)
            vectors = {key: vector(1.0, 0.1 * number) for key in ids}
            provenance = Provenance(f"{number} {part}", "model", "vectors", "")
            await stores[number].knowledge.assign(assignment, vectors, provenance)

    await asyncio.gather(*(read(number) for number in range(4)))
    for client in clients:
        await client.close()
    (topic,) = await (await Store.open(js)).knowledge.topics()
    assert topic.message_count == 5 * 24 + 3
    assert sorted(topic.message_ids) == sorted(set(topic.message_ids))
    assert len(topic.message_ids) == topic.message_count
    assert topic.version >= 24


async def test_a_repeated_extraction_changes_nothing_and_an_interrupted_one_is_completed(
    store: Store, js: JetStreamContext
) -> None:
    assignment = TopicAssignment("t", "payment queue", ("payment queue",), ("1.1", "1.2"))
    vectors = {"1.1": vector(1.0, 0.0), "1.2": vector(0.0, 1.0)}
    provenance = Provenance("extraction", "model", "vectors", "")
    change = await store.knowledge.assign(assignment, vectors, provenance)
    assert change is not None
    assert (change.is_new, change.added) == (True, ("1.1", "1.2"))
    assert await store.knowledge.assign(assignment, vectors, provenance) is None
    other = Provenance("other", "model", "vectors", "")
    assert await store.knowledge.assign(assignment, vectors, other) is None
    more = TopicAssignment("t", "payment queue", (), ("1.2", "1.3"))
    interrupted = Provenance("interrupted", "model", "vectors", "")
    member = msgspec.json.encode(Member("interrupted", ""))
    await js.publish(f"$KV.{KNOWLEDGE}.member.t.1.3", member)
    completed = await store.knowledge.assign(more, {"1.3": vector(1.0, 1.0)}, interrupted)
    assert completed is not None
    assert (completed.is_new, completed.added) == (False, ("1.3",))
    assert completed.topic.message_count == 3
    assert completed.topic.message_ids == ("1.1", "1.2", "1.3")


async def test_an_atom_that_is_found_again_gets_another_source(store: Store) -> None:
    first = await store.atoms.add([_atom("a", "1.1")])
    assert ([each.id for each in first.created], first.sources_added) == (["a"], 0)
    again = await store.atoms.add([_atom("a", "1.1"), _atom("a", "1.2")])
    assert (again.created, again.sources_added) == ((), 1)
    (atom,) = await store.atoms.all()
    assert [each.message_id for each in atom.evidence] == ["1.1", "1.2"]
    edited = chat_message("we wait", id="1.1")
    assert await store.atoms.remove_sources([edited]) == RemovedSources(1, ())
    left = await store.atoms.remove_sources([chat_message("no", id="1.2")])
    assert [each.id for each in left.atoms] == ["a"]
    assert await store.atoms.all() == []
    back = await store.atoms.add([_atom("a", "1.2")])
    assert ([each.id for each in back.created], back.sources_added) == (["a"], 0)
    assert [each.id for each in await store.atoms.all()] == ["a"]


async def test_an_atom_is_stored_as_long_as_its_newest_source(
    store: Store, js: JetStreamContext
) -> None:
    stream = f"KV_{KNOWLEDGE}"

    async def expire(last: int) -> list[list[str]]:
        """Remove what was stored up to a sequence, as its age does; return the sources left."""
        await js.purge_stream(stream, seq=last + 1)
        return [[each.message_id for each in atom.evidence] for atom in await store.atoms.all()]

    await store.atoms.add([_atom("a", "1.1")])
    first = await store.last_sequence(KNOWLEDGE)
    await store.atoms.add([_atom("a", "1.2")])
    assert await expire(first) == [["1.2"]]
    source = msgspec.json.encode(Evidence("1.3", "we decided", "decided"))
    await js.publish(f"$KV.{KNOWLEDGE}.source.a.1.3", source)  # of an interrupted extraction
    second = await store.last_sequence(KNOWLEDGE)
    repeated = await store.atoms.add([_atom("a", "1.3")])
    assert (repeated.created, repeated.sources_added) == ((), 0)
    assert await expire(second - 1) == [["1.3"]]
    last = await store.last_sequence(KNOWLEDGE)
    await store.atoms.add([_atom("a", "1.3")])
    assert await store.last_sequence(KNOWLEDGE) == last
    edited = chat_message("as we decided before", id="1.3")
    assert await store.atoms.remove_sources([edited]) == RemovedSources(0, ())
    assert await expire(last) == [["1.3"]]


async def test_what_many_messages_say_is_not_read_again_for_each_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, read, indexed = [f"1.{n}" for n in range(1_000)], list[str](), list[str]()

    async def recorded_entries(*args: Any, **options: Any) -> AsyncIterator[KeyValueEntry]:
        async for stored in read_entries(*args, **options):
            read.append(stored.key)
            yield stored

    class RecordedIndex(TextIndex):
        def add(self, text_id: str, text: str) -> None:
            indexed.append(text_id)
            super().add(text_id, text)

    await store.atoms.add([_atom("a", *ids)])
    monkeypatch.setattr(atoms, "read_entries", recorded_entries)
    assert (await store.atoms.add([_atom("a", "2.1")])).sources_added == 1
    edited = chat_message("no", id="2.1")
    assert await store.atoms.remove_sources([edited]) == RemovedSources(1, ())
    assert len(read) < 20
    monkeypatch.setattr(search, "TextIndex", RecordedIndex)
    await make_search(store).search("decided", 10)
    assert indexed == ["a"]


async def test_a_former_member_does_not_count_until_it_is_a_member_again(
    store: Store, js: JetStreamContext
) -> None:
    knowledge = store.knowledge

    async def assign(messages_hash: str, *ids: str) -> TopicChange | None:
        assignment = TopicAssignment("t", "payment queue", ("payment queue",), ids)
        vectors = dict.fromkeys(ids, vector(1.0, 0.0))
        return await knowledge.assign(assignment, vectors, Provenance(messages_hash, "m", "v", ""))

    async def remove(*ids: str) -> list[int]:
        messages = [chat_message("edited", id=each) for each in ids]
        return [each.topic.message_count for each in await knowledge.remove_members(messages, "")]

    await assign("first", "1.1", "1.2", "1.3")
    assert await remove("1.2") == [2]
    assert await remove("1.2") == []
    await js.publish(f"$KV.{KNOWLEDGE}.member.t.1.3", b"", headers={"KV-Operation": "DEL"})
    assert await remove("1.3") == [1]  # an interrupted removal is completed
    (topic,) = await knowledge.topics()
    assert topic.message_ids == ("1.1",)
    back = await assign("first", "1.1", "1.2")  # its edit was undone
    assert back is not None
    assert (back.added, back.topic.message_count) == (("1.2",), 2)
    assert back.topic.message_ids == ("1.1", "1.2")
    assert await remove("1.1", "1.2") == [0]
    assert await knowledge.topics() == []
    again = await assign("other", "1.3")
    assert again is not None
    assert (again.is_new, again.topic.message_count, again.topic.message_ids) == (True, 1, ("1.3",))
    assert again.topic.version > back.topic.version
    for kind in ("member", "former"):  # they expire
        await js.purge_stream(f"KV_{KNOWLEDGE}", subject=f"$KV.{KNOWLEDGE}.{kind}.t.1.1")
    grown = await assign("more", "1.4")
    assert grown is not None
    assert grown.topic.message_count == 2


async def test_a_topic_that_many_messages_have_left_does_not_grow(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    async def recorded_entries(*args: Any, **options: Any) -> AsyncIterator[KeyValueEntry]:
        async for stored in read_entries(*args, **options):
            read.append(stored.key)
            yield stored

    def assignment(ids: Sequence[str]) -> TopicAssignment:
        return TopicAssignment("t", "payment queue", ("payment queue",), tuple(ids))

    async def size() -> int:
        return len(msgspec.json.encode(await store.knowledge.topics()))

    provenance = Provenance("first", "m", "v", "")
    ids = [f"1.{n}" for n in range(1_000)]
    await store.knowledge.assign(assignment(ids), {}, provenance)
    (change,) = await store.knowledge.remove(await store.knowledge.members_of(ids[1:]), "")
    assert (change.topic.message_count, await size() < 500) == (1, True)
    await store.knowledge.assign(assignment(["2.1"]), {}, provenance)
    monkeypatch.setattr(changes, "read_entries", recorded_entries)
    monkeypatch.setattr(former_members, "read_entries", recorded_entries)
    back = await store.knowledge.assign(assignment(["2.2", ids[1]]), {}, provenance)
    assert back is not None
    assert (back.topic.message_count, back.added) == (4, ("2.2", ids[1]))
    (left,) = await store.knowledge.remove(await store.knowledge.members_of(["2.2"]), "")
    assert left.topic.message_count == 3
    assert len(read) < 20


async def test_a_head_that_the_server_does_not_accept_is_no_refusal_of_messages(
    store: Store,
) -> None:
    refusals: Refusals = {}
    phrases = tuple(f"payment queue {n}" for n in range(60_000))
    assignment = TopicAssignment("t", "payment queue", phrases, ("1.1", "1 2"))
    with pytest.raises(TopicNotStoredError, match="max_payload") as caught:
        await store.knowledge.assign(assignment, {}, Provenance("first", "m", "v", ""), refusals)
    assert not is_about_input(caught.value)
    assert set(refusals) == {"1 2"}


async def test_a_source_stays_while_its_message_says_what_was_accepted_as_a_quote(
    store: Store,
) -> None:
    """A model writes quotes, accents, ends and invisible characters in its own way."""
    text = "The «blue» po\u200bol of Zoe\u0301 is to be closed, we said"
    quote = 'the "Blue" pool of Zo\u00e9 is to be closed.'
    message = chat_message(text, id="1.1")
    found = FoundAtom("decision", "close the pool", [QuotedSource(1, quote)], 0.9)
    converter = ExtractionConverter(ExtractionRequest([message], {}, (), None, 0.0), "model", "en")
    answer = ExtractionAnswer([found], [])
    atoms = converter.convert(answer, PromptData("", "", [message])).atoms
    assert [each.evidence[0].sentence for each in atoms] == [quote]
    await store.atoms.add(atoms)
    edited = chat_message(f"{text} yesterday", id="1.1")
    assert await store.atoms.remove_sources([edited]) == RemovedSources(0, ())
    edited = chat_message(text.replace("closed", "opened"), id="1.1")
    assert await store.atoms.remove_sources([edited]) == RemovedSources(1, atoms)


async def test_vectors_are_stored_in_blocks_and_the_most_similar_are_found(store: Store) -> None:
    ids = [f"1.{n}" for n in range(1_000)]
    vectors = np.random.default_rng(1).normal(size=(1_000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = store.vector_index("model")

    def similar(vector: Vector, count: int) -> list[VectorHit]:
        return index.search(vector, count, among=set(ids), related=False)

    for first in range(0, len(ids), 250):
        part = slice(first, first + 250)
        await store.vectors.put(ids[part], ids[part], vectors[part], "model")
    await index.refresh()
    assert index.count(set(ids)) == 1_000
    hits = similar(vectors[500], 5)
    nearest = np.argsort(-(vectors @ vectors[500]))[:5]
    assert [hit.message_id for hit in hits] == [ids[row] for row in nearest]
    assert hits[0].similarity == pytest.approx(1.0, abs=1e-3)

    blocks = await store.vectors.put(["1.500"], ["edited"], vectors[:1], "model")
    found = await store.vectors.get(blocks)
    assert found["1.500"] == pytest.approx(vectors[0], abs=1e-3)
    await index.refresh()
    assert index.count(set(ids)) == 1_000
    assert "1.500" not in {hit.message_id for hit in similar(vectors[500], 10)}
    assert "1.500" in {hit.message_id for hit in similar(vectors[0], 2)}
    found_hits = index.search(vectors[0], 5, among={"1.3", "1.4"}, related=False)
    assert {hit.message_id for hit in found_hits} == {"1.3", "1.4"}
    other = store.vector_index("another model")
    await other.refresh()
    assert other.count(set(ids)) == 0


async def test_vectors_of_many_dimensions_take_several_blocks(store: Store) -> None:
    ids = [f"1.{n}" for n in range(250)]
    vectors = np.eye(250, 3_072, dtype=np.float32)
    blocks = await store.vectors.put(ids, ids, vectors, "large")
    assert len(set(blocks.values())) == 3
    found = await store.vectors.get(blocks)
    assert all(found[key].argmax() == row for row, key in enumerate(ids))


async def test_blocks_of_vectors_of_different_lengths_are_joined_separately(store: Store) -> None:
    records: dict[str, StageRecord] = {}
    for n in range(140):
        vector = np.ones((1, 16 if n < 70 else 8), np.float32)
        blocks = await store.vectors.put([f"1.{n}"], ["h"], vector, "m")
        records |= {
            key: StageRecord("h", "m", StageOutcome.DONE, "", block=block)
            for key, block in blocks.items()
        }
    await store.stages.put_many(Stage.EMBEDDED, records)
    assert await join_blocks(store, "m", datetime.now(UTC) + timedelta(minutes=1)) == 140
    found = await store.stages.get_many(list(records), [Stage.EMBEDDED])
    named = {key: found[key][Stage.EMBEDDED].block for key in records}
    assert len(set(named.values())) == 2
    vectors = await store.vectors.get(named)
    assert [len(vectors[key]) for key in records] == [16] * 70 + [8] * 70


async def test_blocks_are_joined_also_after_their_bucket_was_created_again(
    store: Store, js: JetStreamContext, nats_server: NatsServer
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)

    async def embed(count: int, dimensions: int) -> None:
        for n in range(count):
            row = np.ones((1, dimensions), np.float32)
            blocks = await store.vectors.put([f"1.{n}"], ["h"], row, "m")
            record = StageRecord("h", "m", StageOutcome.DONE, "", block=blocks[f"1.{n}"])
            await store.stages.put_many(Stage.EMBEDDED, {f"1.{n}": record})

    await embed(80, 8)
    assert await join_blocks(store, "m", later) == 80
    assert await delete_other_lengths(store, "m") == 0
    await js.delete_stream(f"KV_{EMBEDDINGS}")
    await provision(js, Settings(server=nats_server.url))
    await embed(1, 4)
    await embed(70, 16)
    assert await delete_other_lengths(store, "m") == 0
    await store.vectors.put(["1.99"], ["h"], np.ones((1, 8), np.float32), "m")
    await embed(1, 16)
    assert await delete_other_lengths(store, "m") == 1
    assert await join_blocks(store, "m", later) == 70


async def test_a_message_that_is_embedded_while_blocks_are_joined_has_its_new_vector(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, vectors = [f"1.{n}" for n in range(70)], np.eye(70, 80, dtype=np.float32)
    late = np.eye(80, dtype=np.float32)[79:]
    for each, row in zip(ids, vectors, strict=True):
        blocks = await store.vectors.put([each], ["h"], row[None], "m")
        record = StageRecord("h", "m", StageOutcome.DONE, "", block=blocks[each])
        await store.stages.put_many(Stage.EMBEDDED, {each: record})
    read = store.stages.get_many

    async def edited(*args: Any) -> dict[str, dict[Stage, StageRecord]]:
        found = await read(*args)
        await store.vectors.put(ids[:1], ["edited"], late, "m")
        return found

    monkeypatch.setattr(store.stages, "get_many", edited)
    assert await join_blocks(store, "m", datetime.now(UTC) + timedelta(hours=1)) == 70
    index = store.vector_index("m")
    await index.refresh()
    for row, found in ((late[0], ids[0]), (vectors[9], ids[9])):
        hits = index.search(row, 1, among=set(ids), related=False)
        assert [(hit.message_id, hit.similarity) for hit in hits] == [(found, 1.0)]


async def test_vectors_of_single_messages_are_joined_in_one_block(
    store: Store, js: JetStreamContext
) -> None:
    ids = [f"1.{n}" for n in range(90)]
    vectors = np.eye(90, 128, dtype=np.float32)
    index = store.vector_index("model")

    async def store_one(row: int) -> None:
        key = ids[row]
        blocks = await store.vectors.put([key], [key], vectors[row : row + 1], "model")
        record = StageRecord(key, "model", StageOutcome.DONE, "", block=blocks[key])
        await store.stages.put_many(Stage.EMBEDDED, {key: record})

    async def blocks() -> dict[str, str]:
        records = await store.stages.get_many(ids, [Stage.EMBEDDED])
        return {key: found[Stage.EMBEDDED].block for key, found in records.items() if found}

    for row in range(40):
        await store_one(row)
    await index.refresh()
    now = datetime.now(UTC)
    assert await join_blocks(store, "model", now) == 0  # too few
    for row in range(40, 90):
        await store_one(row)
    assert await join_blocks(store, "model", now) == 0  # too new
    later = now + timedelta(hours=1)
    assert await join_blocks(store, "model", later) == 90
    assert len(set((await blocks()).values())) == 1
    assert await join_blocks(store, "model", later) == 0
    await index.refresh()
    fresh = store.vector_index("model")
    await fresh.refresh()
    found = await store.vectors.get(await blocks())
    for row in (0, 39, 89):
        assert found[ids[row]].argmax() == row
        for each in (index, fresh):
            hits = each.search(vectors[row], 1, among=set(ids), related=False)
            assert [hit.message_id for hit in hits] == [ids[row]]
    info = await js.stream_info("KV_pulse_embeddings")
    assert info.state.bytes < 30_000 + 90 * 200

    for row in range(90):  # with another model, one message is left
        if row:
            record = StageRecord(ids[row], "other", StageOutcome.DONE, "", block="block.other.a")
            await store.stages.put_many(Stage.EMBEDDED, {ids[row]: record})
    assert await delete_unused_blocks(store, later) == 0
    await store.stages.put_many(Stage.EMBEDDED, {ids[0]: record})
    assert await delete_unused_blocks(store, now) == 0  # too new
    assert await delete_unused_blocks(store, later) == 1
    assert await store.vectors.get({ids[0]: next(iter(set((await blocks()).values())))}) == {}


@pytest.mark.parametrize("dimensions", [128, 8_192])
async def test_blocks_are_joined_without_loss_and_not_again_and_again(
    store: Store, dimensions: int
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    vectors = np.eye(90, dimensions, dtype=np.float32)

    async def embed(numbers: Sequence[int], content: str) -> None:
        ids = [f"1.{n}" for n in numbers]
        keys = await store.vectors.put(ids, [content] * len(ids), vectors[list(numbers)], "model")
        records = {
            each: StageRecord(content, "model", StageOutcome.DONE, "", block=keys[each])
            for each in ids
        }
        await store.stages.put_many(Stage.EMBEDDED, records)

    async def lost() -> set[int]:
        ids = [f"1.{n}" for n in range(90)]
        records = await store.stages.get_many(ids, [Stage.EMBEDDED])
        blocks = {key: found[Stage.EMBEDDED].block for key, found in records.items()}
        found = await store.vectors.get(blocks)
        return {n for n, key in enumerate(ids) if key not in found or found[key].argmax() != n}

    # A block that is joined alone, as all others are unused, has the same key as before.
    await embed(range(20), "as it is")
    await embed(range(20, 75), "old")
    await embed(range(20, 90), "new")
    assert await join_blocks(store, "model", later) >= 1
    assert await lost() == set()
    if dimensions > 4_096:  # a block has 32 rows: those that were joined are as large as can be
        before = await store.last_sequence("pulse_embeddings")
        assert await join_blocks(store, "model", later) == 0
        assert await store.last_sequence("pulse_embeddings") == before
    await embed(range(75), "old")
    assert await delete_unused_blocks(store, later) >= 1
    await embed(range(75), "new")
    await join_blocks(store, "model", later)
    assert await lost() == set()


async def test_a_block_that_is_stored_again_is_not_deleted_as_it_was_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    read, row = store.stages.get_many, np.ones((1, 8), np.float32)
    blocks = await store.vectors.put(["1.1"], ["before the edit"], row, "model")

    async def edited_back(*args: Any) -> dict[str, dict[Stage, StageRecord]]:
        found = await read(*args)
        await store.vectors.put(["1.1"], ["before the edit"], row, "model")
        return found

    monkeypatch.setattr(store.stages, "get_many", edited_back)
    assert await delete_unused_blocks(store, later) == 0
    assert set(await store.vectors.get(blocks)) == {"1.1"}


async def test_an_index_forgets_what_expired_and_a_bucket_that_was_created_again(
    store: Store, js: JetStreamContext, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_SLACK", 0)
    threads: set[threading.Thread] = set()
    monkeypatch.setattr(TextIndex, "add", _recorded(TextIndex.add, threads))
    index = make_search(store)

    async def found(query: str) -> set[str]:
        return {each.id for each in (await index.search(query, 10)).hits}

    await store.messages.put_many([chat_message("the queue", id=f"1.{n}") for n in range(5)])
    assert await found("queue") == {f"1.{n}" for n in range(5)}
    assert threading.main_thread() not in threads  # a large store must not stop the event loop
    await js.purge_stream(f"KV_{MESSAGES}")  # no change tells of it, as when values expire
    await store.messages.put_many([chat_message("the pool", id="1.9")])
    assert await found("queue pool") == {"1.9"}
    await js.delete_stream(f"KV_{MESSAGES}")
    await provision(js, Settings(server=nats_server.url))
    await store.messages.put_many([chat_message("the lock", id=f"2.{n}") for n in range(9)])
    assert await found("pool") == set()
    assert len(await found("lock")) == 9


def _recorded(
    add: Callable[[TextIndex, str, str], None], threads: set[threading.Thread]
) -> Callable[[TextIndex, str, str], None]:
    def recorded(index: TextIndex, text_id: str, text: str) -> None:
        threads.add(threading.current_thread())
        add(index, text_id, text)

    return recorded


async def test_the_most_important_messages_of_a_period_are_kept_in_their_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "MAX_MESSAGES", 3)
    importance = {"5.99": 0.9, "5.100": 0.8, "5.101": 0.1, "5.102": None, "5.103": 0.2}
    messages = [chat_message("text", id=key) for key in importance]
    await store.scores.put_many(
        [
            Score(key, value, "signal" if value else "not_judged", {}, {})
            for key, value in importance.items()
        ]
    )
    selection = analysis.Selection()
    for message in messages:
        await selection.add(store, [message])
    assert selection.count == 5
    assert [each.id for each in selection.messages()] == ["5.99", "5.100", "5.102"]


async def test_a_damaged_value_of_the_state_is_replaced(js: JetStreamContext, store: Store) -> None:
    for damaged in (b'{"slots": ', b"\xff", b"[" * 100_000):
        ack = await js.publish(f"$KV.{STATE}.provider.test", damaged)
        assert await store.state.get("provider.test") == (None, ack.seq)
        assert await store.state.compare_and_set("provider.test", {"spent": 1}, ack.seq)
        value, _revision = await store.state.get("provider.test")
        assert value == {"spent": 1}


@pytest.mark.parametrize("interval", [0.5, 7.0, 90.0, 3_600.0])
async def test_one_process_keeps_periodic_work_at_any_interval(
    store: Store, interval: float
) -> None:
    """It renews its lease each time; it may be late, and others may have another interval."""
    first = Lease(store, "metrics", "first", lease_duration(interval))
    others = [
        Lease(store, "metrics", f"every {each} s", lease_duration(each)) for each in (0.5, interval)
    ]
    now = time.time()
    for _ in range(3):
        assert await first.acquire(now)
        now += 1.5 * interval
        assert not any([await each.acquire(now) for each in others])
    now += max(20.0, 3 * interval)
    assert await others[1].acquire(now), "the first one was killed"
    assert not await first.acquire(now)
    ahead = now + 365 * 24 * 3_600.0
    await store.state.put(
        "lease.metrics", {"holder": "wrong clock", "until": ahead, "duration": 20.0}
    )
    assert await first.acquire(now)


async def test_work_under_a_lease_is_cancelled_when_another_process_has_acquired_it(
    store: Store,
) -> None:
    lease, now = Lease(store, "work", "this", 60), time.time()
    assert await lease.acquire(now)
    async with lease.held(0.01):
        renewed, revision = await store.state.get("lease.work")
        assert renewed["holder"] == "this"
        await wait_until(lambda: _has_other_revision(store, "lease.work", revision))
    assert await store.state.get("lease.work") == (None, 0)
    assert await lease.acquire(now)

    async def lose() -> None:
        async with asyncio.timeout(30), lease.held(0.01):
            await store.state.put("lease.work", {"holder": "other", "until": now + 60})
            await asyncio.Event().wait()

    with pytest.raises(LeaseLostError):
        await lose()
    held, _ = await store.state.get("lease.work")
    assert held["holder"] == "other"


async def test_a_mark_is_renewed_after_its_interval_and_may_stay_in_an_outage(
    js: JetStreamContext, store: Store
) -> None:
    async with store.state.marked("run.a", lambda: {"started_at": 1}, 60):
        marked, revision = await store.state.get("run.a")
        assert marked == {"started_at": 1}
        await store.state.put("other", 1)
        assert (await store.state.get("run.a"))[1] == revision  # stored once
    assert await store.state.get("run.a") == (None, 0)
    async with store.state.marked("run.a", lambda: {"started_at": 1}, 0.01):
        _, revision = await store.state.get("run.a")
        await wait_until(lambda: _has_other_revision(store, "run.a", revision))
    assert await store.state.get("run.a") == (None, 0)

    async with store.state.marked("run.a", lambda: {"started_at": 1}, 60):
        await js.delete_stream(f"KV_{STATE}")  # the mark cannot be deleted: what was done counts


async def _has_other_revision(store: Store, key: str, revision: int) -> bool:
    return (await store.state.get(key))[1] != revision


async def test_a_batch_of_a_killed_worker_is_run_and_its_full_bucket_is_a_failed_batch(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_queue, "START_TIMEOUT_S", 0.0)
    outcomes: list[dict[str, Any]] = []
    ran: list[str] = []

    async def enqueue(child: str, _ids: Sequence[str]) -> None:
        mark = {"worker": "killed", "at": time.time() - batch_queue.STARTED_S - 1}
        await store.state.put(f"{batch_queue.STARTED}.{child}", mark)

    async def run(ids: Sequence[str], _child: str) -> dict[str, Any]:
        ran.extend(ids)
        if "1.2" in ids:
            raise StoreFullError("full")
        return {"failed": 0}

    async def report() -> None: ...

    broker = InMemoryBroker()
    queue = batch_queue.BatchQueue(
        broker, store.state, enqueue, run, outcomes.append, may_enqueue=lambda: True
    )
    await queue.submit("parent", ["1.1"])
    await queue.submit("parent", ["1.2", "1.3"])
    await queue.join(report)
    assert sorted(ran) == ["1.1", "1.2", "1.3"]
    assert outcomes == [{"failed": 2, "reason": "StoreFullError: full"}, {"failed": 0}]
