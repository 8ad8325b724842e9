"""Chat messages as the workers tell of them: ingested, stored, scored."""

from typing import Annotated, Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, event_fields
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.protocol.topics import MESSAGE_TOPICS
from pulse_desktop.state.coerce import (
    MAX_TEXT,
    to_float,
    to_json_bytes,
    to_text,
)
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import TimeBuckets

CLASSES: Final = ("signal", "weak_signal", "noise")
NOISE_BELOW: Final = 0.30
SIGNAL_ABOVE: Final = 0.60
_MAX_ATTACHMENTS: Final = 4
_MAX_PLACEHOLDER: Final = 120


class MessageRow(msgspec.Struct, gc=False):
    """One message of the chat.

    Attributes:
        key: the id by which events are joined, external before internal.
        message_id: internal id, empty until it is stored.
        author: name.
        content: the text.
        source_name: chat it came from.
        sent_at: Unix seconds, by the chat; None when it was not said.
        seen_at: Unix seconds of the first event about it.
        score: 0 to 1, None until it is scored.
        classification: the worker's label; may disagree with the score.
        factors: JSON object of what made up the score.
        scored_at: Unix seconds.
        task_id: the run that scored, else the one that ingested it.
        raw: the latest event about it.
        placeholder: what the message has instead of text, such as `voice message` or the name of a
            file; empty while there is text, or while it is not known.
    """

    key: str
    message_id: str = ""
    author: str = ""
    content: str = ""
    source_name: str = ""
    sent_at: float | None = None
    first_seen: float = 0.0
    score: float | None = None
    classification: str = ""
    factors: bytes = b"{}"
    scored_at: float | None = None
    task_id: str = ""
    raw: bytes = b""
    placeholder: str = ""

    @property
    def last_seen(self) -> float:
        """Unix seconds of the latest that was told of it: its first appearance, or its score."""
        return max(self.first_seen, self.scored_at or 0.0)

    @property
    def label_mismatch(self) -> bool:
        """Whether the label is not the one its score stands for."""
        return (
            self.score is not None
            and bool(self.classification)
            and (self.classification != class_of(self.score))
        )


def class_of(score: float) -> str:
    """Return the class a score stands for by the default thresholds."""
    if score < NOISE_BELOW:
        return "noise"
    return "signal" if score > SIGNAL_ABOVE else "weak_signal"


_Id = str | Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Told(msgspec.Struct, gc=False):
    """What `message.new` and `message.updated` tell, as our workers write it."""

    external_message_id: str = ""
    id: _Id = ""
    content: str | None = None
    author: str | None = None
    author_name: str | None = None
    source_name: str | None = None
    sent_at: str | float | None = None
    task_id: str | None = None
    attachments: list[str] | None = None
    media_type: str | None = None


class _Scored(msgspec.Struct, gc=False):
    """What `message.scored` tells, as our workers write it."""

    message_id: _Id
    importance_score: float | None
    classification: str
    external_message_id: str = ""
    factors: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    noise_factors: dict[str, Any] = {}
    task_id: str | None = None


_decode_told = msgspec.json.Decoder(_Told).decode
_decode_scored = msgspec.json.Decoder(_Scored).decode


