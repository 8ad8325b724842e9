"""Chat messages as the workers tell of them: ingested, stored, scored."""

from typing import Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, fields_of
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.state.fields import as_json, as_number, as_text
from pulse_desktop.state.rows import Rows
from pulse_desktop.state.series import CountSeries

CLASSES: Final = ("signal", "weak_signal", "noise")
NOISE_BELOW: Final = 0.30
SIGNAL_ABOVE: Final = 0.60


class ChatMessage(msgspec.Struct, gc=False):
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
    """

    key: str
    message_id: str = ""
    author: str = ""
    content: str = ""
    source_name: str = ""
    sent_at: float | None = None
    seen_at: float = 0.0
    score: float | None = None
    classification: str = ""
    factors: bytes = b"{}"
    scored_at: float | None = None
    task_id: str = ""
    raw: bytes = b""

    @property
    def heard_at(self) -> float:
        """Unix seconds of the latest that was told of it: its first appearance, or its score."""
        return max(self.seen_at, self.scored_at or 0.0)

    @property
    def disagrees(self) -> bool:
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


class ChatMessages:
    """Messages joined from their events.

    Attributes:
        rows: in the order in which they were first heard of.
        scored: scored messages per 5 s bucket, by class.
        batches: totals told by `batch_scored` and ingestion events, latest first.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self.rows: Rows[ChatMessage] = Rows(capacity, on_forget=self._forget)
        self.scored = {name: CountSeries(5.0, 720) for name in CLASSES}
        self._positions: dict[str, int] = {}

    def apply(self, event: Event, body: msgspec.Raw | None = None) -> None:
        """Fold an event of the messages, noise_filtering or ingestion topic."""
        if event.type in ("message.new", "message.updated"):
            self._told(fields_of(event, body), event)
        elif event.type in ("message.scored", "message_scored"):
            self._scored(fields_of(event, body), event)

    def _told(self, data: dict[str, Any], event: Event) -> None:
        external = as_text(data.get("external_message_id"))
        internal = as_text(data.get("id"))
        internal = "" if internal == "0" else internal  # a message not stored yet has id 0
        author = data.get("author")
        if isinstance(author, dict):
            author = author.get("name")
        before, position = self._find(external, internal)
        message = ChatMessage(
            external or (before.key if before else "") or internal,
            internal or (before.message_id if before else ""),
            as_text(author)
            or as_text(data.get("author_name"))
            or (before.author if before else ""),
            as_text(data.get("content")) or (before.content if before else ""),
            as_text(data.get("source_name")) or (before.source_name if before else ""),
            parse_timestamp(data.get("sent_at")) or (before.sent_at if before else None),
            before.seen_at if before else event.timestamp,
            before.score if before else None,
            before.classification if before else "",
            before.factors if before else b"{}",
            before.scored_at if before else None,
            (before.task_id if before else "") or as_text(data.get("task_id")),
            event.raw,
        )
        self._put(message, position, external, internal)

    def _scored(self, data: dict[str, Any], event: Event) -> None:
        internal = as_text(data.get("message_id"))
        external = as_text(data.get("external_message_id"))
        score = as_number(data.get("importance_score"))
        label = as_text(data.get("classification"))
        factors = data.get("factors", data.get("noise_factors"))
        before, position = self._find(external, internal)
        known = before or ChatMessage(external or internal, internal, seen_at=event.timestamp)
        message = msgspec.structs.replace(
            known,
            message_id=internal or known.message_id,
            score=score,
            classification=label,
            factors=as_json(factors) if isinstance(factors, dict) else b"{}",
            scored_at=event.timestamp,
            task_id=as_text(data.get("task_id")) or known.task_id,
            raw=event.raw,
        )
        if label in self.scored:
            self.scored[label].add(event.timestamp)
        self._put(message, position, external, internal)

    def _find(self, external: str, internal: str) -> tuple[ChatMessage | None, int | None]:
        for key in (external, internal):
            position = self._positions.get(key, -1) if key else -1
            if position >= self.rows.first:
                return self.rows[position], position
        return None, None

    def _put(
        self, message: ChatMessage, position: int | None, external: str, internal: str
    ) -> None:
        if not message.key:
            return
        if position is None:
            position = self.rows.append(message)
        else:
            before = self.rows[position]
            for key in {before.key, before.message_id} - {message.key, message.message_id}:
                self._positions.pop(key, None)
            self.rows.replace(position, message)
        for key in (external, internal):
            if key:
                self._positions[key] = position

    def _forget(self, message: ChatMessage) -> None:
        for key in (message.key, message.message_id):
            if self._positions.get(key, self.rows.first) < self.rows.first:
                del self._positions[key]
