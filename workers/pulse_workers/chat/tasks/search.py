"""The task that searches messages and atoms."""

from collections.abc import Mapping
from typing import Any, Final

from pulse_workers.chat.current_task import current_task_id
from pulse_workers.chat.records import Atom, ChatMessage
from pulse_workers.chat.search import ATOM, SearchHit
from pulse_workers.chat.services import current_services
from pulse_workers.registry import task

MAX_RESULTS: Final = 100
_MAX_QUERY: Final = 1_000
_MAX_TEXT: Final = 500


@task(task_name="search_knowledge", max_attempts=2, retry_delay=1, retry_on="TimeoutError")
async def search_knowledge(query: str, limit: int = 10) -> dict[str, Any]:
    """Find messages and atoms by words and by meaning.

    Args:
        query: words, or a question; at most 1,000 characters count.
        limit: maximum number of hits, at most 100.

    Returns:
        Hits, best first, with their ranks by text and by vectors; and `embedding`: model and
        provider that embedded the query, or the error that left the search to the text alone.
    """
    services = current_services()
    query = " ".join(query.split())[:_MAX_QUERY]
    if not query:
        return {"query": "", "hits": [], "embedding": None}
    result = await services.search.search(query, max(1, min(limit, MAX_RESULTS)), current_task_id())
    hits = [_ranks(each) | _fields(each, result.messages, result.atoms) for each in result.hits]
    return {"query": query, "hits": hits, "embedding": dict(result.embedding)}


def _ranks(found: SearchHit) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "id": found.id,
        "score": found.score,
        "text_rank": found.text_rank,
        "vector_rank": found.vector_rank,
    }


def _fields(
    found: SearchHit, messages: Mapping[str, ChatMessage], atoms: Mapping[str, Atom]
) -> dict[str, Any]:
    """Return what a hit shows."""
    if found.kind == ATOM:
        atom = atoms[found.id]
        return {
            "text": atom.title,
            "type": atom.type,
            "confidence": atom.confidence,
            "topic_id": atom.topic_id or None,
            "message_ids": [
                evidence.message_id for evidence in atom.evidence if evidence.message_id in messages
            ],
        }
    message = messages[found.id]
    return {
        "text": message.content[:_MAX_TEXT],
        "author": message.author,
        "sent_at": message.sent_at,
        "source_name": message.source_name,
    }
