"""Knowledge that the agents extracted: topics, atoms, versions and the extractions themselves."""

from collections.abc import Mapping
from typing import Final

import msgspec

from pulse_desktop.protocol.atoms import ATOM_TYPES
from pulse_desktop.protocol.event import Event, decoded_fields
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.state.coerce import to_float, to_int, to_text
from pulse_desktop.state.collection import MAX_ROWS_BYTES, Collection, payload_weight
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import TimeBuckets, long_counts

_COUNTS: Final = ("topics_created", "atoms_created", "links_created", "topic_versions_created")
STATEMENTS: Final = ("changes", "decisions", "open_questions", "risks", "waiting")
"""Kinds of the statements of an analysis."""
_MAX_EXTRACTIONS: Final = 10_000
_TOPIC_KINDS: Final = ("topic", "version")


class ExtractionCounts(msgspec.Struct, frozen=True, gc=False):
    """Counts reported by an extraction.

    Attributes:
        messages: number of messages read, None if unknown.
        topics: number of new topics.
        atoms: number of new atoms.
        links: number of new links.
        topic_versions: number of changed topics.
    """

    messages: int | None = None
    topics: int = 0
    atoms: int = 0
    links: int = 0
    topic_versions: int = 0


class Analysis(msgspec.Struct, frozen=True, gc=False):
    """The analysis of a period.

    Attributes:
        start: first moment of the period, Unix seconds, None if unknown.
        end: the moment after it, likewise.
        chat: name of the chat, empty for all.
        messages: number of messages of the period, None if unknown.
        counts: number of statements by their kind, in the order of `STATEMENTS`.
    """

    start: float | None
    end: float | None
    chat: str
    messages: int | None
    counts: tuple[int, ...]


class KnowledgeItem(msgspec.Struct, gc=False):
    """A topic, an atom, a version or an analysis, or an extraction from its start to its end.

    Attributes:
        at: when it was found or its latest version was, or when the extraction started, Unix
            seconds.
        kind: "topic", "atom", "version", "extraction", "analysis", or the event's name.
        title: topic name, atom title, or the error of an extraction.
        type: "new" for a topic, the atom's type, or the status of an extraction ("started",
            "completed", "failed", ...).
        confidence: 0 to 1, None if unknown.
        item_id: id of the topic, atom, extraction or summary.
        task_id: id of the run behind it, empty if unknown.
        raw: payload of the latest event about it.
        version: number of the latest version, None if it is not a version or unknown.
        messages: number of messages of a topic or its version, None if unknown.
        quality: of a topic or its version, 0 to 1, None if unknown.
        counts: what an extraction reported, None for other kinds.
        ended_at: when an extraction ended, Unix seconds, None before and for other kinds.
    """

    at: float
    kind: str
    title: str
    type: str
    confidence: float | None
    item_id: str
    task_id: str
    raw: bytes
    version: int | None = None
    counts: ExtractionCounts | None = None
    ended_at: float | None = None
    messages: int | None = None
    quality: float | None = None
    analysis: Analysis | None = None


