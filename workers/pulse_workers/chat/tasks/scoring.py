"""Scoring one message: how much it matters, and why."""

import asyncio
import time
from typing import Any

from pulse_workers.chat.agent_calls import CLASSIFICATION
from pulse_workers.chat.attachments import is_readable_text, read_attachment
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.services import current_services, current_task_id
from pulse_workers.registry import task


@task(
    task_name="workers.tasks.scoring:score_message_task",
    max_attempts=3,
    retry_delay=1,
    retry_on="AttachmentMissingError",
)
async def score_message_task(message_id: str) -> dict[str, Any]:
    """Score a stored message and store the score.

    Text attachments are read too: what a log says belongs to the message. One that is missing is
    looked for again twice, since files may arrive after their message.

    Args:
        message_id: id of a stored message.

    Returns:
        The score with its factors.

    Raises:
        MessageNotFoundError: no such message.
        AttachmentMissingError: a text attachment is not there.
        AttachmentUnreadableError: a text attachment is damaged or no text.
        ProviderRefusedError: the provider cannot judge this message.
    """
    services = current_services()
    message = await services.store.message(str(message_id))
    context = await services.store.messages(message.recent)
    attached = await asyncio.to_thread(_attached_text, message)
    scored = await services.agents.call(
        CLASSIFICATION,
        current_task_id(),
        1,
        lambda: services.provider.score(message, context, attached, time.time()),
    )
    score = scored.score
    await services.store.put_score(score)
    told = {
        "message_id": score.message_id,
        "external_message_id": message.external_message_id,
        "importance_score": score.importance_score,
        "classification": score.classification,
        "factors": score.factors,
        "weights": score.weights,
        "model": score.model,
        "task_id": current_task_id(),
    }
    services.events.publish("messages", "message.scored", told)
    return {name: value for name, value in told.items() if name != "task_id"}


def _attached_text(message: ChatMessage) -> str:
    return "\n".join(
        read_attachment(attachment, message.source)
        for attachment in message.attachments
        if is_readable_text(attachment)
    )
