"""Chat messages and their scores, merged from ingestion and scoring events."""

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
from pulse_desktop.state.collection import MAX_ROWS_BYTES, Collection, payload_weight
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import TimeBuckets

CLASSES: Final = ("signal", "weak_signal", "noise")
NOT_JUDGED: Final = "not_judged"
"""Instead of a class: the worker did not judge the message, and says why."""
NOISE_BELOW: Final = 0.30
SIGNAL_ABOVE: Final = 0.60
ATTACHMENT: Final = "attachment"
"""Placeholder of a message with attachments whose names are unknown."""
NO_TEXT: Final = "no text"
"""Placeholder of a message without text and attachments."""
DELETED: Final = "deleted"
"""Placeholder of a message that was deleted in its chat."""
_MAX_ATTACHMENTS: Final = 4
_MAX_PLACEHOLDER: Final = 120


class MessageRow(msgspec.Struct, gc=False):
    """One chat message.

    Attributes:
        key: the external id, else the internal one; joins the events about a message.
        message_id: internal id, empty until it is stored.
        author: name of the author.
        content: the text.
        source_name: the chat that it comes from.
        sent_at: Unix seconds when it was sent, None if unknown.
        first_seen: Unix seconds of the first event about it.
        score: 0 to 1, None until it is scored.
        classification: the worker's label; need not match the score.
        factors: JSON object with the factors of the score.
        scored_at: Unix seconds, None until it is scored.
        task_id: id of the run that scored it, else of the one that ingested it.
        raw: payload of the latest event about it.
        placeholder: what the message has instead of text: a media type such as `voice message`, the
            names of files, `ATTACHMENT`, `NO_TEXT` or `DELETED`; empty if it has text or nothing is
            known.
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
        """Unix seconds of its score, or of the first event about it."""
        return max(self.first_seen, self.scored_at or 0.0)

    @property
    def label_mismatch(self) -> bool:
        """Whether the label is not the one that matches the score."""
        return (
            self.score is not None
            and bool(self.classification)
            and (self.classification != class_of(self.score))
        )


def class_of(score: float) -> str:
    """Return the class of a score by the default thresholds."""
    if score < NOISE_BELOW:
        return "noise"
    return "signal" if score > SIGNAL_ABOVE else "weak_signal"


_Id = str | Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _MessageEvent(msgspec.Struct, gc=False):
    """Data of `message.new` and `message.updated`, as our workers send it."""

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


class _ScoreEvent(msgspec.Struct, gc=False):
    """Data of `message.scored`, as our workers send it."""

    message_id: _Id
    importance_score: float | None
    classification: str
    external_message_id: str = ""
    factors: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    noise_factors: dict[str, Any] = {}
    task_id: str | None = None


_decode_message = msgspec.json.Decoder(_MessageEvent).decode
_decode_score = msgspec.json.Decoder(_ScoreEvent).decode


class ChatMessages(Collection[MessageRow]):
    """Chat messages merged from their events.

    Attributes:
        rows: the messages in the order in which they were first seen.
        scored: scored messages per 5 s bucket, by class.
    """

    name = "messages"
    topics = MESSAGE_TOPICS

    def __init__(self, capacity: int = 20_000) -> None:
        self.rows = RingBuffer(
            capacity, max_weight=MAX_ROWS_BYTES, weigh=payload_weight, on_evict=self._on_evicted
        )
        self.scored = {name: TimeBuckets(5.0, 720) for name in CLASSES}
        self._positions: dict[str, int] = {}

    def get(self, message_id: str) -> MessageRow | None:
        """Return a message by its external or internal id, or None."""
        return self._find(message_id, "")[0]

    def apply(self, event: Event, body: msgspec.Raw | None = None) -> None:
        """Fold an event of the messages, noise_filtering or ingestion topic."""
        if event.type in ("message.new", "message.updated"):
            self._merge_message(_read_message(event, body), event)
        elif event.type in ("message.scored", "message_scored"):
            self._merge_score(_read_score(event, body), event)
        elif event.type == "message.deleted":
            self._delete(_read_message(event, body), event)

    def _merge_message(self, data: _MessageEvent, event: Event) -> None:
        external, internal = data.external_message_id, str(data.id)
        if internal == "0":
            internal = ""  # of a message that is not stored yet
        before, position = self._find(external, internal)
        known = before or MessageRow("", first_seen=event.timestamp)
        message = MessageRow(
            external or known.key or internal,
            internal or known.message_id,
            data.author or data.author_name or known.author,
            data.content or known.content,
            data.source_name or known.source_name,
            (parse_timestamp(data.sent_at) if data.sent_at is not None else None) or known.sent_at,
            known.first_seen,
            known.score,
            known.classification,
            known.factors,
            known.scored_at,
            known.task_id or data.task_id or "",
            event.raw,
            "" if data.content or known.content else _placeholder(data) or known.placeholder,
        )
        self._put(message, before, position, external, internal)

    def _delete(self, data: _MessageEvent, event: Event) -> None:
        """Remove the text of a message; it keeps its row and its score."""
        external, internal = data.external_message_id, str(data.id)
        known, position = self._find(external, internal)
        if known is not None:
            deleted = msgspec.structs.replace(known, content="", placeholder=DELETED, raw=event.raw)
            self._put(deleted, known, position, external, internal)

    def _merge_score(self, score: _ScoreEvent, event: Event) -> None:
        internal, external = str(score.message_id), score.external_message_id
        label = score.classification
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
            score.importance_score,
            label,
            to_json_bytes(score.noise_factors if score.factors is msgspec.UNSET else score.factors),
            event.timestamp,
            score.task_id or known.task_id,
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


def _read_message(event: Event, body: msgspec.Raw | None) -> _MessageEvent:
    """Decode a message event: at once if it has the documented form, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_message(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = event_fields(event, body)
    author = data.get("author")
    if isinstance(author, dict):
        author = author.get("name")
    sent_at, names = data.get("sent_at"), data.get("attachments")
    return _MessageEvent(
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


def _placeholder(data: _MessageEvent) -> str:
    """Return what a message has instead of text: a media type, or the names of its attachments."""
    names = [name for name in (data.attachments or ())[:_MAX_ATTACHMENTS] if name]
    if data.media_type:
        return data.media_type.replace("_", " ")[:_MAX_PLACEHOLDER]
    if names:
        return ", ".join(names)[:_MAX_PLACEHOLDER]
    if data.attachments:
        return ATTACHMENT
    return NO_TEXT if data.content is not None else ""


def _read_score(event: Event, body: msgspec.Raw | None) -> _ScoreEvent:
    """Decode a score event: at once if it has the documented form, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_score(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = event_fields(event, body)
    factors = data.get("factors", data.get("noise_factors"))
    return _ScoreEvent(
        to_text(data.get("message_id")),
        to_float(data.get("importance_score")),
        to_text(data.get("classification")),
        to_text(data.get("external_message_id")),
        factors if isinstance(factors, dict) else {},
        task_id=to_text(data.get("task_id")),
    )