class ChatMessages(Collection[MessageRow]):
    """Messages joined from their events.

    Attributes:
        rows: in the order in which they were first heard of.
        scored: scored messages per 5 s bucket, by class.
        batches: totals told by `batch_scored` and ingestion events, latest first.
    """

    name = "messages"
    topics = MESSAGE_TOPICS

    def __init__(self, capacity: int = 20_000) -> None:
        self.rows = RingBuffer(capacity, on_evict=self._on_evicted)
        self.scored = {name: TimeBuckets(5.0, 720) for name in CLASSES}
        self._positions: dict[str, int] = {}

    def apply(self, event: Event, body: msgspec.Raw | None = None) -> None:
        """Fold an event of the messages, noise_filtering or ingestion topic."""
        if event.type in ("message.new", "message.updated"):
            self._told(_read_told(event, body), event)
        elif event.type in ("message.scored", "message_scored"):
            self._scored(_read_scored(event, body), event)

    def _told(self, told: _Told, event: Event) -> None:
        external, internal = told.external_message_id, str(told.id)
        if internal == "0":
            internal = ""  # a message not stored yet has id 0
        before, position = self._find(external, internal)
        known = before or MessageRow("", first_seen=event.timestamp)
        message = MessageRow(
            external or known.key or internal,
            internal or known.message_id,
            told.author or told.author_name or known.author,
            told.content or known.content,
            told.source_name or known.source_name,
            (parse_timestamp(told.sent_at) if told.sent_at is not None else None) or known.sent_at,
            known.first_seen,
            known.score,
            known.classification,
            known.factors,
            known.scored_at,
            known.task_id or told.task_id or "",
            event.raw,
            "" if told.content or known.content else _placeholder(told) or known.placeholder,
        )
        self._put(message, before, position, external, internal)

    def _scored(self, scored: _Scored, event: Event) -> None:
        internal, external = str(scored.message_id), scored.external_message_id
        label = scored.classification
        before, position = self._find(external, internal)
        known = before or MessageRow(external or internal, internal, first_seen=event.timestamp)
        message = MessageRow(
            known.key,
            internal or known.message_id,
            known.author,
            known.content,
            known.source_name,
            known.sent_at,
            known.first_seen,
            scored.importance_score,
            label,
            to_json_bytes(
                scored.noise_factors if scored.factors is msgspec.UNSET else scored.factors
            ),
            event.timestamp,
            scored.task_id or known.task_id,
            event.raw,
            known.placeholder,
        )
        if label in self.scored:
            self.scored[label].add(event.timestamp)
        self._put(message, before, position, external, internal)

    def _find(self, external: str, internal: str) -> tuple[MessageRow | None, int | None]:
        for key in (external, internal):
            position = self._positions.get(key, -1) if key else -1
            if position >= self.rows.start:
                return self.rows[position], position
        return None, None

    def _put(
        self,
        message: MessageRow,
        before: MessageRow | None,
        position: int | None,
        external: str,
        internal: str,
    ) -> None:
        if not message.key:
            return
        if before is None or position is None:
            position = self.rows.append(message)
        else:
            if before.key != message.key or before.message_id != message.message_id:
                for key in {before.key, before.message_id} - {message.key, message.message_id}:
                    self._positions.pop(key, None)
            self.rows.replace(position, message)
        for key in (external, internal):
            if key:
                self._positions[key] = position

    def _on_evicted(self, message: MessageRow) -> None:
        for key in (message.key, message.message_id):
            if self._positions.get(key, self.rows.start) < self.rows.start:
                del self._positions[key]


def _read_told(event: Event, body: msgspec.Raw | None) -> _Told:
    """Read what is told of a message: at once if written as promised, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_told(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = event_fields(event, body)
    author = data.get("author")
    if isinstance(author, dict):
        author = author.get("name")
    sent_at, names = data.get("sent_at"), data.get("attachments")
    return _Told(
        to_text(data.get("external_message_id")),
        to_text(data.get("id")),
        None if data.get("content") is None else to_text(data["content"]),
        to_text(author),
        to_text(data.get("author_name")),
        to_text(data.get("source_name")),
        sent_at if isinstance(sent_at, (str, int, float)) else None,
        to_text(data.get("task_id")),
        [to_text(name) for name in names[:_MAX_ATTACHMENTS]] if isinstance(names, list) else None,
        to_text(data.get("media_type")),
    )


def _placeholder(told: _Told) -> str:
    """Return what a message without a text has in its place, in words."""
    names = [name for name in (told.attachments or ())[:_MAX_ATTACHMENTS] if name]
    if told.media_type:
        return told.media_type.replace("_", " ")[:_MAX_PLACEHOLDER]
    if names:
        return ", ".join(names)[:_MAX_PLACEHOLDER]
    if told.attachments:
        return "attachment"
    return "no text" if told.content is not None else ""


def _read_scored(event: Event, body: msgspec.Raw | None) -> _Scored:
    """Read a score: at once if written as promised, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_scored(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = event_fields(event, body)
    factors = data.get("factors", data.get("noise_factors"))
    return _Scored(
        to_text(data.get("message_id")),
        to_float(data.get("importance_score")),
        to_text(data.get("classification")),
        to_text(data.get("external_message_id")),
        factors if isinstance(factors, dict) else {},
        task_id=to_text(data.get("task_id")),
    )
