"""The task that scores a message."""

import asyncio
import time
from typing import Any

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.agent_calls import CLASSIFICATION
from pulse_workers.chat.providers.provider import JudgeInput
from pulse_workers.chat.records import ChatMessage, Score
from pulse_workers.chat.services import current_services, current_task_id
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.attachments import is_readable_text, read_attachment
from pulse_workers.registry import task


@task(
    task_name="score_message_task",
    max_attempts=3,
    retry_delay=1,
    retry_on="AttachmentMissingError",
)
async def score_message_task(message_id: str) -> dict[str, Any]:
    """Score a stored message and store the score.

    The text of attachments counts, too. If one is missing, the task is retried, because a file can
    arrive after its message.

    Args:
        message_id: ID of a stored message.

    Returns:
        The score with its factors. A message that cannot be judged has the classification
        `not_judged`, no score, and a reason.

    Raises:
        MessageNotFoundError: the message is not stored.
        AttachmentMissingError: a text attachment does not exist.
        AttachmentUnreadableError: a text attachment is damaged or binary.
        ProviderRefusedError: the provider cannot judge messages.
    """
    services = current_services()
    message = await services.store.message(str(message_id))
    context = await services.store.messages(message.recent)
    attachment_text = await asyncio.to_thread(_attachment_text, message, services.folders)
    answer = await services.agents.call(
        CLASSIFICATION,
        current_task_id(),
        1,
        services.provider.judge([JudgeInput(message, context, attachment_text)]),
    )
    (judgement,) = answer.value
    score = Score(
        message_id=message.id,
        importance_score=judgement.importance,
        classification=judgement.classification,
        factors=dict(judgement.factors),
        weights=dict(judgement.weights),
        scored_at=format_timestamp(time.time()),
        model=answer.model,
        attachment_chars=len(attachment_text),
        reason=judgement.reason,
        topic=judgement.topic,
        provider=answer.provider,
        prompt_version=answer.prompt_version,
    )
    await services.store.put_score(score)
    fields = {
        "message_id": score.message_id,
        "external_message_id": message.external_message_id,
        "importance_score": score.importance_score,
        "classification": score.classification,
        "reason": score.reason,
        "factors": score.factors,
        "weights": score.weights,
        "model": score.model,
        "task_id": current_task_id(),
    }
    services.events.publish("messages", "message.scored", fields)
    return {name: value for name, value in fields.items() if name != "task_id"}


def _attachment_text(message: ChatMessage, folders: AllowedFolders) -> str:
    return "\n".join(
        read_attachment(attachment, message.source, folders)
        for attachment in message.attachments
        if is_readable_text(attachment)
    )
