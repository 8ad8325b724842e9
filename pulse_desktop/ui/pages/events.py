"""Events: everything that was heard, as it came, other topics and unreadable messages included."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.topics import TASK_TOPIC, TOPICS
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.collection import Collection
from pulse_desktop.text import formats
from pulse_desktop.text.event_text import event_summary
from pulse_desktop.text.run_text import short_name
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.shell.page import PageContext
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import time_column
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.filter_bar import FilterBarLayout
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.widgets.property_list import Property

_UNREADABLE: Final = "\0unreadable"
_MOST_FACETS: Final = 24
_TYPE_WIDTH: Final = 236
"""Fits `knowledge.extraction_completed`, the longest of those whose end says what became."""
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


class EventsPage(TablePage[Event, RowDetail]):
    """The event log with topic chips and a text filter over all that was sent."""

    key = "events"
    title = "Events"
    icon = "events"
    section = "STORE"
    filter_hint = _("Filter by any text in the event")
    filter_layout = FilterBarLayout.FACETS_ABOVE
    empty_title = "No events yet"
    empty_text = (
        "Everything that is published on websocket.* and every task that is enqueued appears here, "
        "raw. Nothing has arrived since this window connected."
    )

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        for topic in TOPICS:
            self._offer(topic)
        self.filter_bar.add_facet(Facet(TASK_TOPIC, "task queue", "queued"))
        self.filter_bar.add_facet(
            Facet(_UNREADABLE, "unreadable", "✖", SemanticColor.BAD, hide_when_empty=True)
        )
        self._tasks = 0  # messages of the task subject among the first `_counted_to` events
        self._counted_to = 0

    def collection(self) -> Collection[Event]:
        """Return the event log."""
        return self.context.state.log

    def columns(self) -> Sequence[Column[Event]]:
        """Return the columns of the table."""
        return (
            time_column(lambda row: row.timestamp, "Time", "time"),
            # The type begins with much the same word: narrow tables can do without the topic.
            Column("Topic", "topic", lambda row, _: topic_word(row), width=112, hide_below=620),
            Column(
                "Type",
                "type",
                lambda row, _: type_word(row),
                width=_TYPE_WIDTH,
                mono=True,
                color=lambda row: SemanticColor.BAD if row.problem else None,
                tooltip=lambda row, _: row.type,
                glyph=lambda row: "✖" if row.problem else "",
            ),
            Column(
                "Says",
                "words",
                lambda row, _: event_summary(row),
                width=320,
                color=lambda row: SemanticColor.BAD if row.problem else SemanticColor.MUTED,
                stretch=True,
            ),
            Column(
                "Source",
                "source",
                lambda row, _: row.source.partition("@")[0],
                width=110,
                color=lambda _: SemanticColor.MUTED,
                tooltip=lambda row, _: row.source,
                hide_below=800,
            ),
            Column(
                "Id",
                "id",
                lambda row, _: row.id,
                width=130,
                mono=True,
                color=lambda _: SemanticColor.FAINT,
                hide_below=980,
            ),
            Column(
                "Sequence",
                "sequence",
                lambda row, _: formats.count(row.sequence) if row.sequence else "",
                width=92,
                align="right",
                mono=True,
                color=lambda _: SemanticColor.FAINT,
                sort=lambda row: row.sequence or None,
                hidden=True,
            ),
            Column(
                "Size",
                "size",
                lambda row, _: formats.size(len(row.raw)),
                width=78,
                align="right",
                mono=True,
                color=lambda _: SemanticColor.MUTED,
                sort=lambda row: len(row.raw),
                hide_below=600,
            ),
        )

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the event"), _("Event"))

    def count_text(self, count: int) -> str:
        """Return a number of events as text."""
        return ngettext("{count} event", "{count} events", count).format(count=formats.count(count))

    def matches_facets(self, row: Event, chosen: frozenset[str]) -> bool:
        """Tell whether an event is of one of the topics, or unreadable when that is chosen."""
        return row.topic in chosen or (bool(row.problem) and _UNREADABLE in chosen)

    def text_matcher(self, words: Sequence[str]) -> Callable[[Event], bool]:
        """Return a test for events that have all words in their payload or topic."""
        return event_finder(words)

    def facet_counts(self) -> dict[str, int]:
        """Return how many events each topic has brought since this window connected."""
        state = self.context.state
        counts = {name: each.received for name, each in state.topics.by_name.items()}
        for topic in counts:
            if topic not in self.filter_bar.chips and len(counts) <= _MOST_FACETS:
                self._offer(topic)
        counts[TASK_TOPIC] = self._count_tasks()
        counts[_UNREADABLE] = state.unreadable
        return counts

    def show_row(self, row: Event) -> None:
        """Show an event in full, with its bytes."""
        detail = self.detail
        sign, color = (
            ("✖", SemanticColor.BAD) if row.problem else (_sign(row.topic), SemanticColor.ACCENT)
        )
        detail.set_heading(
            type_word(row) if row.type else "Unreadable event", topic_word(row), sign, color
        )
        detail.set_body(
            row.problem and f"This cannot be read as an event: {row.problem}.", SemanticColor.BAD
        )
        told = "" if row.time_source == "event" else " (arrival; the event told none)"
        task_id = row.id if row.topic == TASK_TOPIC else to_text(row.data().get("task_id"))
        detail.set_run(task_id)
        detail.properties.set_properties(
            [
                Property("Time", f"{formats.absolute(row.timestamp)}{told}"),
                Property("Received", formats.absolute(row.received_at)),
                Property("Source", row.source, mono=True),
                Property("Id", row.id, mono=True),
                Property("Run", task_id if task_id != row.id else "", mono=True),
                Property("Sequence", formats.count(row.sequence) if row.sequence else ""),
                Property("Size", formats.size(len(row.raw)), tooltip=f"{len(row.raw):,} bytes"),
            ]
        )
        detail.json.set_bytes(row.raw)

    def _count_tasks(self) -> int:
        rows = self.collection().rows
        new = rows.span(self._counted_to, rows.stop)
        self._tasks += sum(event.topic == TASK_TOPIC for event in new)
        self._counted_to = rows.stop
        return self._tasks

    def _offer(self, topic: str) -> None:
        facet = Facet(topic, topic.replace("_", " "), _sign(topic))
        self.filter_bar.add_facet(facet, before=TASK_TOPIC if topic not in TOPICS else "")


def event_finder(words: Sequence[str]) -> Callable[[Event], bool]:
    """Return a test for events in which all words, in small letters, are found.

    Payloads are searched as they came, so that a hundred thousand of them take no longer than a
    blink. A word in another script is also looked for where a sender wrote it in escapes.
    """
    needles = [(word, word.encode()) for word in words]

    def found(event: Event) -> bool:
        low = event.raw.lower()
        for word, needle in needles:
            if needle in low or word in event.topic:
                continue
            if word.isascii() or not _spells(event, word):
                return False
        return True

    return found


def _spells(event: Event, word: str) -> bool:
    text = event.raw.decode(errors="ignore")
    if word in text.casefold():
        return True
    return "\\u" in text and word in _ESCAPE.sub(_unescaped, text).casefold()


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def topic_word(row: Event) -> str:
    """Return the topic for the operator."""
    return "task queue" if row.topic == TASK_TOPIC else row.topic.replace("_", " ")


def type_word(row: Event) -> str:
    """Return the event's name; of a message of the task queue the task's."""
    return short_name(row.type) if row.topic == TASK_TOPIC else row.type or "unreadable"


def _sign(topic: str) -> str:
    return topic if topic in TOPICS else "queued" if topic == TASK_TOPIC else "dot"
