"""What the agents found in the chat, as a list of findings and of the extractions behind them."""

from typing import Final

import msgspec

from pulse_desktop.protocol.event import Event, fields_of
from pulse_desktop.protocol.knowledge import ATOM_TYPES
from pulse_desktop.state.coerce import as_number, as_text, as_whole
from pulse_desktop.state.ring_buffer import Rows
from pulse_desktop.state.series import CountSeries

_OUTCOME_FIELDS: Final = (
    ("topics_created", "new topic", "new topics"),
    ("atoms_created", "new atom", "new atoms"),
    ("links_created", "link", "links"),
    ("topic_versions_created", "topic changed", "topics changed"),
)


class Finding(msgspec.Struct, gc=False):
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


class Knowledge:
    """Findings in the order in which they came.

    Attributes:
        rows: the findings.
        atoms: atoms found per 5 s bucket, by type.
        topics_found: topics created per 5 s bucket.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self.rows: Rows[Finding] = Rows(capacity)
        self.atoms: dict[str, CountSeries] = {}
        self.topics_found = CountSeries(5.0, 720)

    def apply(self, event: Event, body: msgspec.Raw | None = None) -> None:
        """Fold an event of the knowledge topic."""
        data = fields_of(event, body)
        name = event.type.removeprefix("knowledge.")
        kind, title, type_, item_id = name, "", "", ""
        if name == "topic_created":
            kind, title = "topic", as_text(data.get("topic_name"))
            item_id = as_text(data.get("topic_id"))
            type_ = "new"
            self.topics_found.add(event.timestamp)
        elif name == "atom_created":
            kind, title = "atom", as_text(data.get("atom_title"))
            item_id = as_text(data.get("atom_id"))
            type_ = as_text(data.get("atom_type"))
            if type_ in ATOM_TYPES:
                if type_ not in self.atoms:
                    self.atoms[type_] = CountSeries(5.0, 720)
                self.atoms[type_].add(event.timestamp)
        elif name == "version_created":
            kind = "version"
            title = as_text(data.get("topic_name")) or as_text(data.get("entity_type"))
            version = as_whole(data.get("version"))
            type_ = "" if version is None else f"version {version}"
            item_id = as_text(data.get("entity_id"))
        elif name.startswith("extraction_"):
            kind, type_ = "extraction", name.removeprefix("extraction_")
            item_id = as_text(data.get("extraction_id"))
            title = as_text(data.get("error")) or _outcome(data)
        self.rows.append(
            Finding(
                event.timestamp,
                kind,
                title,
                type_,
                as_number(data.get("confidence")),
                item_id,
                as_text(data.get("task_id")),
                event.raw,
            )
        )


def _outcome(data: dict[str, object]) -> str:
    """Put what an extraction brought into words, from the counts it tells."""
    parts: list[str] = []
    messages = as_whole(data.get("message_count"))
    if messages is not None:
        parts.append(f"{messages} message" if messages == 1 else f"{messages} messages")
    for field, one, many in _OUTCOME_FIELDS:
        count = as_whole(data.get(field))
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    return ", ".join(parts)
