"""Messages that a provider refuses or that have no text, and their neighbours."""

import logging
from typing import Any

import pytest
from pulse_workers.chat.pipeline.batch import process_batch
from pulse_workers.chat.pipeline.stages import done_record, stage_versions
from pulse_workers.chat.providers.builtin.provider import MAX_CHARS
from pulse_workers.chat.records import ChatMessage, Stage, StageOutcome
from pulse_workers.chat.services import Services
from pulse_workers.chat.tasks.embedding import embed_messages_batch
from pulse_workers.chat.tasks.knowledge import extract_knowledge
from pulse_workers.errors import MessageNotFoundError, TooManyMessagesError
from pulse_workers.execution.delivery import SyntheticDelivery, current_delivery

from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message

LONG = "stack trace " * (MAX_CHARS // 10)


async def test_a_message_that_is_too_long_does_not_cost_its_neighbours_their_knowledge(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    batch = chat("1", long=7)
    await services.store.messages.put_many(batch)
    with caplog.at_level(logging.WARNING, "pulse.workers.providers"):
        await process_batch(services, [each.id for each in batch], "batch")
    warnings = [each.getMessage() for each in caplog.records]
    assert len(warnings) == 1, warnings
    assert "failed to extract 1 messages: 1.7 has" in warnings[0]
    assert await refused(services, batch) == {"1.7"}
    assert len(await found(services, "1")) > 2

    live = chat("2", long=0)
    for message in live:
        await services.store.messages.put_many([message])
        await process_batch(services, [message.id], f"live {message.id}*")
    assert await refused(services, live) == {"2.0"}
    assert len(await found(services, "2")) > 2

    delivery = SyntheticDelivery(b"", 1, 0.0)
    delivery.task_id = "a second > time"
    current_delivery.set(delivery)
    again = await extract_knowledge.original_func([each.id for each in batch])
    assert (again["failed"], again["total"]) == (1, len(batch))
    assert "characters" in again["message"]


async def test_messages_do_not_remember_that_they_were_too_many_at_once(
    services: Services,
) -> None:
    messages = [chat_message("We wait", id=f"4.{number}") for number in range(501)]
    version = stage_versions(services.provider)[Stage.EXTRACTED]
    done = {each.id: done_record(each.content_hash, version, "") for each in messages}
    await services.store.messages.put_many(messages)
    await services.store.stages.put_many(Stage.EXTRACTED, done)
    current_delivery.set(SyntheticDelivery(b"", 1, 0.0))
    with pytest.raises(TooManyMessagesError):
        await extract_knowledge.original_func(list(done))
    assert await services.store.stages.known(Stage.EXTRACTED, list(done)) == done


async def test_vectors_are_counted_as_they_are_stored(services: Services) -> None:
    text, photo, other = (
        chat_message(content, id=f"3.{number}") for number, content in enumerate(("text", "", ""))
    )
    long = chat_message(LONG, id="3.9")
    await services.store.messages.put_many([text, photo, other, long])

    unused: Any = None  # progress is told of several batches only

    async def embed(*ids: str) -> tuple[int, int, int, str]:
        result = await embed_messages_batch.original_func(ids, progress=unused)
        numbers = (result["embedded"], result["without_text"], result["failed"])
        return (*numbers, result.get("message", ""))

    assert await embed(text.id, photo.id, other.id, text.id) == (1, 2, 0, "")
    assert await embed(photo.id, other.id) == (0, 2, 0, "")
    assert (await embed(text.id, long.id))[:3] == (1, 0, 1)
    assert await embed(text.id, "9.9") == (1, 0, 1, "1 of 2 messages are not stored")
    with pytest.raises(MessageNotFoundError):
        await embed("9.9")


def chat(name: str, *, long: int) -> list[ChatMessage]:
    """Return messages with a decision each, and one that is too long."""
    return [
        chat_message(
            LONG
            if number == long
            else f"We decided to keep the keys of service {number} for 72 hours",
            id=f"{name}.{number}",
            recent=tuple(f"{name}.{earlier}" for earlier in range(number - 1, -1, -1)),
        )
        for number in range(14)
    ]


async def refused(services: Services, messages: list[ChatMessage]) -> set[str]:
    """Return the IDs of the messages whose extraction was refused; that of the others is done."""
    records = await services.store.stages.get_many([each.id for each in messages])
    outcomes = {key: each[Stage.EXTRACTED].outcome for key, each in records.items()}
    assert set(outcomes.values()) <= {StageOutcome.DONE, StageOutcome.REFUSED}
    return {key for key, outcome in outcomes.items() if outcome is StageOutcome.REFUSED}


async def found(services: Services, name: str) -> set[str]:
    """Return the IDs of the messages of a chat with an atom."""
    atoms = await services.store.atoms.all()
    ids = {each.message_id for atom in atoms for each in atom.evidence}
    return {each for each in ids if each.startswith(f"{name}.")}
