"""`show` and `compare`: related runs, attempts, the way of a message, two runs side by side."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from pulse_desktop.cli import last_good_run
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import EVENT_STREAM, RESULT_BUCKET, subject_of
from pulse_desktop.session import compared_runs
from tests.kit.cli_process import command_environment, run_in_thread
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import key_of, store_results

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


async def test_a_related_run_that_failed_by_its_result_is_no_success(
    client: Client, server: NatsServer, tmp_path: Path
) -> None:
    await publish_family(client)
    bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
    returned = {"is_err": False, "return_value": {"status": "error", "message": "quota"}}
    await bucket.put(AGAIN, json.dumps({**returned, "labels": {}, "execution_time": 0.5}).encode())
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    details = (await run_in_thread("show", BAD, "--json", env=env)).object
    states = {row["task_id"]: row["state"] for row in details["related"]["rows"]}
    assert states[INGEST] == "succeeded"
    assert states[AGAIN] == "soft_failed"


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
        "status": "succeeded",
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


SOFT = [f"50f7{number:028d}" for number in range(3)]


async def put_result(client: Client, task_id: str, value: Any, **fields: Any) -> None:
    """Store a result, in a bucket that exists."""
    bucket = await client.jetstream().object_store(RESULT_BUCKET)
    result = {"is_err": False, "return_value": value, "execution_time": 0.5, "log": None}
    body = {**result, "error": None, "labels": {}, **fields}
    await bucket.put(task_id, json.dumps(body).encode())


async def test_a_run_whose_result_tells_of_a_failure_is_no_good_run(
    client: Client, server: NatsServer, tmp_path: Path
) -> None:
    publisher = Publisher(client)
    await publisher.queued(GOOD, "m:soft", [1])
    await publisher.succeeded(GOOD)
    for task_id in SOFT:
        await publisher.queued(task_id, "m:soft", [2])
        await publisher.succeeded(task_id)
    await publisher.queued(BAD, "m:soft", [3])
    await publisher.succeeded(BAD)
    await client.jetstream().create_object_store(RESULT_BUCKET)
    await put_result(client, GOOD, 5)
    small, *rest = SOFT
    for task_id in rest:
        await put_result(client, task_id, {"status": "error", "message": "no model"})
    # So large that it is read only when it is asked for.
    await put_result(client, small, {"status": "error", "message": "x" * (1 << 20)})
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    compared = await run_in_thread("compare", BAD, "--last-good", env=env)
    assert compared.code == 0, compared
    assert compared.out.splitlines()[1] == f"second   {GOOD}  m:soft"


async def test_of_too_many_soft_failures_it_says_how_many_were_checked(
    client: Client, server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compared_runs, "MAX_CHECKED", 2)
    publisher = Publisher(client)
    await client.jetstream().create_object_store(RESULT_BUCKET)
    for task_id in (GOOD, *SOFT, BAD):
        await publisher.queued(task_id, "m:soft", [2])
        await publisher.succeeded(task_id)
        value = 5 if task_id == GOOD else {"status": "error", "message": "no model"}
        await put_result(client, task_id, value)
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    compared = await run_in_thread("compare", BAD, env=env)
    assert compared.code == 1
    assert "The results of the latest 3 runs that ended well report failures." in compared.err


async def test_without_events_the_last_good_run_is_known_from_the_results(
    server: NatsServer, tmp_path: Path
) -> None:
    """As of an app with the broker of taskiq-nats alone: no event says how its runs end."""
    client = await connect(server.url, allow_reconnect=False)
    await client.jetstream().create_object_store(RESULT_BUCKET)
    charge, other = {"labels": {"task_name": "m:charge"}}, {"labels": {"task_name": "m:other"}}
    await put_result(client, "0" * 32, 1, **charge)
    await put_result(client, GOOD, {"claims": 3}, **charge)
    await put_result(client, SOFT[0], {"status": "error", "message": "no model"}, **charge)
    await put_result(client, SOFT[1], {"claims": 5}, **other)
    await put_result(client, BAD, None, **charge, is_err=True)
    await put_result(client, AGAIN, {"claims": 4}, **charge)
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    compared = await run_in_thread("compare", BAD, "--last-good", env=env)
    assert compared.code == 0, compared
    assert compared.out.splitlines()[1] == f"second   {GOOD}  m:charge"
    again = await run_in_thread("compare", AGAIN, env=env)
    assert "≠ differs      result claims: 4 → 3  (−1)" in again.out.splitlines()
    first = await run_in_thread("compare", "0" * 32, env=env)
    assert first.out.splitlines()[1] == f"second   {AGAIN}  m:charge"
    alone = await run_in_thread("compare", SOFT[1], env=env)
    assert alone.code == 1
    assert "no run of this task has succeeded" in alone.err
    await client.close()


async def test_it_says_how_many_results_were_looked_at(
    server: NatsServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_good_run, "MAX_RESULTS", 100)
    await store_results(client, 700, labels={"task_name": "m:charge"})
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    latest = await run_in_thread("compare", key_of(699), env=env)
    assert (latest.code, latest.err) == (0, "")
    assert latest.out.splitlines()[1] == f"second   {key_of(698)}  m:charge"
    oldest = await run_in_thread("compare", key_of(0), env=env)
    assert oldest.out.splitlines()[1] == f"second   {key_of(699)}  m:charge"
    assert "No earlier run has succeeded. Looked at the newest " in oldest.err
