"""`show` of a run with thousands of events, and of one that reports its progress."""

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

RUN, OTHER = "a" * 32, "b" * 32
WORKERS = ("w1@h:1", "w2@h:2")
MESSAGES = 600


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(server.url, allow_reconnect=False)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    yield client
    await client.close()


async def publish(client: Client, topic: str, type_: str, **data: Any) -> None:
    fields = {"task_id": RUN, **data}
    payload = encode_event(topic, type_, fields, source="w", now=time.time())[1]
    await client.publish(subject_of(topic), payload)


async def test_a_run_is_shown_with_its_progress_and_its_own_events(
    client: Client, server: NatsServer, tmp_path: Path
) -> None:
    await publish(client, "tasks", "task.queued", task_name="chat:ingest", args=[], kwargs={})
    for attempt, worker in enumerate(WORKERS, 1):
        await publish(client, "tasks", "task.started", worker=worker, attempt=attempt)
    for number in range(MESSAGES):
        await publish(client, "messages", "message.new", id=f"1.{number}", content="hello")
    await publish(client, "tasks", "task.progress", done=60, total=200, message="scoring")
    await publish(client, "tasks", "task.started", task_id=OTHER, worker=WORKERS[0], attempt=1)
    bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
    tracked = {"state": "STARTED", "meta": {"done": 3, "total": 4}}  # by TaskIQ's ProgressTracker
    await bucket.put(f"progress:{OTHER}", json.dumps(tracked).encode())
    await client.flush()
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)

    shown = await run_in_thread("show", RUN, env=env)
    lines = shown.out.splitlines()
    (progress,) = [line for line in lines if line.startswith("progress ")]
    assert "60 of 200 (30 %)" in progress
    assert "scoring" in progress
    started = [line for line in lines if "task.started" in line]
    assert [worker in line for worker, line in zip(WORKERS, started, strict=True)] == [True, True]
    assert f"  {MESSAGES} events message.new" in lines
    assert sum("message.new" in line for line in lines) == 1
    (reported,) = [line for line in lines if "task.progress" in line]
    assert "60 of 200" in reported

    details = (await run_in_thread("show", RUN, "--json", env=env)).object
    assert (details["progress"]["done"], details["progress"]["total"]) == (60, 200)
    assert details["progress"]["message"] == "scoring"
    types = [event["type"] for event in details["events"]]
    assert (types.count("task.started"), types.count("message.new")) == (2, 500)
    assert details["event_counts"]["message.new"] == MESSAGES

    tracked_run = await run_in_thread("show", OTHER, "--json", env=env)
    assert tracked_run.object["progress"]["done"] == 3
    short = await run_in_thread("show", RUN[:2], env=env)
    assert (short.code, short.out) == (1, "")
    assert "at least 4 characters" in short.err
