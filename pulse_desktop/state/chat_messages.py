"""Chat messages and their scores, merged from ingestion and scoring events."""

from typing import Final

import msgspec

from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.protocol.topics import MESSAGE_TOPICS
from pulse_desktop.state.coerce import to_json_bytes
from pulse_desktop.state.collection import MAX_ROWS_BYTES, Collection, payload_weight
from pulse_desktop.state.message_events import (
    MessageEvent,
    ScoreEvent,
    placeholder_of,
    read_message,
    read_score,
)
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import long_counts

CLASSES: Final = ("signal", "weak_signal", "noise")
NOT_JUDGED: Final = "not_judged"
"""Instead of a class: the worker did not judge the message, and says why."""
NOISE_BELOW: Final = 0.30
SIGNAL_ABOVE: Final = 0.60
DELETED: Final = "deleted"
"""Placeholder of a message that was deleted in its chat."""
_MAX_DELETED: Final = 10_000


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
        task_scored: whether `task_id` is of the run that scored it.
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
    task_scored: bool = False

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
        self.scored = {name: long_counts() for name in CLASSES}
        self._positions: dict[str, int] = {}
        self._deleted: dict[str, bytes] = {}  # ids of deleted messages -> payload of the deletion

    def get(self, message_id: str) -> MessageRow | None:
        """Return a message by its external or internal id, or None."""
        return self._find(message_id, "")[0]

    def position(self, message_id: str) -> int | None:
        """Return the position in `rows` of a message by its external or internal id, or None."""
        return self._find(message_id, "")[1]

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold an event of the messages, noise_filtering or ingestion topic."""
        if event.type in ("message.new", "message.updated"):
            message = read_message(event, body)
            external, internal = message.external_message_id, str(message.id)
            if internal == "0":
                internal = ""  # of a message that is not stored yet
            update = _row_of_message(message, event)
        elif event.type in ("message.scored", "message_scored"):
            score = read_score(event, body)
            external, internal = score.external_message_id, str(score.message_id)
            update = _row_of_score(score, event)
            if score.classification in self.scored:
                self.scored[score.classification].add(event.timestamp)
        elif event.type == "message.deleted":
            self._delete(read_message(event, body), event, older=older)
            return
        else:
            return
        update.key, update.message_id = external or internal, internal
        known, position = self._find(external, internal)
        if older:
            row = _merge_older(known, update, self._deletion(update, known))
        elif known is None:
            row = update
            if self._deletion(row, None) is not None and not row.content:
                row.placeholder = row.placeholder or DELETED
        else:
            row = _merge(known, update)
        if row.key:
            self._put(row, known, position, external, internal, older=older)

    def _delete(self, data: MessageEvent, event: Event, *, older: bool) -> None:
        """Remove the text of a message; it keeps its row, its score and any later text."""
        external, internal = data.external_message_id, str(data.id)
        for key in filter(None, (external, internal)):
            if older and key in self._deleted:
                continue
            # The text may be read from history later.
            self._deleted[key] = event.raw
            if len(self._deleted) > _MAX_DELETED:
                del self._deleted[next(iter(self._deleted))]
        known, position = self._find(external, internal)
        if known is None or (older and known.content):
            return
        if older:
            row = msgspec.structs.replace(known, placeholder=known.placeholder or DELETED)
        else:
            row = msgspec.structs.replace(known, content="", placeholder=DELETED, raw=event.raw)
        self._put(row, known, position, external, internal, older=older)

    def _deletion(self, update: MessageRow, known: MessageRow | None) -> bytes | None:
        """Return the payload of the later deletion of a message, None if it was not deleted."""
        if not self._deleted:
            return None
        rows = (update,) if known is None else (update, known)
        keys = (key for row in rows for key in (row.key, row.message_id))
        return next((self._deleted[key] for key in keys if key in self._deleted), None)

    def _find(self, external: str, internal: str) -> tuple[MessageRow | None, int | None]:
        for key in (external, internal):
            position = self._positions.get(key) if key else None
            if position is not None and position >= self.rows.start:
                return self.rows[position], position
        return None, None

    def _put(
        self,
        message: MessageRow,
        before: MessageRow | None,
        position: int | None,
        external: str,
        internal: str,
        *,
        older: bool,
    ) -> None:
        if before is None or position is None:
            position = self._add(message, older=older)
            if position is None:
                return
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


def _row_of_message(data: MessageEvent, event: Event) -> MessageRow:
    """Return what one `message.new` or `message.updated` says, without the ids."""
    return MessageRow(
        "",
        "",
        data.author or data.author_name or "",
        data.content or "",
        data.source_name or "",
        parse_timestamp(data.sent_at) if data.sent_at is not None else None,
        event.timestamp,
        None,
        "",
        b"{}",
        None,
        data.task_id or "",
        event.raw,
        "" if data.content else placeholder_of(data),
    )


def _row_of_score(score: ScoreEvent, event: Event) -> MessageRow:
    """Return what one `message.scored` says, without the ids."""
    factors = score.noise_factors if score.factors is msgspec.UNSET else score.factors
    at, task_id = event.timestamp, score.task_id or ""
    return MessageRow(
        "",
        "",
        "",
        "",
        "",
        None,
        at,
        score.importance_score,
        score.classification,
        to_json_bytes(factors),
        at,
        task_id,
        event.raw,
        "",
        bool(task_id),
    )


def _merge(earlier: MessageRow, later: MessageRow) -> MessageRow:
    """Merge two parts of what is known of a message.

    The later part counts where it says something. Of the runs that ingested a message the first
    one counts, and the last one that scored it before all of them.
    """
    content = later.content or earlier.content
    scored = later if later.scored_at is not None else earlier
    by_later = later.task_scored or not earlier.task_id
    has_external = later.key != later.message_id
    return MessageRow(
        later.key if has_external and later.key else earlier.key or later.key,
        later.message_id or earlier.message_id,
        later.author or earlier.author,
        content,
        later.source_name or earlier.source_name,
        earlier.sent_at if later.sent_at is None else later.sent_at,
        earlier.first_seen,
        scored.score,
        scored.classification,
        scored.factors,
        scored.scored_at,
        later.task_id if by_later else earlier.task_id,
        later.raw,
        "" if content else later.placeholder or earlier.placeholder,
        later.task_scored or earlier.task_scored,
    )


def _merge_older(known: MessageRow | None, older: MessageRow, deleted: bytes | None) -> MessageRow:
    """Merge what is known of a message with an older part, whose text may have been deleted since.

    Args:
        known: the row, None if there is none.
        older: what an older event says.
        deleted: payload of the later deletion, None if there is none.
    """
    if deleted is not None:
        older = msgspec.structs.replace(older, content="", placeholder=DELETED, raw=deleted)
    return older if known is None else _merge(older, known)
