"""The task that scores a message."""

from typing import Any

from pulse_workers.chat.current_task import current_task_id
from pulse_workers.chat.pipeline.scoring import score_fields, score_messages
from pulse_workers.chat.services import current_services
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
        StoreFullError: a bucket has reached its limit.
    """
    services = current_services()
    message = await services.store.messages.get(str(message_id))
    scored = await score_messages(services, [message], current_task_id())
    if message.id in scored.errors:
        raise scored.errors[message.id]
    return score_fields(message, scored.scores[message.id])
