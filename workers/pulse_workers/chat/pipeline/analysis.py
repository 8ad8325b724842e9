"""The summary of a period."""

import contextlib
import hashlib
import heapq
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    PeriodSummary,
    SummaryItem,
    SummaryRequest,
    WaitingItem,
)
from pulse_workers.chat.records import NOISE, Atom, ChatMessage
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.messages import read_message
from pulse_workers.chat.store.store import Store
from pulse_workers.errors import InvalidPeriodError
from pulse_workers.runtime.provisioning import MESSAGES

MAX_MESSAGES: Final = 2_000
"""Of a period; the most important ones are kept."""
MAX_CITED: Final = 12
"""Messages that a statement names, as many as a model may name; the earliest are kept."""
MAX_NAMED_CHATS: Final = 20
_MAX_NAME: Final = 100
_PAGE_SIZE: Final = 500
_AGO: Final = re.compile(r"-(\d{1,4})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
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
        chat: name or ID of the chat, empty for all.
        language: of the summary, empty for the configured one.
        task_id: ID of the calling task.

    Returns:
        The fields of the summary, or those of a soft failure if the chat is not known.

    Raises:
        ModelError: no model answered.
        ProviderRefusedError: the provider does not summarise.
        StoreFullError: the bucket has reached its limit.
    """
    selection = Selection()
    chats = ChatFilter(chat)
    async for page in _pages(services, start, end, chats):
        await selection.add(services.store, page)
    if (unknown := chats.describe_unknown()) is not None:
        return {"status": "error", "message": unknown, "reason": unknown}
    chosen = selection.messages()
    positions = {message.id: position for position, message in enumerate(chosen)}
    atoms = [
        within
        for atom in await services.store.atoms.all()
        if (within := _within(atom, positions)) is not None
    ]
    request = SummaryRequest(chosen, atoms, start.isoformat(), end.isoformat(), language)
    answer = await services.agents.call(
        Capability.SUMMARISE.agent,
        task_id,
        len(chosen),
        services.provider.summarise(request),
        capability=Capability.SUMMARISE,
    )
    fields = _fields(request, answer, chats.selected) | {"message_count": selection.count}
    await services.store.knowledge.put_summary(fields["summary_id"], fields)
    statements = {name: fields[name] for name in _LISTS}
    counts = {name: len(items) for name, items in statements.items()}
    services.events.publish(
        "knowledge",
        "knowledge.period_analysed",
        {**fields, **counts, "statements": statements, "task_id": task_id},
    )
    return fields


def _within(atom: Atom, positions: Mapping[str, int]) -> Atom | None:
    """Return an atom with its sources in these messages only; None if it has none there.

    Messages of other chats or periods that say the same share the atom.

    Args:
        atom: with all its sources.
        positions: of the messages, by ID; the sources are in this order.
    """
    evidence = sorted(
        (each for each in atom.evidence if each.message_id in positions),
        key=lambda each: positions[each.message_id],
    )
    return msgspec.structs.replace(atom, evidence=tuple(evidence)) if evidence else None


class ChatFilter:
    """Selects the messages of a chat by its name or ID, in upper or lower case."""

    def __init__(self, wanted: str) -> None:
        """Set the name or ID, empty for all chats."""
        self._wanted = wanted.strip()
        self._folded = self._wanted.casefold()
        self._matches: set[str] = set()
        self._names: dict[str, str] = {}

    def accepts(self, message: ChatMessage) -> bool:
        """Return whether a message is of the chat, and remember its chat."""
        chat_id = message.id.rpartition(".")[0]
        self._names[chat_id] = message.source_name
        if not self._folded:
            return True
        found = [each for each in (message.source_name, chat_id) if each.casefold() == self._folded]
        self._matches.update(found)
        return bool(found)

    @property
    def selected(self) -> str:
        """The name or ID as messages have it, empty for all chats."""
        if self._wanted in self._matches:
            return self._wanted
        return min(self._matches, default="")

    def describe_unknown(self) -> str | None:
        """Return which chats there are if no message was of the chat, otherwise None."""
        if not self._folded or self._matches:
            return None
        known = sorted(f"{name!r} ({chat_id})" for chat_id, name in self._names.items())
        listed = ", ".join(known[:MAX_NAMED_CHATS])
        more = f" and {len(known) - MAX_NAMED_CHATS} more" if len(known) > MAX_NAMED_CHATS else ""
        text = f"no chat has the name or id {self._wanted[:_MAX_NAME]!r}"
        return f"{text}; known are {listed}{more}" if known else f"{text}: no message is stored"


async def _pages(
    services: Services, start: datetime, end: datetime, chats: ChatFilter
) -> AsyncIterator[list[ChatMessage]]:
    """Yield the messages of a period, some at a time, in any order."""
    page: list[ChatMessage] = []
    async with contextlib.aclosing(services.store.read_since(MESSAGES, 0)) as entries:
        async for stored in entries:
            message = read_message(stored.key, stored.value)
            if message is None or not chats.accepts(message):
                continue
            sent_at = _sent_at(message)
            if sent_at is None or not start <= sent_at < end:
                continue
            page.append(message)
            if len(page) == _PAGE_SIZE:
                yield page
                page = []
    yield page


def _sent_at(message: ChatMessage) -> datetime | None:
    try:
        return datetime.fromisoformat(message.sent_at)
    except ValueError:
        return None


class Selection:
    """The messages that are not noise; of too many, the most important ones.

    Attributes:
        count: number of messages, noise included.
    """

    def __init__(self) -> None:
        self.count = 0
        self._best: list[tuple[float, str, ChatMessage]] = []  # a heap, least important first

    async def add(self, store: Store, page: Sequence[ChatMessage]) -> None:
        """Take messages, with their scores and corrections from the store."""
        self.count += len(page)
        ids = [message.id for message in page]
        scores = await store.scores.get_many(ids)
        corrections = await store.knowledge.corrections(ids)
        for message in page:
            score = scores.get(message.id)
            judged = corrections.get(message.id) or score
            if judged is not None and judged.classification == NOISE:
                continue
            value = score.importance_score if score is not None else None
            importance = _UNKNOWN_IMPORTANCE if value is None else value
            heapq.heappush(self._best, (importance, message.id, message))
            if len(self._best) > MAX_MESSAGES:
                heapq.heappop(self._best)

    def messages(self) -> list[ChatMessage]:
        """Return the messages, oldest first; of the same second, in the order of their numbers."""
        return sorted((message for _, _, message in self._best), key=_order)


def _order(message: ChatMessage) -> tuple[str, str, int, str]:
    chat, _, number = message.id.rpartition(".")
    position = int(number) if number.removeprefix("-").isdecimal() else 0
    return message.sent_at, chat, position, number


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
        fields: dict[str, Any] = {
            "text": item.text,
            "message_ids": list(item.message_ids[:MAX_CITED]),
        }
        if isinstance(item, WaitingItem):
            fields = {"who": item.who, "waits_for": item.waits_for, **fields}
        found.append(fields)
    return found
