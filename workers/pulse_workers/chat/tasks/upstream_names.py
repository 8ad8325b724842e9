"""Tasks under the names, and with the arguments, that Pulse Radar's backend uses.

A client that enqueues `app.tasks.scoring:score_message_task` is served by these workers without a
change. Arguments that select rows of its database (providers, agents, projects) have no meaning
here and are accepted without effect. Of its ingestion tasks, the one that stores a message of its
webhook runs; `ingest_telegram_messages_task` reads chats through an API that is not available here.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from taskiq import TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker

from pulse_desktop.protocol.task_message import PARENT
from pulse_workers.chat.current_task import child_id, current_task_id
from pulse_workers.chat.pipeline.ingestion import store_messages
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.services import current_services
from pulse_workers.chat.sources.telegram_bot.updates import convert_update
from pulse_workers.chat.tasks.batch import process_messages
from pulse_workers.chat.tasks.embedding import embed_messages_batch
from pulse_workers.chat.tasks.ingestion import ingest_messages
from pulse_workers.chat.tasks.knowledge import extract_knowledge
from pulse_workers.chat.tasks.scoring import score_message_task
from pulse_workers.registry import task

MessageId = str | int
_UNKNOWN_BOT: Final = 0
"""Stands for the bot of the webhook, whose id its updates do not have."""


@task(task_name="app.tasks.ingestion:save_telegram_message", **ingest_messages.labels)
async def save_telegram_message(telegram_data: dict[str, Any]) -> str:
    """Store a message that a Telegram bot has received, and process it.

    Args:
        telegram_data: an update of the Bot API.

    Returns:
        What was done, as text.

    Raises:
        StoreFullError: the bucket has reached its limit.
    """
    services, task_id = current_services(), current_task_id()
    message = convert_update(telegram_data, _UNKNOWN_BOT)
    if not isinstance(message, ChatMessage):
        return "Skipped: the update has no message with a text or a file"
    own = msgspec.structs.replace(message, ingested_by=task_id)
    stored = await store_messages(services, [own], task_id)
    if stored.full is not None:
        raise stored.full
    for error in stored.refused.values():
        return f"Skipped: {error}"
    if stored.due:  # also after an attempt that stored it and did not get further
        kicker = process_messages.kicker().with_labels(**{PARENT: task_id})
        await kicker.with_task_id(child_id(task_id, "process")).kiq([message.id])
    return f"Saved message {message.id}"


@task(task_name="app.tasks.scoring:score_message_task", **score_message_task.labels)
async def score_message(message_id: MessageId) -> dict[str, Any]:
    """Score a stored message, as `score_message_task`.

    Args:
        message_id: ID of a stored message.

    Returns:
        The score; its factors also as `noise_factors`.
    """
    scored = await score_message_task.original_func(str(message_id))
    return {**scored, "noise_factors": scored["factors"]}


@task(task_name="app.tasks.knowledge:embed_messages_batch_task", **embed_messages_batch.labels)
async def embed_messages(
    message_ids: Sequence[MessageId],
    provider_id: str | None = None,  # noqa: ARG001 - a row of the sender's database
    *,
    progress: ProgressTracker[Any] = TaskiqDepends(),  # noqa: B008 - TaskIQ injects it
) -> dict[str, Any]:
    """Store a vector for each message, as `embed_messages_batch`.

    Args:
        message_ids: IDs of stored messages.
        provider_id: has no effect: the provider is configured.
        progress: injected by TaskIQ, not an argument.

    Returns:
        The counts of `embed_messages_batch`, and `success` and `skipped`.
    """
    ids = [str(message_id) for message_id in message_ids]
    embedded = await embed_messages_batch.original_func(ids, progress=progress)
    return {**embedded, "success": embedded["embedded"], "skipped": 0}


@task(
    task_name="app.tasks.knowledge:extract_knowledge_from_messages_task",
    **extract_knowledge.labels,
)
async def extract_knowledge_from_messages(
    message_ids: Sequence[MessageId],
    agent_config_id: str | None = None,  # noqa: ARG001 - a row of the sender's database
    created_by: str | None = None,  # noqa: ARG001
    language: str | None = None,  # noqa: ARG001
    project_config_id: str | None = None,  # noqa: ARG001
    extraction_run_id: str | None = None,  # noqa: ARG001
    include_context: bool = False,  # noqa: ARG001
    context_window: int = 5,  # noqa: ARG001
) -> dict[str, Any]:
    """Extract atoms and topics from messages in every supported language, as `extract_knowledge`.

    Args:
        message_ids: IDs of stored messages, which are extracted together.
        agent_config_id: has no effect, like all further arguments: the agent is configured.
        created_by: no effect.
        language: no effect.
        project_config_id: no effect.
        extraction_run_id: no effect.
        include_context: no effect.
        context_window: no effect.

    Returns:
        The counts of `extract_knowledge`.
    """
    return await extract_knowledge.original_func([str(each) for each in message_ids])