class Knowledge(Collection[KnowledgeItem]):
    """Findings in the order of their arrival.

    The end of an extraction replaces its start, and a version of a topic or atom the one before.

    Attributes:
        rows: the findings.
        atoms: atoms created per 5 s bucket, by type.
        topics_created: topics created per 5 s bucket.
    """

    name = "knowledge"
    topics = frozenset({"knowledge"})

    def __init__(self, capacity: int = 20_000) -> None:
        self.rows = RingBuffer(capacity, max_weight=MAX_ROWS_BYTES, weigh=payload_weight)
        self.atoms: dict[str, TimeBuckets] = {}
        self.topics_created = long_counts()
        self._extractions: dict[str, int] = {}  # id -> position of its latest row
        self._first_extractions: dict[str, int] = {}  # id -> position of its earliest row
        self._versions: dict[str, int] = {}  # id of topic or atom -> position

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold an event of the knowledge topic."""
        data = decoded_fields(event, body)
        name = event.type.removeprefix("knowledge.")
        kind, title, type_, item_id = name, "", "", ""
        version: int | None = None
        counts: ExtractionCounts | None = None
        analysis: Analysis | None = None
        if name == "topic_created":
            kind, title = "topic", to_text(data.get("topic_name"))
            item_id = to_text(data.get("topic_id"))
            type_ = "new"
            self.topics_created.add(event.timestamp)
        elif name == "atom_created":
            kind, title = "atom", to_text(data.get("atom_title"))
            item_id = to_text(data.get("atom_id"))
            type_ = to_text(data.get("atom_type"))
            if type_ in ATOM_TYPES:
                if type_ not in self.atoms:
                    self.atoms[type_] = long_counts()
                self.atoms[type_].add(event.timestamp)
        elif name == "atom_removed":
            title = to_text(data.get("atom_title"))
            item_id = to_text(data.get("atom_id"))
            type_ = to_text(data.get("atom_type"))
        elif name == "version_created":
            kind = "version"
            names = (data.get(name) for name in ("topic_name", "atom_title", "entity_type"))
            title = next(filter(None, map(to_text, names)), "")
            version = to_int(data.get("version"))
            item_id = to_text(data.get("entity_id"))
        elif name.startswith("extraction_"):
            kind, type_ = "extraction", name.removeprefix("extraction_")
            item_id = to_text(data.get("extraction_id"))
            title = to_text(data.get("error"))
            counts = extraction_counts(data)
        elif name == "period_analysed":
            kind, type_ = "analysis", "summary"
            item_id = to_text(data.get("summary_id"))
            analysis = analysis_of(data)
        item = KnowledgeItem(
            event.timestamp,
            kind,
            title,
            type_,
            to_float(data.get("confidence")),
            item_id,
            to_text(data.get("task_id")),
            event.raw,
            version,
            counts,
            messages=to_int(data.get("message_count")) if kind in _TOPIC_KINDS else None,
            quality=to_float(data.get("quality")) if kind in _TOPIC_KINDS else None,
            analysis=analysis,
        )
        if kind == "extraction":
            if older:
                self._add_older_extraction(item)
            else:
                self._add_extraction(item)
        elif kind == "version" and item.item_id:
            self._put_version(item, older=older)
        else:
            self._add(item, older=older)

    def _kept(self, position: int | None) -> KnowledgeItem | None:
        """Return the row at a position, None if it is not kept."""
        kept = position is not None and self.rows.start <= position < self.rows.stop
        return self.rows[position] if kept else None  # type: ignore[index]

    def _put_version(self, item: KnowledgeItem, *, older: bool) -> None:
        """Add a version of a topic or atom, or replace the row of an earlier one."""
        position = self._versions.get(item.item_id)
        known = self._kept(position)
        if position is not None and known is not None:
            this, that = (item.version or 0, item.at), (known.version or 0, known.at)
            if this > that or (this == that and not older):
                self.rows.replace(position, item)
            return
        if len(self._versions) > self.rows.capacity:
            self._versions.clear()
        added = self._add(item, older=older)
        if added is not None:
            self._versions[item.item_id] = added

    def _add_extraction(self, item: KnowledgeItem) -> None:
        """Add the start of an extraction, or replace it by its end."""
        key = item.item_id or item.task_id
        position = self._extractions.get(key) if key else None
        known = self._kept(position)
        if item.type == "started":
            if known is not None and (known.ended_at is None or known.ended_at >= item.at):
                return  # repeated, or later than the end
        else:
            item.ended_at = item.at
            if position is not None and known is not None and known.ended_at is None:
                item.at = known.at
                self.rows.replace(position, item)
                return
        self._note_extraction(key, self.rows.append(item))

    def _add_older_extraction(self, item: KnowledgeItem) -> None:
        """Add an extraction from before those that are known, or the start of the first of them."""
        key = item.item_id or item.task_id
        if item.type != "started":
            item.ended_at = item.at
        elif key:
            position = self._first_extractions.get(key)
            known = self._kept(position)
            if position is not None and known is not None:
                if known.ended_at is not None:
                    item = msgspec.structs.replace(known, at=item.at)
                self.rows.replace(position, item)
                return
        self._note_extraction(key, self.rows.prepend(item), older=True)

    def _note_extraction(self, key: str, position: int | None, *, older: bool = False) -> None:
        """Remember the row of an extraction as its latest, or as its earliest."""
        if not key or position is None:
            return
        if len(self._extractions) > _MAX_EXTRACTIONS:
            self._extractions.clear()
            self._first_extractions.clear()
        for rows, is_earliest in ((self._extractions, False), (self._first_extractions, True)):
            if is_earliest == older or self._kept(rows.get(key)) is None:
                rows[key] = position


def extraction_counts(data: Mapping[str, object]) -> ExtractionCounts:
    """Return the counts in the data of an extraction event."""
    topics, atoms, links, topic_versions = (to_int(data.get(name)) or 0 for name in _COUNTS)
    return ExtractionCounts(to_int(data.get("message_count")), topics, atoms, links, topic_versions)


def analysis_of(data: Mapping[str, object]) -> Analysis:
    """Return what the data of the event of an analysis says."""
    start, end = (
        parse_timestamp(at) if isinstance(at := data.get(name), str | int | float) else None
        for name in ("start", "end")
    )
    return Analysis(
        start,
        end,
        to_text(data.get("chat")),
        to_int(data.get("message_count")),
        tuple(to_int(data.get(name)) or 0 for name in STATEMENTS),
    )
