"""Embedding messages: one vector each, for nearness in meaning."""

import asyncio
from collections.abc import Sequence
from typing import Any

from workers.registry import task
from workers.services import current_services


@task(max_attempts=3, retry_delay=2, retry_on="TimeoutError")
async def embed_messages_batch(message_ids: Sequence[str]) -> dict[str, Any]:
    """Store a unit vector for each message.

    Args:
        message_ids: ids of stored messages.

    Returns:
        How many vectors of how many dimensions were stored, and how many messages were missing.

    Raises:
        ProviderRefusedError: a message is too long.
    """
    services = current_services()
    messages = await services.store.messages(message_ids)
    texts = [message.content for message in messages]
    embedded = await asyncio.to_thread(services.provider.embed, texts)
    await services.store.put_embeddings([message.id for message in messages], embedded.vectors)
    return {
        "embedded": len(messages),
        "failed": len(message_ids) - len(messages),
        "dimensions": int(embedded.vectors.shape[1]) if len(messages) else 0,
        "empty": int((~embedded.vectors.any(axis=1)).sum()) if len(messages) else 0,
        "tokens": embedded.usage.tokens_in,
        "model": services.provider.embedding_model,
    }
