"""A client of Pulse Radar's decision record works with our workers, with no line changed.

Its broker is `NatsBroker` in the queue group `taskiq`, and its result backend that of taskiq-nats
with the defaults, which reads pickles only.
"""

import pickle
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from taskiq.kicker import AsyncKicker
from taskiq_nats import NatsBroker, NATSObjectStoreResultBackend

from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.protocol.topics import RESULT_BUCKET
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, open_harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT_S = 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerHarness]:
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("workers")) as harness:
            harness.core_nats = True
            await harness.run(broker="core", result_format="pickle")
            yield harness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(harness: WorkerHarness) -> AsyncIterator[NatsBroker]:
    servers = harness.server.url
    broker = NatsBroker(
        servers=servers,
        queue="taskiq",
        connect_timeout=10,
        drain_timeout=30,
        max_reconnect_attempts=-1,
    )
    results: NATSObjectStoreResultBackend[Any] = NATSObjectStoreResultBackend(servers=servers)
    broker = broker.with_result_backend(results)
    await broker.startup()
    yield broker
    await broker.shutdown()


async def _run(client: NatsBroker, name: str, *args: Any, **kwargs: Any) -> Any:
    kicker: AsyncKicker[Any, Any] = AsyncKicker(name, client, labels={})
    sent = await kicker.kiq(*args, **kwargs)
    result = await sent.wait_result(timeout=TIMEOUT_S)
    result.raise_for_error()
    return result.return_value


async def test_tasks_of_pulse_radar_run_and_their_results_are_read(
    harness: WorkerHarness, client: NatsBroker
) -> None:
    ingested = await _run(client, "ingest_messages", "", 0, 12)
    assert ingested["new"] == 12
    started = await harness.wait_for_event(lambda event: event["type"] == "message.new")
    message_id = started["data"]["id"]

    scored = await _run(client, "app.tasks.scoring:score_message_task", message_id)
    assert scored["message_id"] == message_id
    assert scored["classification"] in ("noise", "weak_signal", "signal")
    assert scored["noise_factors"] == scored["factors"]

    embedded = await _run(
        client,
        "app.tasks.knowledge:embed_messages_batch_task",
        message_ids=[message_id, 4711],
        provider_id="5b0b0e34",
    )
    assert (embedded["success"], embedded["failed"], embedded["skipped"]) == (1, 1, 0)

    extracted = await _run(
        client,
        "app.tasks.knowledge:extract_knowledge_from_messages_task",
        [message_id],
        "5b0b0e34",
        created_by="auto_threshold",
        language="uk",
    )
    counts = {"topics_created", "atoms_created", "links_created", "messages_updated"}
    assert all(isinstance(extracted[name], int) for name in counts)


async def test_a_message_of_the_webhook_is_stored_and_processed(
    harness: WorkerHarness, client: NatsBroker
) -> None:
    message = {
        "message_id": 77,
        "date": 1_795_000_000,
        "chat": {"id": -1001234567890, "type": "supergroup", "title": "Ops"},
        "from": {"id": 5, "is_bot": False, "first_name": "Olena"},
        "text": "PROD is down since 10:00, checkout fails",
    }
    name = "app.tasks.ingestion:save_telegram_message"
    saved = await _run(client, name, {"update_id": 1, "message": message})
    prefix, message_id = saved.rsplit(" ", 1)
    assert prefix == "Saved message"
    assert message_id.endswith(".77")
    await harness.wait_for_event(
        lambda e: e["type"] == "message.scored" and e["data"]["message_id"] == message_id, TIMEOUT_S
    )
    new = [e["data"] for e in harness.events if e["type"] == "message.new"]
    assert [each["content"] for each in new if each["id"] == message_id] == [message["text"]]
    joined = {"update_id": 2, "message": {**message, "message_id": 78, "text": ""}}
    assert (await _run(client, name, joined)).startswith("Skipped: ")


async def test_a_failure_and_the_progress_are_read_too(
    harness: WorkerHarness, client: NatsBroker
) -> None:
    task_id = await harness.send("app.tasks.scoring:score_message_task", 4711)
    await wait_until(lambda: "task.failed" in harness.event_types(task_id), TIMEOUT_S)
    failed = await client.result_backend.get_result(task_id)
    assert failed.is_err
    assert type(failed.error).__name__ == "MessageNotFoundError"
    task_id = await harness.send("report_progress")
    await wait_until(lambda: "task.succeeded" in harness.event_types(task_id), TIMEOUT_S)
    progress = await client.result_backend.get_progress(task_id)
    assert progress is not None
    assert progress.meta == {"done": 2, "total": 3, "message": "counting"}
    again = await harness.send("read_progress", task_id)
    await wait_until(lambda: "task.succeeded" in harness.event_types(again), TIMEOUT_S)
    assert (await client.result_backend.get_result(again)).return_value == progress.meta


class _Command:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


async def test_a_worker_that_writes_pickles_runs_none(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    bucket = await harness.js.object_store(RESULT_BUCKET)
    await bucket.put("progress:evil", pickle.dumps({"state": "STARTED", "meta": _Command(touched)}))
    task_id = await harness.send("read_progress", "evil")
    await wait_until(lambda: "task.failed" in harness.event_types(task_id), TIMEOUT_S)
    stored = await bucket.get(task_id)
    error = decode_result(stored.data or b"").error
    assert error is not None
    assert "not plain data" in error.message
    assert not touched.exists()
