"""What the agents found in the chat, as a list of findings and of the extractions behind them."""

from typing import Final

import msgspec

from pulse_desktop.protocol.event import Event, event_fields
from pulse_desktop.protocol.topics import ATOM_TYPES
from pulse_desktop.state.coerce import to_float, to_int, to_text
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import TimeBuckets

_OUTCOME_FIELDS: Final = (
    ("topics_created", "new topic", "new topics"),
    ("atoms_created", "new atom", "new atoms"),
    ("links_created", "link", "links"),
    ("topic_versions_created", "topic changed", "topics changed"),
)


class KnowledgeItem(msgspec.Struct, gc=False):
    """One line of the knowledge page.

    Attributes:
        at: Unix seconds.
        kind: "topic", "atom", "version", "extraction", "approval" or the event's own name.
        title: topic name, atom title, or what an extraction brought.
        type: atom type, or an extraction's outcome ("started", "completed", "failed", ...).
        confidence: 0 to 1, None when it was not said.
        item_id: topic, atom or extraction id.
        task_id: the run behind it, empty when it was not said.
        raw: the event.
    """

    at: float
    kind: str
    title: str
    type: str
    confidence: float | None
    item_id: str
    task_id: str
    raw: bytes


class Knowledge(Collection[KnowledgeItem]):
    """Findings in the order in which they came.

    Attributes:
        rows: the findings.
        atoms: atoms found per 5 s bucket, by type.
        topics_found: topics created per 5 s bucket.
    """

    name = "knowledge"
    topics = frozenset({"knowledge"})

    def __init__(self, capacity: int = 20_000) -> None:
        self.rows = RingBuffer(capacity)
        self.atoms: dict[str, TimeBuckets] = {}
        self.topics_found = TimeBuckets(5.0, 720)

    def apply(self, event: Event, body: msgspec.Raw | None = None) -> None:
        """Fold an event of the knowledge topic."""
        data = event_fields(event, body)
        name = event.type.removeprefix("knowledge.")
        kind, title, type_, item_id = name, "", "", ""
        if name == "topic_created":
            kind, title = "topic", to_text(data.get("topic_name"))
            item_id = to_text(data.get("topic_id"))
            type_ = "new"
            self.topics_found.add(event.timestamp)
        elif name == "atom_created":
            kind, title = "atom", to_text(data.get("atom_title"))
            item_id = to_text(data.get("atom_id"))
            type_ = to_text(data.get("atom_type"))
            if type_ in ATOM_TYPES:
                if type_ not in self.atoms:
                    self.atoms[type_] = TimeBuckets(5.0, 720)
                self.atoms[type_].add(event.timestamp)
        elif name == "version_created":
            kind = "version"
            title = to_text(data.get("topic_name")) or to_text(data.get("entity_type"))
            version = to_int(data.get("version"))
            type_ = "" if version is None else f"version {version}"
            item_id = to_text(data.get("entity_id"))
        elif name.startswith("extraction_"):
            kind, type_ = "extraction", name.removeprefix("extraction_")
            item_id = to_text(data.get("extraction_id"))
            title = to_text(data.get("error")) or _outcome(data)
        self.rows.append(
            KnowledgeItem(
                event.timestamp,
                kind,
                title,
                type_,
                to_float(data.get("confidence")),
                item_id,
                to_text(data.get("task_id")),
                event.raw,
            )
        )


def _outcome(data: dict[str, object]) -> str:
    """Put what an extraction brought into words, from the counts it tells."""
    parts: list[str] = []
    messages = to_int(data.get("message_count"))
    if messages is not None:
        parts.append(f"{messages} message" if messages == 1 else f"{messages} messages")
    for field, one, many in _OUTCOME_FIELDS:
        count = to_int(data.get(field))
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    return ", ".join(parts)
