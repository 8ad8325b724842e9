"""Ingesting again runs the due stages: after failures, a full bucket, and kills."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import pytest_asyncio
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, StreamConfig
from pulse_workers.chat.pipeline.batch_claim import CLAIM
from pulse_workers.chat.providers.builtin.provider import BuiltinProvider
from pulse_workers.chat.records import Stage, StageOutcome, Vector
from pulse_workers.chat.store.lease import Lease
from pulse_workers.chat.store.store import Store

from pulse_desktop.protocol.soft_failure import classify_return_value
from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.topics import EVENT_STREAM, TASK_SUBJECT
from tests.kit.chat_export import CHAT_ID, message, read_export, write_export
from tests.kit.model_server import ModelServer, Reply
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_cli import PulseWorkerCommand
from tests.kit.worker_processes import WorkerHarness, open_harness

INGEST = "ingest_messages"
ALL_DONE = {"refused": 0, "failed": 0}


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


module_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerHarness]:
    """One server and one worker for the tests that change neither."""
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("shared")) as harness:
            await harness.run(chat_folders=tmp_path_factory.getbasetemp())
            yield harness


async def ingest(harness: WorkerHarness, export: Path, timeout_s: float = 60) -> dict[str, Any]:
    result = await harness.result(await harness.send(INGEST, str(export)), timeout_s)
    assert result["error"] is None
    returned: dict[str, Any] = result["return_value"]
    return returned


async def line_vector() -> Vector:
    answer = await BuiltinProvider().embed(["line"])
    return np.asarray(answer.value[0])


def announced(harness: WorkerHarness, event_type: str) -> Counter[str]:
    found = [event["data"] for event in harness.events if event["type"] == event_type]
    return Counter(str(data.get("message_id") or data["id"]) for data in found)


@module_loop
async def test_only_what_failed_is_repeated(shared: WorkerHarness, tmp_path: Path) -> None:
    harness = shared
    chat = [
        message(1, "log of the night", file="files/late.log", mime_type="text/plain"),
        message(2, "we decided to restart the queue"),
    ]
    export = write_export(tmp_path / "export", chat)
    first = await ingest(harness, export)
    assert first["failed"] == 1
    assert "late.log" in first["message"]
    (tmp_path / "export" / "files" / "late.log").write_text("timeout\n", encoding="utf-8")
    second = await ingest(harness, export)
    assert (second["failed"], second["unchanged"], second["enqueued"]) == (0, 2, 1)
    assert second["stages"]["scored"] == {"done": 2, **ALL_DONE}
    third = await ingest(harness, export)
    assert (third["failed"], third["enqueued"]) == (0, 0)
    ids = [f"{CHAT_ID}.{n}" for n in (1, 2)]
    for event_type in ("message.scored", "message.new"):
        await wait_until(lambda name=event_type: set(ids) <= set(announced(harness, name)), 30)
        assert {announced(harness, event_type)[key] for key in ids} == {1}


@module_loop
async def test_a_file_that_is_cut_off_or_damaged_is_a_soft_failure_that_names_its_chats(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    def account(*numbers: int) -> str:
        chats = [
            {
                "name": f"Chat {number}",
                "type": "private_supergroup",
                "id": number,
                "messages": [message(n, f"we restart queue {number}.{n}") for n in (1, 2)],
            }
            for number in numbers
        ]
        return json.dumps({"chats": {"list": chats}}, indent=1)

    export = tmp_path / "result.json"
    text = account(901, 902)
    export.write_text(text[: text.index("queue 902.2")])
    cut = await ingest(shared, export)
    start = text.rindex("{", 0, text.index("queue 902.2"))
    assert (cut["cut_off_at"], cut["failed"], cut["source_name"]) == (
        start,
        0,
        "Chat 901, Chat 902",
    )
    status = classify_return_value(cut)
    assert status.outcome == "soft_failed"
    assert status.reason == (
        f"the file ends in the middle of a message, which begins at byte {start:,}; 3 messages kept"
    )
    damaged = account(901, 902).replace('"id": 2,', '"id": 2], "x": ,', 1)
    export.write_text(damaged)
    skipped = await ingest(shared, export)
    status = classify_return_value(skipped)
    assert (skipped["skipped"], skipped["cut_off_at"], skipped["read"]) == (1, None, 3)
    assert status.outcome == "soft_failed"
    assert status.reason.startswith("1 or more messages of the file are skipped: they cannot be")
    export.write_text(account(901, 902, 903, 904))
    whole = await ingest(shared, export)
    assert (whole["source_name"], whole["cut_off_at"]) == ("4 chats", None)
    assert classify_return_value(whole).outcome == "succeeded"


@pytest.mark.parametrize(
    "bucket",
    [
        "pulse_messages",
        pytest.param("pulse_scores", marks=pytest.mark.slow),
        pytest.param("pulse_stages", marks=pytest.mark.slow),
        pytest.param("pulse_embeddings", marks=pytest.mark.slow),
        pytest.param("pulse_knowledge", marks=pytest.mark.slow),
    ],
)
async def test_a_full_bucket_is_a_failure_that_names_the_command_and_heals(
    harness: WorkerHarness, tmp_path: Path, pulse_worker: PulseWorkerCommand, bucket: str
) -> None:
    await harness.js.add_stream(
        StreamConfig(
            name=f"KV_{bucket}",
            subjects=[f"$KV.{bucket}.>"],
            max_bytes=2_000,
            max_msgs_per_subject=1,
            discard=DiscardPolicy.NEW,
            allow_rollup_hdrs=True,
            allow_direct=True,
        )
    )
    text = "we decided to restart the payment queue because the payment queue was slow, part"
    chat = [message(n, f"{text} {n}", reply_to_message_id=1) for n in range(1, 21)]
    export = write_export(tmp_path / "export", chat)
    await harness.run()
    full = await ingest(harness, export)
    assert full["failed"] > 0
    assert f"the bucket {bucket} is full" in full["message"]
    command = f"pulse-worker provision --store-max-bytes 1M --server {harness.server.url}"
    assert f" is full (1.95 KiB). To enlarge it: {command}" in full["message"]
    if bucket == "pulse_messages":
        stored = (await harness.js.stream_info(f"KV_{bucket}")).state.messages
        lost = 20 - stored
        assert 0 < stored < 20
        assert full["stages"]["stored"] == {"done": stored, "refused": 0, "failed": lost}
        assert (full["read"], full["new"], full["failed"]) == (stored, stored, lost)
        assert full["stages"]["scored"] == {"done": stored, **ALL_DONE}
    enlarge = pulse_worker("provision", "--store-max-bytes", "16M", server=harness.server.url)
    assert enlarge.code == 0, enlarge
    assert f"enlarged {bucket} to 16 MiB" in enlarge.text
    healed = await ingest(harness, export)
    assert (healed["failed"], healed["refused"], healed["finished"]) == (0, 0, True)
    for stage in Stage:
        assert healed["stages"][stage.value] == {"done": 20, **ALL_DONE}


@module_loop
async def test_vectors_of_another_model_are_made_again(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    harness = shared
    export = write_export(tmp_path / "export", [message(n, f"line {n}") for n in range(11, 14)])
    await ingest(harness, export)
    store = await Store.open(harness.js)
    ids = [f"{CHAT_ID}.{n}" for n in range(11, 14)]
    records = await store.stages.get_many(ids)
    for key in ids:
        assert {each.outcome for each in records[key].values()} == {StageOutcome.DONE}
    index = store.vector_index(BuiltinProvider.embedding_model)
    await index.refresh()
    hits = index.search(await line_vector(), 5, among=set(ids), related=False)
    assert {hit.message_id for hit in hits} == set(ids)
    older = {
        key: msgspec.structs.replace(records[key][Stage.EMBEDDED], model="older-model")
        for key in ids
    }
    await store.stages.put_many(Stage.EMBEDDED, older)
    again = await ingest(harness, export)
    assert again["enqueued"] == 1
    for found in (await store.stages.get_many(ids)).values():
        assert found[Stage.EMBEDDED].model == BuiltinProvider.embedding_model
    await wait_until(lambda: set(ids) <= set(announced(harness, "message.scored")), 30)
    assert {announced(harness, "message.scored")[key] for key in ids} == {1}


@module_loop
async def test_stored_messages_that_miss_a_stage_are_processed_whatever_their_source(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    harness = shared
    export = write_export(tmp_path / "export", [message(n, f"text {n}") for n in range(21, 24)])
    await ingest(harness, export)
    store = await Store.open(harness.js)
    ids = [f"{CHAT_ID}.{n}" for n in range(21, 24)]
    records = await store.stages.get_many(ids)
    failed = {
        key: msgspec.structs.replace(records[key][Stage.SCORED], outcome=StageOutcome.FAILED)
        for key in ids[:2]
    }
    await store.stages.put_many(Stage.SCORED, failed)

    async def process_missing(limit: int) -> dict[str, Any]:
        result = await harness.result(await harness.send("process_missing_messages", limit), 60)
        assert result["error"] is None
        returned: dict[str, Any] = result["return_value"]
        return returned

    first = await process_missing(1)
    assert (first["missing"], first["finished"], first["failed"]) == (1, False, 0)
    second = await process_missing(0)
    assert (second["missing"], second["finished"], second["failed"]) == (1, True, 0)
    for found in (await store.stages.get_many(ids)).values():
        assert {each.outcome for each in found.values()} == {StageOutcome.DONE}
    await store.state.delete("unused_blocks")  # as a day later
    third = await process_missing(0)
    assert (third["missing"], third["enqueued"], third["busy"]) == (0, 0, False)

    # Unused vectors are deleted also if nothing was missing. Those that are gone are made again.
    checked, _ = await store.state.get("unused_blocks")
    assert checked["at"] == pytest.approx(time.time(), abs=300)
    blocks = {key: found[Stage.EMBEDDED].block for key, found in records.items()}
    block = blocks[ids[0]]
    await harness.js.purge_stream("KV_pulse_embeddings", subject=f"$KV.pulse_embeddings.{block}")
    fourth = await process_missing(0)
    assert (fourth["missing"], fourth["finished"], fourth["failed"]) == (3, True, 0)
    assert set(await store.vectors.get(blocks)) == set(ids)
    assert (await process_missing(0))["missing"] == 0
    assert await Lease(store, "missing", "another task", 60).acquire(time.time())
    assert (await process_missing(0))["busy"]
    await Lease(store, "missing", "another task", 60).release()


@module_loop
async def test_messages_that_can_never_be_stored_are_counted_and_the_others_processed(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    chat = [message(n, f"we decided to keep release {n}") for n in range(1, 4)]
    link = {"type": "text_link", "text": "fine", "href": "a" * 1_100_000}
    chat += [message(4, "x y " * 500_000), message(5, [link])]
    export = write_export(tmp_path / "export", [*chat, message(6, "the queue fails")])
    export.write_text(export.read_text().replace(str(CHAT_ID), "4200077"))
    returned = await ingest(shared, export)
    assert (returned["read"], returned["new"], returned["finished"]) == (6, 4, True)
    assert (returned["refused"], returned["failed"]) == (2, 0)
    assert returned["stages"]["stored"] == {"done": 4, "refused": 2, "failed": 0}
    assert "4200077.4" in returned["reason"]
    assert "max_payload" in returned["reason"]
    assert returned["stages"]["extracted"] == {"done": 4, **ALL_DONE}
    again = await ingest(shared, export)
    assert (again["unchanged"], again["refused"]) == (4, 2)


@module_loop
async def test_a_task_that_fails_for_good_leaves_no_checkpoint(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    task_id = new_task_id()
    store = await Store.open(shared.js)
    await store.state.put(f"ingest.{task_id}", {"position": 5})
    args = json.dumps([str(tmp_path / "absent.json")]).encode()
    payload, headers = encode_task(task_id, INGEST, args=args)
    await shared.js.publish(TASK_SUBJECT, payload, headers=headers)
    assert (await shared.result(task_id, 60))["error"] is not None
    assert await store.state.get(f"ingest.{task_id}") == (None, 0)
    missing_id = new_task_id()
    await store.state.put(f"missing.{missing_id}", {"position": "not a number"})
    payload, headers = encode_task(missing_id, "process_missing_messages", args=b"[]")
    await shared.js.publish(TASK_SUBJECT, payload, headers=headers)
    assert (await shared.result(missing_id, 60))["error"] is not None
    assert await store.state.get(f"missing.{missing_id}") == (None, 0)


@pytest.mark.slow
async def test_an_export_that_is_ingested_twice_at_the_same_time_is_processed_once(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    texts = [f"we decided to restart the queue, part {n}" for n in range(300)]
    export = write_export(tmp_path / "export", [message(n + 1, t) for n, t in enumerate(texts)])
    held = asyncio.Event()
    async with ModelServer() as server:
        server.script = lambda _request: Reply(hold=held)
        file = tmp_path / "providers.toml"
        file.write_text(
            f'[providers.own]\nurl = "{server.openai_url}"\n'
            '[agents.embedding]\nprovider = "own"\nmodel = "embedder"\n'
        )
        await harness.run(providers_file=str(file))
        store = await Store.open(harness.js)
        tasks = [await harness.send(INGEST, str(export)) for _ in range(2)]

        async def are_claimed_twice() -> bool:
            return len(await store.state.entries(f"{CLAIM}.*")) == 4

        await wait_until(are_claimed_twice, 30)
        held.set()
        results = [(await harness.result(each, 60))["return_value"] for each in tasks]
        sent = [each.body["input"] for each in server.requests_of("embedding")]
    embedded = Counter(text for part in sent for text in part)
    assert {text: embedded[text] for text in texts} == dict.fromkeys(texts, 1)
    for returned in results:
        assert returned["stages"]["embedded"] == {"done": 300, **ALL_DONE}
    assert sum(returned["new"] for returned in results) == 300
    scored = await stored_events(harness, "message.scored")
    assert (len(scored), set(scored.values())) == (300, {1})
    assert not await store.state.entries(f"{CLAIM}.*")


@pytest.mark.slow
async def test_an_ingest_that_fills_the_only_slot_runs_its_batches_itself(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    export = write_export(tmp_path / "export", [message(n, f"line {n}") for n in range(1, 4)])
    await harness.run(worker_slots=1)
    result = await ingest(harness, export, 90)
    assert result["stages"]["extracted"]["done"] == 3
    await wait_until(harness.all_acked)


@pytest.mark.slow
async def test_a_killed_ingest_loses_and_doubles_nothing(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    count = 6_000
    text = "we decided to restart the payment queue because the payment queue was slow, part"
    chat = [message(n, f"{text} {n}", author=f"Author {n % 7}") for n in range(1, count + 1)]
    export = write_export(tmp_path / "export", chat)
    workers = [await harness.run(ack_wait=3), await harness.run(ack_wait=3)]
    store = await Store.open(harness.js)
    task_id = await harness.send(INGEST, str(export))

    async def scored() -> int:
        info = await harness.js.stream_info("KV_pulse_scores")
        return info.state.messages

    for threshold in (count // 4, count // 2):
        await wait_until(lambda least=threshold: _at_least(scored, least), 60)
        for worker in workers:
            worker.kill()
        workers = [await harness.run(ack_wait=3), await harness.run(ack_wait=3)]
    result = await harness.result(task_id, 120)
    returned = result["return_value"]
    assert (returned["read"], returned["finished"], returned["failed"]) == (count, True, 0)
    assert returned["new"] + returned["updated"] + returned["unchanged"] == count
    await wait_until(harness.all_acked, 30)
    ids = [f"{CHAT_ID}.{n}" for n in range(1, count + 1)]
    for first in range(0, count, 200):
        part = ids[first : first + 200]
        assert len(await store.messages.get_many(part)) == 200
        assert len(await store.scores.get_many(part)) == 200
        for records in (await store.stages.get_many(part)).values():
            assert {each.outcome for each in records.values()} == {StageOutcome.DONE}
            assert len(records) == len(Stage)
    for topic in await store.knowledge.topics():
        subject = f"$KV.pulse_knowledge.member.{topic.id}.*"
        info = await harness.js.stream_info("KV_pulse_knowledge", subjects_filter=subject)
        assert topic.message_count == len(info.state.subjects or {})
    # What was published again before and after a kill has one id, and the stream stores it once.
    assert await stored_events(harness, "message.new") == dict.fromkeys(ids, 1)
    assert set((await stored_events(harness, "message.scored")).values()) == {1}
    for event_type in ("message.new", "message.scored"):
        events = [event for event in harness.events if event["type"] == event_type]
        assert len({event["id"] for event in events}) == len(announced(harness, event_type))
    again = await ingest(harness, export, 60)
    assert (again["unchanged"], again["enqueued"]) == (count, 0)


async def stored_events(harness: WorkerHarness, event_type: str) -> Counter[str]:
    """Count the events that the stream has of each message."""
    subscription = await harness.js.pull_subscribe(
        "websocket.messages",
        stream=EVENT_STREAM,
        config=ConsumerConfig(ack_policy=AckPolicy.NONE, mem_storage=True, inactive_threshold=30),
    )
    remaining = (await subscription.consumer_info()).num_pending or 0
    found: Counter[str] = Counter()
    while remaining:
        received = await subscription.fetch(min(500, remaining), timeout=10)
        remaining -= len(received)
        events = [json.loads(each.data) for each in received]
        found.update(
            str(event["data"].get("message_id") or event["data"]["id"])
            for event in events
            if event["type"] == event_type
        )
    await subscription.unsubscribe()
    return found


async def _at_least(count: Any, least: int) -> bool:
    return bool(await count() >= least)


@pytest.mark.slow
async def test_four_workers_that_read_one_subject_lose_and_double_no_member(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    count, size = 480, 12
    text = "payment queue pool timeouts: the payment queue pool of forty connections is busy"
    chat = [message(n, f"{text}, pod {n}", author="Olena") for n in range(1, count + 1)]
    export = write_export(tmp_path / "export", chat)
    for _ in range(4):
        await harness.run()
    store = await Store.open(harness.js)
    await store.messages.put_many(read_export(export).messages)
    ids = [f"{CHAT_ID}.{n}" for n in range(1, count + 1)]
    tasks = [
        await harness.send("process_messages", ids[first : first + size])
        for first in range(0, count, size)
    ]
    for task_id in tasks:
        result = await harness.result(task_id, 60)
        assert result["error"] is None
        assert result["return_value"]["failed"] == 0
    topics = await store.knowledge.topics()
    info = await harness.js.stream_info(
        "KV_pulse_knowledge", subjects_filter="$KV.pulse_knowledge.member.>"
    )
    members = Counter(subject.split(".", 4)[4] for subject in info.state.subjects or {})
    assert members == dict.fromkeys(ids, 1), json.dumps([topic.name for topic in topics])
    assert sum(topic.message_count for topic in topics) == count
    readers = {event["source"] for event in harness.events if event["topic"] == "knowledge"}
    assert len(readers) == 4
