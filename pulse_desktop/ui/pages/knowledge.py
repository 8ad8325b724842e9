"""The knowledge page: topics and atoms that the agents extracted from the chat."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from PySide6.QtWidgets import QWidget

from pulse_desktop.fields.knowledge_fields import knowledge_fields
from pulse_desktop.protocol.atoms import ATOM_TYPES
from pulse_desktop.protocol.event import event_data
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.history_start import counted_since
from pulse_desktop.state.knowledge import STATEMENTS, KnowledgeItem
from pulse_desktop.state.serialize import utc_text
from pulse_desktop.text import formats
from pulse_desktop.text.knowledge_text import (
    analysis_text,
    knowledge_kind,
    knowledge_subtitle,
    knowledge_title,
    knowledge_type,
)
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.colors import MAX_SERIES, SeriesSpec
from pulse_desktop.ui.charts.resampling import rate_series
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import faint, time_column
from pulse_desktop.ui.widgets.property_list import Property

_OTHER: Final = "other"
_TOPICS: Final = _("topics")
_NO_STATEMENTS: Final = _("The event has no statements. Open the run: its result has them, if any.")
_ICONS: Final = {
    "atom": "●",
    "topic": "knowledge",
    "extraction": "▶",
    "version": "edit",
    "analysis": "overview",
}
_STATUSES: Final = {
    "started": ("▶", SemanticColor.INFO),
    "completed": ("✔", SemanticColor.GOOD),
    "failed": ("✖", SemanticColor.BAD),
    "cancelled": ("⊘", SemanticColor.MUTED),
}


class KnowledgePage(TablePage[KnowledgeItem, RowDetail]):
    """Atoms and topics per minute, and the table of findings."""

    key = "knowledge"
    title = _("Knowledge")
    icon = "knowledge"
    section = _("LIVE")
    filter_hint = _("Filter by title, type or run")
    empty_title = _("Nothing found yet")
    empty_text = _(
        "Topics and atoms (problems, decisions, questions, …) appear here while extract_knowledge "
        "reads scored messages."
    )
    series_field = "type"
    facet_field = "kind"
    other_facet = _OTHER
    time_fields = ("found", "ended")
    facets = (
        Facet("atom", _("atoms"), _ICONS["atom"], SemanticColor.ACCENT),
        Facet("topic", _("topics"), _ICONS["topic"], SemanticColor.RETRY),
        Facet("extraction", _("extractions"), _ICONS["extraction"], SemanticColor.INFO),
        Facet("version", _("versions"), _ICONS["version"], hide_when_empty=True),
        Facet("analysis", _("analyses"), _ICONS["analysis"], hide_when_empty=True),
        Facet(_OTHER, _("other"), "dot", hide_when_empty=True),
    )

    def collection(self) -> Collection[KnowledgeItem]:
        """Return the findings."""
        return self.context.state.knowledge

    def columns(self) -> Sequence[Column[KnowledgeItem]]:
        """Return the columns of the table."""
        return (
            time_column(lambda row: row.at, _("Time"), "time"),
            Column(
                _("Kind"),
                "kind",
                lambda row, _now: knowledge_kind(row),
                width=92,
                exact=lambda row: row.kind,
            ),
            Column(
                _("Title"),
                "title",
                lambda row, _now: knowledge_title(row),
                width=320,
                stretch=True,
                exact=exact_title,
            ),
            Column(
                _("Type"),
                "type",
                lambda row, _now: knowledge_type(row),
                width=126,
                color=status_color,
                glyph=status_glyph,
                exact=lambda row: row.type if row.version is None else row.version,
            ),
            Column(
                _("Confidence"),
                "confidence",
                lambda row, _now: "" if row.confidence is None else f"{row.confidence:.2f}",
                width=116,
                align="right",
                mono=True,
                color=lambda _row: SemanticColor.ACCENT,
                bar=lambda row: row.confidence,
                sort=lambda row: row.confidence,
                exact=lambda row: row.confidence,
            ),
            Column(
                _("Run"),
                "run",
                lambda row, _now: row.task_id,
                width=112,
                mono=True,
                color=faint,
                hide_below=900,
            ),
        )

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the finding"), _("Event of the finding"))

    def count_text(self, count: int) -> str:
        """Return a number of findings as text."""
        return ngettext("{count} finding", "{count} findings", count).format(
            count=formats.count(count)
        )

    def row_times(self, row: KnowledgeItem) -> tuple[float, float]:
        """Return when it was found, and for an extraction when it ended."""
        return row.at, row.at if row.ended_at is None else row.ended_at

    def make_fields(self) -> FieldSet[KnowledgeItem]:
        """Return the query fields of the rows."""
        return knowledge_fields()

    def facet_of(self, row: KnowledgeItem) -> str:
        """Return the kind of the finding."""
        return row.kind if row.kind in _ICONS else _OTHER

    def make_charts(self) -> Sequence[QWidget]:
        """Create the charts of atoms and topics."""
        self.atoms_chart = TimeChart(
            _("Atoms found"),
            Unit.PER_MINUTE,
            subtitle=_("per minute, by type"),
            empty_text=_("Atoms are counted here as extractions find them."),
        )
        self.topics_chart = TimeChart(
            _("Topics found"),
            Unit.PER_MINUTE,
            subtitle=_("per minute"),
            empty_text=_("New topics are counted here."),
        )
        self.topics_chart.set_series([SeriesSpec(_TOPICS, "retry", fill=True)])
        return self.atoms_chart, self.topics_chart

    def update_charts(self, now: float) -> None:
        """Update both charts at a time, Unix seconds."""
        knowledge = self.context.state.knowledge
        since = counted_since(self.context.state)
        bounds = self.time_range.bounds(now)
        totals = {
            name: knowledge.atoms[name].total(now, self.time_range.seconds)
            for name in ATOM_TYPES
            if name in knowledge.atoms
        }
        # More series than colors cannot be told apart, so only the most frequent are shown.
        most_frequent = sorted(totals, key=lambda name: -totals[name])[:MAX_SERIES]
        shown = [name for name in ATOM_TYPES if name in most_frequent]
        self.atoms_chart.set_series(self.context.colors.specs(shown))
        times, values = rate_series(
            {name: knowledge.atoms[name] for name in shown},
            now,
            self.time_range,
            per_s=60.0,
            history_start=since,
        )
        self.atoms_chart.set_data(times, values, bounds)
        times, values = rate_series(
            {_TOPICS: knowledge.topics_created},
            now,
            self.time_range,
            per_s=60.0,
            # Without any rows the chart is blank instead of drawing zero.
            history_start=since if knowledge.rows else now,
        )
        self.topics_chart.set_data(times, values, bounds)

    def show_row(self, row: KnowledgeItem) -> None:
        """Show a finding in the detail panel."""
        detail, kind = self.detail, knowledge_kind(row)
        detail.set_heading(
            knowledge_title(row) or kind,
            knowledge_subtitle(row),
            status_glyph(row) or _ICONS.get(row.kind, "dot"),
            status_color(row) or SemanticColor.ACCENT,
        )
        if row.analysis is None:
            detail.set_body("")
        elif text := analysis_text(event_data(row.raw).get("statements")):
            detail.set_body(text)
        else:
            detail.set_body(_NO_STATEMENTS, SemanticColor.MUTED, copy=False)
        detail.set_run(row.task_id)
        confidence = "" if row.confidence is None else f"{row.confidence:.2f}"
        times = {
            "extraction": _("Started"),
            "version": _("Changed"),
            "analysis": _("Finished"),
        }
        found = times.get(row.kind, _("Found"))
        quality = "" if row.quality is None else f"{row.quality:.2f}"
        detail.properties.set_properties(
            [
                Property(found, formats.absolute(row.at)),
                Property(_("Ended"), formats.absolute(row.ended_at)),
                Property(_("Confidence"), confidence),
                Property(_("Version"), formats.count(row.version)),
                Property(_("Messages"), formats.count(row.messages)),
                Property(_("Quality"), quality),
                Property(_("Id"), row.item_id, mono=True),
                Property(_("Run"), row.task_id, mono=True),
            ]
        )
        detail.json.set_bytes(row.raw)


def exact_title(row: KnowledgeItem) -> str | dict[str, Any]:
    """Return the title of a finding for export; what an analysis or extraction found as numbers."""
    analysis = row.analysis
    if analysis is not None:
        return {
            "chat": analysis.chat or None,
            "start": utc_text(analysis.start),
            "end": utc_text(analysis.end),
            "messages": analysis.messages,
            **dict(zip(STATEMENTS, analysis.counts, strict=True)),
        }
    if row.title or row.counts is None:
        return row.title
    return msgspec.structs.asdict(row.counts)


def status_glyph(row: KnowledgeItem) -> str:
    """Return the glyph of an extraction's status; other findings have none."""
    return _STATUSES.get(row.type, ("", None))[0] if row.kind == "extraction" else ""


def status_color(row: KnowledgeItem) -> SemanticColor | None:
    """Return the color of an extraction's status; other findings have none."""
    return _STATUSES.get(row.type, ("", None))[1] if row.kind == "extraction" else None
