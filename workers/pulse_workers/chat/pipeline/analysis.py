"""The summary of a period."""

import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.agents.calls import ANALYSIS
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    PeriodSummary,
    SummaryItem,
    SummaryRequest,
    WaitingItem,
)
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.messages import decode_message
from pulse_workers.errors import InvalidPeriodError
from pulse_workers.runtime.provisioning import MESSAGES

MAX_MESSAGES: Final = 2_000
"""Of a period; the most important ones are kept."""
_AGO: Final = re.compile(r"-(\d{1,4})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NOISE: Final = "noise"
_UNKNOWN_IMPORTANCE: Final = 0.5


def parse_moment(text: str, now: float) -> datetime:
    """Return a moment.

    Args:
        text: ISO 8601, in UTC without an offset; or the time before now, such as `-24h` (units `m`,
            `h`, `d`, `w`); empty for now.
        now: Unix seconds.

    Raises:
        InvalidPeriodError: it is neither.
    """
    present = datetime.fromtimestamp(now, UTC)
    if not text:
        return present
    try:
        if ago := _AGO.fullmatch(text.strip()):
            return present - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidPeriodError(
            f"{text[:40]!r} is neither a time, such as 2026-09-21T14:00, nor a time before now, "
            "such as -24h"
        ) from None


async def summarise_period(
    services: Services, start: datetime, end: datetime, chat: str, language: str, task_id: str
) -> dict[str, Any]:
    """Summarise the messages of a period, store the summary and publish it.

    Args:
        services: of the worker.
        start: first moment.
        end: the moment after it.
        chat: name of the chat, empty for all.
        language: of the summary, empty for the configured one.
        task_id: ID of the calling task.

    Raises:
        ModelError: no model answered.
        ProviderRefusedError: the provider does not summarise.
        StoreFullError: the bucket has reached its limit.
    """
    messages = await _messages(services, start, end, chat)
    chosen = await _choose(services, messages)
    ids = {message.id for message in chosen}
    atoms = [
        atom
        for atom in await services.store.knowledge.atoms()
        if any(evidence.message_id in ids for evidence in atom.evidence)
    ]
    request = SummaryRequest(chosen, atoms, start.isoformat(), end.isoformat(), language)
    answer = await services.agents.call(
        ANALYSIS,
        task_id,
        len(chosen),
        services.provider.summarise(request),
        capability=Capability.SUMMARISE,
    )
    fields = _fields(request, answer, chat) | {"message_count": len(messages)}
    await services.store.knowledge.put_summary(fields["summary_id"], fields)
    counts = {name: len(fields[name]) for name in _LISTS}
    services.events.publish(
        "knowledge", "knowledge.period_analysed", {**fields, **counts, "task_id": task_id}
    )
    return fields


async def _messages(
    services: Services, start: datetime, end: datetime, chat: str
) -> list[ChatMessage]:
    """Return the messages of a period, oldest first."""
    found: list[tuple[datetime, ChatMessage]] = []
    async for stored in services.store.read_changes(MESSAGES, 0):
        if not stored.value:
            continue
        message = decode_message(stored.value)
        if chat and message.source_name != chat:
            continue
        try:
            sent_at = datetime.fromisoformat(message.sent_at)
        except ValueError:
            continue
        if start <= sent_at < end:
            found.append((sent_at, message))
    return [message for _, message in sorted(found, key=lambda each: (each[0], each[1].id))]


async def _choose(services: Services, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return the messages that are not noise; of too many, the most important ones."""
    ids = [message.id for message in messages]
    scores = await services.store.scores.get_many(ids)
    corrections = await services.store.knowledge.corrections(ids)

    def is_noise(message: ChatMessage) -> bool:
        judged = corrections.get(message.id) or scores.get(message.id)
        return judged is not None and judged.classification == _NOISE

    def importance(message: ChatMessage) -> float:
        score = scores.get(message.id)
        value = score.importance_score if score is not None else None
        return _UNKNOWN_IMPORTANCE if value is None else value

    kept = [message for message in messages if not is_noise(message)]
    if len(kept) > MAX_MESSAGES:
        best = sorted(kept, key=importance, reverse=True)[:MAX_MESSAGES]
        chosen = {message.id for message in best}
        kept = [message for message in kept if message.id in chosen]
    return kept


_LISTS: Final = ("changes", "decisions", "open_questions", "risks", "waiting")


def _fields(request: SummaryRequest, answer: Answer[PeriodSummary], chat: str) -> dict[str, Any]:
    key = "\n".join(
        (request.start, request.end, chat, request.language, answer.model, answer.prompt_version)
    )
    return {
        "summary_id": hashlib.blake2b(key.encode(), digest_size=10).hexdigest(),
        "start": request.start,
        "end": request.end,
        "chat": chat or None,
        "language": request.language or None,
        "summarised": len(request.messages),
        **{name: _items(getattr(answer.value, name)) for name in _LISTS},
        "provider": answer.provider,
        "model": answer.model,
        "prompt_version": answer.prompt_version or None,
        "schema_version": answer.schema_version or None,
        **answer.fallback_fields,
        "at": format_timestamp(time.time()),
    }


def _items(items: Iterable[SummaryItem]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in items:
        fields: dict[str, Any] = {"text": item.text, "message_ids": list(item.message_ids)}
        if isinstance(item, WaitingItem):
            fields = {"who": item.who, "waits_for": item.waits_for, **fields}
        found.append(fields)
    return found
