"""The task that extracts knowledge from messages."""

from collections.abc import Sequence
from typing import Any

from pulse_workers.chat.current_task import current_task_id
from pulse_workers.chat.pipeline.extraction import extract_messages
from pulse_workers.chat.providers.provider import Capability
from pulse_workers.chat.services import current_services
from pulse_workers.errors import MessageNotFoundError
from pulse_workers.registry import task


@task(
    task_name="extract_knowledge",
    max_attempts=2,
    retry_delay=3,
    retry_on="TimeoutError",
)
async def extract_knowledge(
    message_ids: Sequence[str], agent: str = Capability.EXTRACT.agent, language: str | None = None
) -> dict[str, Any]:
    """Extract atoms and topics from messages, and store them.

    Args:
        message_ids: IDs of stored messages, which are extracted together.
        agent: name of the agent, for events.
        language: language of what is found, such as `en`; None for that of the messages.

    Returns:
        Counts of created and changed atoms and topics, and of messages that were not extracted.

    Raises:
        MessageNotFoundError: none of the messages is stored.
        ProviderRefusedError: an unsupported language, or each message is refused.
        TooManyMessagesError: too many messages at once.
        StoreFullError: a bucket has reached its limit.
    """
    services = current_services()
    ids = list(dict.fromkeys(message_ids))
    messages = await services.store.messages.get_many(ids)
    if not messages:
        raise MessageNotFoundError(f"none of the {len(ids)} messages is stored")
    extracted = await extract_messages(
        services, messages, {}, current_task_id(), agent=agent, language=language
    )
    if extracted.error is not None:
        raise extracted.error
    errors = extracted.errors
    result = {**extracted.summary, "missing": len(ids) - len(messages), "failed": len(errors)}
    if errors:
        result |= {"total": len(messages), "message": str(next(iter(errors.values())))}
    return result
