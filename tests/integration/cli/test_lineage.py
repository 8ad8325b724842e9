"""`show` and `compare`: related runs, attempts, the way of a message, two runs side by side."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import EVENT_STREAM, RESULT_BUCKET, subject_of
from tests.kit.cli_process import command_environment, run_in_thread
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

MESSAGE = "2147719036.5"
GOOD, BAD, CHILD, AGAIN, INGEST = (f"{name:0<32}" for name in ("90", "bad", "c41d", "a6a1", "16"))


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(server.url, allow_reconnect=False)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    yield client
    await client.close()


class Publisher:
    """Publishes events a second apart, the last one now."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._at = time.time() - 60

    async def event(self, topic: str, type_: str, task_id: str, **data: Any) -> None:
        self._at += 1
        fields = {"task_id": task_id, **data}
        payload = encode_event(topic, type_, fields, source="w@h:1", now=self._at)[1]
        await self._client.publish(subject_of(topic), payload)

    async def queued(self, task_id: str, name: str, args: list[Any], **labels: Any) -> None:
        kwargs = {"language": "pl"} if task_id == BAD else {"language": "en"}
        await self.event(
            "tasks",
            "task.queued",
            task_id,
            task_name=name,
            args=args,
            kwargs=kwargs if name == "extract_knowledge" else {},
            labels=labels,
        )

    async def succeeded(self, task_id: str) -> None:
        await self.event("tasks", "task.started", task_id, worker="w@h:1", attempt=1)
        await self.event("tasks", "task.succeeded", task_id, run_s=0.5, attempt=1)


async def publish_family(client: Client) -> None:
    publisher = Publisher(client)
    await publisher.queued(INGEST, "ingest_messages", ["export.json", 0, 5])
    await publisher.event("messages", "message.new", INGEST, id=MESSAGE, content="hello")
    await publisher.succeeded(INGEST)
    await publisher.queued(GOOD, "extract_knowledge", [[MESSAGE]])
    await publisher.succeeded(GOOD)
    await publisher.queued(BAD, "extract_knowledge", [[MESSAGE]], parent_task_id=INGEST)
    error = {"type": "ProviderTimeout", "message": "no answer", "traceback": ""}
    for attempt in (1, 2):
        await publisher.event("tasks", "task.started", BAD, worker="w@h:1", attempt=attempt)
        failed = {"attempt": attempt, "will_retry": attempt == 1, "error": error, "run_s": 2.5}
        await publisher.event("tasks", "task.failed", BAD, **failed)
    await publisher.queued(CHILD, "m:notify", [], parent_task_id=BAD)
    await publisher.queued(AGAIN, "extract_knowledge", [[MESSAGE]], rerun_of=BAD)
    await publisher.succeeded(AGAIN)
    await client.flush()


async def test_the_surroundings_of_a_run(
    client: Client, server: NatsServer, tmp_path: Path
) -> None:
    await publish_family(client)
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    shown = await run_in_thread("show", BAD, env=env)
    lines = shown.out.splitlines()
    relations = ("  parent", "  child", "  re-run")
    related = [line.split() for line in lines if line.startswith(relations)]
    assert [(line[0], line[-1]) for line in related] == [
        ("parent", "ms"),
        ("child", CHILD),
        ("re-run", "ms"),
    ]
    assert INGEST in related[0]
    assert AGAIN in related[2]
    (first_attempt,) = [line for line in lines if line.startswith("attempts ")]
    assert "failed, retried" in first_attempt
    assert "ProviderTimeout: no answer" in first_attempt
    stages = ("  ingest", "  score", "  embed", "  extract")
    path = [line for line in lines if line.startswith(stages)]
    order = ["ingest", "extract", "extract", "extract", "score", "embed"]
    assert [line.split()[0] for line in path] == order
    assert "none of the retained runs names this message" in path[-1]

    details = (await run_in_thread("show", BAD, "--json", env=env)).object
    assert [attempt["outcome"] for attempt in details["attempts"]] == ["failed", "failed"]
    assert [(row["relation"], row["task_id"]) for row in details["related"]["rows"]] == [
        ("parent", INGEST),
        ("child", CHILD),
        ("rerun", AGAIN),
    ]
    (message,) = details["message_paths"]
    assert message["message_id"] == MESSAGE
    assert message["steps"][0] | {"queued_at": None} == {
        "stages": ["ingest"],
        "task_id": INGEST,
        "task_name": "ingest_messages",
        "state": "succeeded",
        "queued_at": None,
        "run_s": 0.5,
        "confirmed": True,
    }


async def test_a_run_is_compared_with_the_last_good_one(
    client: Client, server: NatsServer, tmp_path: Path
) -> None:
    await publish_family(client)
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    compared = await run_in_thread("compare", BAD, "--last-good", env=env)
    assert compared.code == 0, compared
    lines = compared.out.splitlines()
    assert lines[0] == f"first    {BAD}  extract_knowledge"
    assert lines[1] == f"second   {GOOD}  extract_knowledge"
    assert '≠ differs      argument language: "pl" → "en"' in lines
    assert "≠ differs      duration: 2.50 s → 500 ms  (−2.00 s, × 0.2)" in lines
    assert "− only first   error type: ProviderTimeout" in lines
    assert not any(line.startswith("=") for line in lines)
    assert lines[-1].endswith(" differences")
    whole = await run_in_thread("compare", BAD, GOOD, "--all", env=env)
    assert "= same         task: extract_knowledge" in whole.out.splitlines()
    rows = (await run_in_thread("compare", AGAIN, GOOD, "--json", env=env)).object
    assert rows["differences"] == 0
    assert {row["mark"] for row in rows["rows"] if row["section"] == "arguments"} == {"same"}
    alone = await run_in_thread("compare", CHILD, env=env)
    assert alone.code == 1
    assert "no run of this task has succeeded" in alone.err


async def test_stored_results_are_compared_also_of_the_last_good_run(
    client: Client, server: NatsServer, tmp_path: Path
) -> None:
    await publish_family(client)
    bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
    for task_id, value in ((GOOD, {"claims": 3}), (AGAIN, {"claims": 4})):
        result = {"is_err": False, "return_value": value, "execution_time": 0.5, "log": None}
        await bucket.put(task_id, json.dumps({**result, "error": None, "labels": {}}).encode())
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    compared = await run_in_thread("compare", AGAIN, env=env)
    assert f"second   {GOOD}  extract_knowledge" in compared.out.splitlines()
    assert "≠ differs      result claims: 4 → 3  (−1)" in compared.out.splitlines()
    assert "not known" not in compared.out
    unstored = await run_in_thread("compare", BAD, GOOD, env=env)
    assert '? not known    result: not known → {"claims":3}' in unstored.out.splitlines()
    assert f"The result of {BAD} is not known" in unstored.err
    await bucket.put(AGAIN, b"neither JSON nor a pickle")
    broken = await run_in_thread("compare", AGAIN, GOOD, env=env)
    assert '? not known    result: not known → {"claims":3}' in broken.out.splitlines()
    shown = (await run_in_thread("show", AGAIN, "--json", env=env)).object["result"]["problem"]
    reason = shown.partition(" (")[0]
    assert reason
    assert f"The result of {AGAIN} is not known: {reason}" in broken.err
