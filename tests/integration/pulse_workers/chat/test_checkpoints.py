"""Tasks that are cancelled or interrupted: their checkpoints and their events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pulse_workers.chat.pipeline.batch import StageOutcomes, process_batch
from pulse_workers.chat.pipeline.ingestion import Checkpoint, IngestRun, store_messages
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.services import Services
from pulse_workers.chat.sources.telegram_export import MessageBatch
from pulse_workers.chat.store.state import task_key
from pulse_workers.chat.tasks.batch import make_batch_queue
from pulse_workers.chat.tasks.ingestion import ingest_messages
from pulse_workers.chat.tasks.missing import process_missing_messages
from pulse_workers.execution.cancellation import Cancellation
from pulse_workers.execution.delivery import SyntheticDelivery, current_delivery
from taskiq import InMemoryBroker

from tests.integration.pulse_workers.chat.test_search import Published
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message

Run = Callable[..., Awaitable[Any]]


class HeldProgress:
    """Progress that is never told."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def set_progress(self, *_values: Any) -> None:
        self.reached.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("is_requeued", [False, True], ids=["cancelled", "requeued"])
async def test_a_cancelled_task_leaves_no_checkpoint_and_a_requeued_one_does(
    services: Services, is_requeued: bool
) -> None:
    message = chat_message("text", id="1.1")
    await services.store.messages.put_many([message])
    await process_batch(services, [message.id], "first")  # so that nothing is enqueued
    runs: dict[str, Run] = {
        "ingest": ingest_messages.original_func,
        "missing": process_missing_messages.original_func,
    }
    for name, run in runs.items():
        delivery, progress = SyntheticDelivery(b"", 1, 0.0), HeldProgress()
        delivery.task_id = f"nightly * {name}."  # no key can have these characters
        key = task_key(name, delivery.task_id)
        await services.store.state.put(key, {"position": 0})
        context = SimpleNamespace(broker=InMemoryBroker())
        current_delivery.set(delivery)
        task = asyncio.ensure_future(run(context=context, progress=progress))
        await progress.reached.wait()
        if not is_requeued:
            delivery.cancellation = Cancellation("operator")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found, _revision = await services.store.state.get(key)
        assert (found is not None) is is_requeued, key


async def test_an_edit_that_was_stored_before_a_kill_is_announced(services: Services) -> None:
    await store_messages(services, [chat_message("one", id="1.1", ingested_by="first")], "first")
    edited = chat_message("one, edited", id="1.1", edited_at="2027", ingested_by="second")
    await services.store.messages.put_many([edited])  # killed here

    assert isinstance(services.events, Published)
    events = services.events.events
    events.clear()
    await store_messages(services, [edited], "second", is_retry=True)
    assert [type_ for type_, _ in events] == ["message.updated"]

    events.clear()
    await resume(services, "second", edited)
    assert [type_ for type_, _ in events] == ["message.updated"]
    assert events[0][1]["content"] == "one, edited"


async def test_a_message_that_another_task_edited_is_not_announced_as_new_again(
    services: Services,
) -> None:
    message = chat_message("one", id="1.1", ingested_by="first")
    await store_messages(services, [message], "first")
    edited = chat_message("one, edited", id="1.1", edited_at="2027", ingested_by="second")
    await store_messages(services, [edited], "second")
    assert isinstance(services.events, Published)
    events = services.events.events
    assert [type_ for type_, _ in events] == ["message.new", "message.updated"]

    events.clear()
    await store_messages(services, [message], "first", is_retry=True)
    await resume(services, "first", message)
    assert events == []


@pytest.mark.parametrize("is_last", [False, True])
async def test_a_full_bucket_tells_that_the_rest_of_the_file_was_not_read(
    services: Services, nats_server: NatsServer, is_last: bool
) -> None:
    client = await connect(nats_server.url)
    info = await client.jetstream().stream_info("KV_pulse_messages")
    await client.jetstream().update_stream(info.config.evolve(max_bytes=1))
    await client.close()
    outcomes = StageOutcomes()
    queue = make_batch_queue(services, InMemoryBroker(), "first", outcomes)
    messages = tuple(chat_message(f"text {number}", id=f"1.{number}") for number in (1, 2))

    async def batches() -> AsyncIterator[MessageBatch]:
        yield MessageBatch(messages, is_last=is_last)
        yield MessageBatch(messages, is_last=True)

    async def report(_percent: int, _text: str) -> None: ...

    result = await IngestRun(services, "first", queue, outcomes).run(batches(), 0, 0, report)
    assert (result["failed"], result["finished"], result["next_offset"]) == (2, False, 0)
    assert "the bucket pulse_messages is full" in result["message"]
    rest = "; the file after its first 2 messages was not read"
    assert result["message"].endswith(rest) is not is_last


@pytest.mark.slow
async def test_more_messages_than_are_extracted_at_once_are_a_failure(services: Services) -> None:
    messages = [chat_message(f"text {number}", id=f"1.{number}") for number in range(501)]
    await services.store.messages.put_many(messages)
    batch = await process_batch(services, [*(each.id for each in messages), "1.deleted"], "task")
    result = batch.outcomes.to_fields()
    stages = result["stages"]
    assert stages["scored"] == {"done": 501, "refused": 0, "failed": 0, "changed": 1}
    assert stages["extracted"] == {"done": 0, "refused": 0, "failed": 501, "changed": 1}
    assert result["message"].startswith("TooManyMessagesError: 501 messages at once")


async def resume(services: Services, task_id: str, message: ChatMessage) -> None:
    """Run an ingestion again that had stored one message before it was interrupted."""
    await services.store.state.put(f"ingest.{task_id}", Checkpoint(position=1))
    outcomes = StageOutcomes()
    queue = make_batch_queue(services, InMemoryBroker(), task_id, outcomes)

    async def batches() -> AsyncIterator[MessageBatch]:
        yield MessageBatch((message,), is_last=True)

    async def report(_percent: int, _text: str) -> None: ...

    await IngestRun(services, task_id, queue, outcomes).run(batches(), 0, 0, report)
