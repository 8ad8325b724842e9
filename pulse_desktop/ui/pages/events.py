"""The events page: all received events, including other topics and unreadable messages."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtWidgets import QWidget

from pulse_desktop.fields.event_fields import event_fields
from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.topics import TASK_TOPIC, TOPICS
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.query.quoting import quote
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.event_rows import UNREADABLE
from pulse_desktop.state.history_start import counted_since
from pulse_desktop.state.serialize import EVENT_CELLS, event_to_cells, event_to_dict
from pulse_desktop.state.series import TimeBuckets
from pulse_desktop.text import formats
from pulse_desktop.text.event_text import event_summary
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.text.worker_text import worker_name
from pulse_desktop.ui.charts.colors import DASHES, MAX_SERIES, SeriesSpec
from pulse_desktop.ui.charts.counted_times import CountedTimes, event_times, is_coarse
from pulse_desktop.ui.charts.resampling import rate_series
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import faint, muted, time_column
from pulse_desktop.ui.table.export import ExportFormat
from pulse_desktop.ui.widgets.property_list import Property

_UNREADABLE: Final = "\0unreadable"
_MAX_TOPICS: Final = 24
"""A system with more topics gets no chips for those that are not ours."""
_TYPE_WIDTH: Final = 236
"""Fits `knowledge.extraction_completed`, whose last word must not be cut off."""


class EventsPage(TablePage[Event, RowDetail]):
    """The event log, with a chip per topic and full-text search in the payloads."""

    key = "events"
    title = _("Events")
    icon = "events"
    facet_columns = ("topic", UNREADABLE)
    height_for_charts = 520
    section = _("STORE")
    filter_hint = _("Filter by any text in the event")
    empty_title = _("No events yet")
    empty_text = _(
        "Everything published on websocket.* and every enqueued task appears here, unprocessed. "
        "Nothing has been received since this window connected."
    )

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        for topic in TOPICS:
            self._add_topic(topic)
        self.filter_bar.add_facet(Facet(TASK_TOPIC, _("task queue"), "queued"))
        self.filter_bar.add_facet(
            Facet(_UNREADABLE, _("unreadable"), "✖", SemanticColor.BAD, hide_when_empty=True)
        )
        self._counted_span: tuple[float, float, int, int] | None = None
        self._counted_times: dict[str, CountedTimes] = {}
        self._task_count = 0  # messages of the task queue at these positions
        self._counted_from = self._counted_to = 0

    def collection(self) -> Collection[Event]:
        """Return the event log."""
        return self.context.state.log

    def columns(self) -> Sequence[Column[Event]]:
        """Return the columns of the table."""
        return (
            time_column(lambda row: row.timestamp, _("Time"), "time"),
            # The type usually starts with the topic, so that narrow tables need no topic.
            Column(
                _("Topic"),
                "topic",
                lambda row, _now: topic_label(row.topic),
                width=112,
                hide_below=620,
            ),
            Column(
                _("Type"),
                "type",
                lambda row, _now: self._type_label(row),
                width=_TYPE_WIDTH,
                mono=True,
                color=lambda row: SemanticColor.BAD if row.problem else None,
                tooltip=lambda row, _now: row.type,
                glyph=lambda row: "✖" if row.problem else "",
            ),
            Column(
                _("Message"),
                "words",
                lambda row, _now: event_summary(row, self.context.state.runs.names.label),
                width=320,
                color=lambda row: SemanticColor.BAD if row.problem else SemanticColor.MUTED,
                stretch=True,
            ),
            Column(
                _("Source"),
                "source",
                lambda row, _now: worker_name(row.source),
                width=110,
                color=muted,
                tooltip=lambda row, _now: row.source,
                hide_below=800,
            ),
            Column(
                _("Id"),
                "id",
                lambda row, _now: row.id,
                width=130,
                mono=True,
                color=faint,
                hide_below=980,
            ),
            Column(
                _("Sequence"),
                "sequence",
                lambda row, _now: formats.count(row.sequence) if row.sequence else "",
                width=92,
                align="right",
                mono=True,
                color=faint,
                sort=lambda row: row.sequence or None,
                hidden=True,
            ),
            Column(
                _("Size"),
                "size",
                lambda row, _now: formats.size(len(row.raw)),
                width=78,
                align="right",
                mono=True,
                color=muted,
                sort=lambda row: len(row.raw),
                hide_below=600,
            ),
        )

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the event"), _("Event"))

    def export_format(self) -> ExportFormat[Event]:
        """Return how events are exported: with exact values, as on the command line."""
        return ExportFormat(EVENT_CELLS, event_to_cells, event_to_dict)

    def make_charts(self) -> Sequence[QWidget]:
        """Create the chart of events by topic."""
        self.topics_chart = TimeChart(
            _("Events by topic"),
            Unit.PER_SECOND,
            subtitle=_("events per second"),
            empty_text=_("Events are counted here as they arrive."),
        )
        return (self.topics_chart,)

    def update_charts(self, now: float) -> None:
        """Update the chart up to a time, Unix seconds."""
        start, end = self.time_range.bounds(now)
        counts = self._topic_counts(start, end)
        totals = {name: each.total(now, now - start) for name, each in counts.items()}
        most = sorted((name for name in totals if totals[name]), key=lambda name: -totals[name])
        shown = sorted(most[:MAX_SERIES], key=list(counts).index)
        self.topics_chart.set_series([self._spec(name) for name in shown])
        times, values = rate_series(
            {topic_label(name): counts[name] for name in shown},
            now,
            self.time_range,
            per_s=1.0,
            history_start=counted_since(self.context.state),
        )
        self.topics_chart.set_data(times, values, self.time_range.bounds(now))

    def _topic_counts(self, start: float, end: float) -> Mapping[str, TimeBuckets | CountedTimes]:
        """Return what counts the events of each topic in a span of time, Unix seconds.

        Buckets of the past are wide: a narrow range is counted from the events that are kept.
        """
        rates = {name: each.rate for name, each in self.context.state.topics.by_name.items()}
        log = self.context.state.log
        keeps_all = bool(log) and (not log.evicted or log[log.start].timestamp <= start)
        if (
            not keeps_all
            or "…" in rates
            or not is_coarse(rates.values(), start, self.time_range.bucket_s)
        ):
            return rates
        asked = start, end, log.start, log.stop
        if asked != self._counted_span:
            self._counted_span = asked
            self._counted_times = event_times(log, list(rates), start, end)
        return self._counted_times

    def _spec(self, topic: str) -> SeriesSpec:
        spec = self.context.colors.spec(f"topic {topic}", topic_label(topic))
        if topic in TOPICS:
            dash = list(TOPICS).index(topic) % len(DASHES)
            return replace(spec, color=f"topic {topic}", key=topic, dash=dash)
        return replace(spec, key=topic)

    def count_text(self, count: int) -> str:
        """Return a number of events as text."""
        return ngettext("{count} event", "{count} events", count).format(count=formats.count(count))

    def row_times(self, row: Event) -> tuple[float, float]:
        """Return the time of an event."""
        return row.timestamp, row.timestamp

    def facets_of(self, row: Event) -> Sequence[str]:
        """Return the topic of an event, and that it is unreadable."""
        return (row.topic, _UNREADABLE) if row.problem else (row.topic,)

    def make_fields(self) -> FieldSet[Event]:
        """Return the query fields of events."""
        return event_fields()

    def facet_query(self, checked: frozenset[str]) -> str:
        """Return a query for the events of some topics, and for the unreadable ones."""
        topics = ",".join(map(quote, sorted(checked - {_UNREADABLE})))
        unreadable = "unreadable:*" if _UNREADABLE in checked else ""
        return " or ".join(filter(None, (topics and f"topic:{topics}", unreadable)))

    def facet_counts(self) -> dict[str, int]:
        """Return the number of events received by topic; add chips for new topics."""
        state = self.context.state
        counts = {name: activity.received for name, activity in state.topics.by_name.items()}
        for topic in counts:
            if topic not in self.filter_bar.chips and len(counts) <= _MAX_TOPICS:
                self._add_topic(topic)
        counts[TASK_TOPIC] = self._count_tasks()
        counts[_UNREADABLE] = state.unreadable
        return counts

    def show_row(self, row: Event) -> None:
        """Show an event and its bytes in the detail panel."""
        detail = self.detail
        title = self._type_label(row) if row.type else _("Unreadable event")
        if row.problem:
            icon, color = "✖", SemanticColor.BAD
            body = _("This cannot be read as an event: {problem}.").format(problem=row.problem)
        else:
            icon, color, body = _topic_icon(row.topic), SemanticColor.ACCENT, ""
        detail.set_heading(title, topic_label(row.topic), icon, color)
        detail.set_body(body, SemanticColor.BAD)
        time = formats.absolute(row.timestamp)
        if row.time_source != "event":
            time = _("{time} (time of arrival; the event has none)").format(time=time)
        task_id = row.id if row.topic == TASK_TOPIC else to_text(row.data().get("task_id"))
        detail.set_run(task_id)
        size = ngettext("{count} byte", "{count} bytes", len(row.raw))
        detail.properties.set_properties(
            [
                Property(_("Time"), time),
                Property(_("Received"), formats.absolute(row.received_at)),
                Property(_("Source"), row.source, mono=True),
                Property(_("Id"), row.id, mono=True),
                Property(_("Run"), task_id if task_id != row.id else "", mono=True),
                Property(_("Sequence"), formats.count(row.sequence) if row.sequence else ""),
                Property(
                    _("Size"),
                    formats.size(len(row.raw)),
                    tooltip=size.format(count=formats.count(len(row.raw))),
                ),
            ]
        )
        detail.json.set_bytes(row.raw)

    def _type_label(self, row: Event) -> str:
        """Return an event's type as shown; for a message of the task queue the task's name."""
        if row.topic == TASK_TOPIC:
            return self.context.state.runs.names.label(row.type)
        return row.type or _("unreadable")

    def _count_tasks(self) -> int:
        """Count the messages of the task queue that came since the last call, or from history."""
        columns, rows = self.dictionary_columns(), self.collection().rows
        topics = columns.column("topic") if columns is not None else None
        older = rows.start, min(self._counted_from, rows.stop)
        newer = max(self._counted_to, rows.start), rows.stop
        if topics is not None:
            codes = [topics.codes(low, high) for low, high in (older, newer) if low < high]
            if TASK_TOPIC in topics.values:  # it gets a code when it is seen first
                code = topics.values.index(TASK_TOPIC)
                self._task_count += sum(each.count(code) for each in codes)
        self._counted_from = min(self._counted_from, rows.start)
        self._counted_to = rows.stop
        return self._task_count

    def _add_topic(self, topic: str) -> None:
        facet = Facet(topic, topic_label(topic), _topic_icon(topic))
        self.filter_bar.add_facet(facet, before=TASK_TOPIC if topic not in TOPICS else "")


def topic_label(topic: str) -> str:
    """Return a topic as shown."""
    return _("task queue") if topic == TASK_TOPIC else topic.replace("_", " ")


def _topic_icon(topic: str) -> str:
    if topic == TASK_TOPIC:
        return "queued"
    return topic if topic in TOPICS else "dot"
