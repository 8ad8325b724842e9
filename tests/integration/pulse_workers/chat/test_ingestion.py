"""A chat export is ingested, scored, embedded and analyzed by real workers."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pulse_workers.chat.records import Stage

from pulse_desktop.protocol.event import decode_event
from pulse_desktop.protocol.soft_failure import classify_return_value
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    RESULT_BUCKET,
    TASK_STREAM,
    TOPICS,
)
from tests.kit.chat_export import CHAT_ID, message, small_chat, write_export
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_cli import PulseWorkerCommand
from tests.kit.worker_processes import Worker, WorkerHarness, open_harness

INGEST = "ingest_messages"
STORE = (
    "pulse_messages",
    "pulse_scores",
    "pulse_stages",
    "pulse_embeddings",
    "pulse_knowledge",
)


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


async def keys(harness: WorkerHarness, bucket: str) -> set[str]:
    prefix = f"$KV.{bucket}."
    info = await harness.js.stream_info(f"KV_{bucket}", subjects_filter=f"{prefix}>")
    return {subject.removeprefix(prefix) for subject in info.state.subjects or ()}


def data_of(harness: WorkerHarness, event_type: str) -> list[dict[str, Any]]:
    return [event["data"] for event in harness.events if event["type"] == event_type]


async def test_an_export_is_scored_embedded_and_analyzed(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    export = write_export(tmp_path / "export")
    await harness.run()
    task_id = await harness.send(INGEST, str(export))
    result = await harness.result(task_id)
    returned = result["return_value"]
    counts = {"read": 15, "new": 15, "updated": 0, "unchanged": 0, "next_offset": 15, "total": 15}
    assert returned.items() >= counts.items()
    assert (returned["source_name"], returned["finished"]) == ("Payments team", True)
    assert (returned["enqueued"], returned["skipped"], returned["failed"]) == (1, 0, 2)
    assert returned["stages"]["scored"] == {"done": 13, "refused": 0, "failed": 2}
    assert returned["stages"]["extracted"] == {"done": 15, "refused": 0, "failed": 0}
    assert classify_return_value(returned).outcome == "soft_failed"
    assert result["labels"]["task_name"] == INGEST
    await wait_until(lambda: "task.succeeded" in harness.event_types(task_id))
    progress = [e["data"] for e in harness.events_of(task_id) if e["type"] == "task.progress"]
    assert [(d["done"], d["total"]) for d in (progress[0], progress[-1])] == [(0, 100), (100, 100)]

    await wait_until(lambda: {event["topic"] for event in harness.events} == set(TOPICS), 20)
    await wait_until(harness.all_acked, 20)
    for event in harness.events:
        raw = json.dumps(event).encode()
        assert decode_event(event["topic"], raw, 0.0).time_source == "event"

    ids = {f"{CHAT_ID}.{number}" for number in range(2, 17)}
    assert await keys(harness, "pulse_messages") == ids
    assert await keys(harness, "pulse_scores") == ids - {f"{CHAT_ID}.{n}" for n in (10, 11)}
    assert await keys(harness, "pulse_stages") == {f"{s.value}.{key}" for s in Stage for key in ids}
    assert len(await keys(harness, "pulse_embeddings")) == 1
    knowledge = await keys(harness, "pulse_knowledge")
    kinds = {key.partition(".")[0] for key in knowledge}
    assert kinds == {"topic", "member", "atom", "source"}
    assert {d["atom_type"] for d in data_of(harness, "knowledge.atom_created")} >= {
        "decision",
        "insight",
        "problem",
        "question",
        "risk",
    }
    stored = data_of(harness, "message.new")[0]
    assert stored["external_message_id"] == f"{CHAT_ID}.2"
    assert stored["sent_at"] == "2026-09-21T14:15:20.000000+00:00"
    scored = {d["message_id"]: d for d in data_of(harness, "message.scored")}
    assert scored[f"{CHAT_ID}.6"]["classification"] == "noise"
    assert scored[f"{CHAT_ID}.3"]["importance_score"] > scored[f"{CHAT_ID}.6"]["importance_score"]
    assert scored[f"{CHAT_ID}.9"]["factors"]["attachment"] == 1.0
    assert scored[f"{CHAT_ID}.14"]["classification"] == "not_judged"
    assert "none of the languages" in scored[f"{CHAT_ID}.14"]["reason"]
    measured = await harness.wait_for_event(
        lambda event: event["type"] == "metrics:update" and event["data"]["noiseRatio"]
    )
    assert measured["data"]["classificationAccuracy"] is None
    checked = data_of(harness, "provider.checked")[0]
    assert checked["status"] == "connected"
    assert checked["latency_s"] > 0
    await wait_until(lambda: any(d["busy_mean"] for d in data_of(harness, "worker.heartbeat")))
    first, *later = (d["cpu_percent"] for d in data_of(harness, "worker.heartbeat"))
    assert first is None  # a worker that has just started has measured nothing
    assert any(later)
    assert {d["agent"] for d in data_of(harness, "agent.finished")} == {
        "classification",
        "embedding",
        "extraction",
    }


async def test_ingesting_an_export_again_changes_nothing_and_an_edit_changes_one_message(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    chat = [message(2, "the queue is slow"), message(3, "we decided to restart the queue")]
    export = write_export(tmp_path / "export", chat)
    await harness.run()
    await harness.result(await harness.send(INGEST, str(export)))
    await wait_until(harness.all_acked)
    before = {name: await keys(harness, name) for name in STORE}
    again = await harness.result(await harness.send(INGEST, str(export)))
    assert again["error"] is None
    assert again["return_value"]["unchanged"] == 2
    assert again["return_value"]["enqueued"] == 0
    assert {name: await keys(harness, name) for name in STORE} == before

    chat[0] |= {"text": "the queue is very slow", "edited_unixtime": "1790009999"}
    write_export(tmp_path / "export", chat)
    edited = await harness.result(await harness.send(INGEST, str(export)))
    assert edited["return_value"]["updated"] == 1
    update = await harness.wait_for_event(lambda event: event["type"] == "message.updated")
    assert update["data"]["external_message_id"] == f"{CHAT_ID}.2"
    assert update["data"]["content"] == "the queue is very slow"
    await wait_until(harness.all_acked)
    scored = [d["message_id"] for d in data_of(harness, "message.scored")]
    assert sorted(scored) == [f"{CHAT_ID}.2", f"{CHAT_ID}.2", f"{CHAT_ID}.3"]


async def test_every_stream_and_bucket_is_created_with_limits(
    harness: WorkerHarness, pulse_worker: PulseWorkerCommand
) -> None:
    created = pulse_worker("provision", server=harness.server.url)
    assert created.code == 0, created
    streams = {info.config.name: info.config for info in await harness.js.streams_info()}
    assert {TASK_STREAM, EVENT_STREAM, f"OBJ_{RESULT_BUCKET}", *(f"KV_{n}" for n in STORE)} <= set(
        streams
    )
    for config in streams.values():
        assert config.max_age or config.name == "KV_taskiq_schedules"  # schedules do not expire
        assert config.max_bytes
        assert config.max_bytes > 0
    again = pulse_worker("provision", server=harness.server.url)
    assert again.code == 0, again
    assert "everything exists already" in again.text
    await harness.js.delete_stream("KV_pulse_scores")
    both = pulse_worker("provision", "--store-max-bytes", "257M", server=harness.server.url)
    first, second = both.text.strip().splitlines()
    assert first.endswith("created KV_pulse_scores")
    assert "enlarged pulse_messages, pulse_stages" in second


async def test_the_feeder_continues_where_it_was_and_only_one_feeder_is_active(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    export = write_export(tmp_path / "export", [message(n, f"line {n}") for n in range(1, 30)])
    arguments = ("feed", "--export", str(export), "--interval", "0.1")
    first = harness.start(*arguments)
    await wait_until(lambda: len(data_of(harness, "task.queued")) >= 2, 20)
    second = harness.start(*arguments)
    await wait_until(lambda: "enqueues a slice" in second.log, 20)
    feeding = [event for event in harness.events if event["type"] == "task.queued"]
    assert all(event["source"].endswith(f":{first.pid}") for event in feeding)
    first.terminate()
    assert await first.wait_for_exit() == 0

    def offsets() -> list[int]:
        queued = data_of(harness, "task.queued")
        return [d["args"][1] for d in queued if canonical_name(d["task_name"]) == INGEST]

    await wait_until(lambda: len(offsets()) >= 5, 20)
    second.terminate()
    assert await second.wait_for_exit() == 0
    assert offsets()[:5] == [0, 12, 15, 18, 21]


async def test_an_unreachable_server_is_reported_in_one_line_with_status_3(tmp_path: Path) -> None:
    worker = Worker(
        "run",
        server="nats://secret-token@127.0.0.1:9",
        log=tmp_path / "log",
        connect_timeout=0.3,
    )
    assert await worker.wait_for_exit(20) == 3
    assert "127.0.0.1:9" in worker.log
    assert "secret" not in worker.log
    assert len(worker.log.splitlines()) == 1


def test_the_small_chat_has_fifteen_messages() -> None:
    assert len([m for m in small_chat() if m["type"] == "message"]) == 15
