"""The task that records the classification of a message according to an operator."""

import time
from typing import Any

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.current_task import current_task_id
from pulse_workers.chat.records import Correction, MessageClass
from pulse_workers.chat.services import current_services
from pulse_workers.registry import task

_MAX_COMMENT = 500


@task(task_name="correct_classification", max_attempts=3, retry_delay=1, retry_on="TimeoutError")
async def correct_classification(
    message_id: str, classification: MessageClass, comment: str = ""
) -> dict[str, Any]:
    """Record what a message is according to an operator, or that its score is right.

    The score does not change. `classificationAccuracy` is the share of scores that agree, so it
    tells something only if right scores are confirmed, too.

    Args:
        message_id: ID of a stored message.
        classification: what it is.
        comment: why, for people.

    Returns:
        The classification, the one of the score, and whether they agree; null without a score.

    Raises:
        MessageNotFoundError: the message is not stored.
        StoreFullError: a bucket has reached its limit.
    """
    services = current_services()
    message = await services.store.messages.get(str(message_id))
    score = (await services.store.scores.get_many([message.id])).get(message.id)
    correction = Correction(
        message_id=message.id,
        classification=classification,
        previous=score.classification if score else "",
        model=score.model if score else "",
        prompt_version=score.prompt_version if score else "",
        at=format_timestamp(time.time()),
        comment=comment[:_MAX_COMMENT],
    )
    await services.store.knowledge.put_correction(correction)
    fields = {
        "message_id": message.id,
        "external_message_id": message.external_message_id,
        "classification": classification,
        "previous": correction.previous or None,
        "model": correction.model or None,
    }
    services.events.publish(
        "messages", "message.corrected", {**fields, "task_id": current_task_id()}
    )
    return {**fields, "agrees": score and score.classification == classification}
