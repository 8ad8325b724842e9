"""Knowledge: what the agents found in the chat, finding by finding."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QWidget

from pulse_desktop.protocol.topics import ATOM_TYPES
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.knowledge import KnowledgeItem
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.colors import MAX_SERIES, SeriesColors, SeriesSpec
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import history_start, rate_series
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import time_column
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.widgets.property_list import Property

_OTHER: Final = "other"
_KINDS: Final = ("atom", "topic", "extraction", "version")
_SIGNS: Final = {"atom": "●", "topic": "knowledge", "extraction": "▶", "version": "edit"}
_OUTCOMES: Final = {
    "started": ("▶", SemanticColor.INFO),
    "completed": ("✔", SemanticColor.GOOD),
    "failed": ("✖", SemanticColor.BAD),
    "cancelled": ("⊘", SemanticColor.MUTED),
}


class KnowledgePage(TablePage[KnowledgeItem, RowDetail]):
    """Live table of findings, and atoms and topics per minute."""

    key = "knowledge"
    title = "Knowledge"
    icon = "knowledge"
    section = "LIVE"
    filter_hint = _("Filter by title, type or run")
    empty_title = "Nothing found yet"
    empty_text = (
        "Topics and atoms (problems, decisions, questions, …) appear here while extract_knowledge "
        "reads scored messages."
    )
    facets = (
        Facet("atom", "atoms", _SIGNS["atom"], SemanticColor.ACCENT),
        Facet("topic", "topics", _SIGNS["topic"], SemanticColor.RETRY),
        Facet("extraction", "extractions", _SIGNS["extraction"], SemanticColor.INFO),
        Facet("version", "versions", _SIGNS["version"], hide_when_empty=True),
        Facet(_OTHER, "other", "dot", hide_when_empty=True),
    )

    def collection(self) -> Collection[KnowledgeItem]:
        """Return the findings."""
        return self.context.state.knowledge

    def columns(self) -> Sequence[Column[KnowledgeItem]]:
        """Return the columns of the table."""
        return (
            time_column(lambda row: row.at, "Time", "time"),
            Column("Kind", "kind", lambda row, _: row.kind.replace("_", " "), width=92),
            Column("Title", "title", lambda row, _: row.title, width=320, stretch=True),
            Column(
                "Type",
                "type",
                lambda row, _: row.type,
                width=126,
                color=type_color,
                glyph=type_sign,
            ),
            Column(
                "Confidence",
                "confidence",
                lambda row, _: "" if row.confidence is None else f"{row.confidence:.2f}",
                width=116,
                align="right",
                mono=True,
                color=lambda _: SemanticColor.ACCENT,
                bar=lambda row: row.confidence,
                sort=lambda row: row.confidence,
            ),
            Column(
                "Run",
                "run",
                lambda row, _: row.task_id[:12],
                width=112,
                mono=True,
                color=lambda _: SemanticColor.FAINT,
                tooltip=lambda row, _: row.task_id,
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

    def search_text(self, row: KnowledgeItem) -> str:
        """Return what the text filter looks into."""
        return f"{row.kind}\n{row.title}\n{row.type}\n{row.item_id}\n{row.task_id}"

    def facet_of(self, row: KnowledgeItem) -> str:
        """Return the kind of the finding."""
        return row.kind if row.kind in _KINDS else _OTHER

    def make_charts(self) -> Sequence[QWidget]:
        """Make the two charts."""
        self._colors = SeriesColors()
        self._atoms = TimeChart(
            "Atoms found",
            Unit.PER_MINUTE,
            subtitle="per minute, by type",
            empty_text="Atoms are counted here as extractions find them.",
        )
        self._topics = TimeChart(
            "Topics found",
            Unit.PER_MINUTE,
            subtitle="per minute",
            empty_text="New topics are counted here.",
        )
        self._topics.set_series([SeriesSpec("topics", "retry", fill=True)])
        return self._atoms, self._topics

    def update_charts(self, now: float) -> None:
        """Bring both charts up to date."""
        knowledge = self.context.state.knowledge
        since = history_start(self.context.state.log)
        span = self.time_range.span(now)
        found = [name for name in ATOM_TYPES if name in knowledge.atoms]
        # More lines than colors cannot be told apart: the least frequent share one.
        totals = {name: knowledge.atoms[name].total(now, self.time_range.seconds) for name in found}
        shown = sorted(found, key=lambda name: -totals[name])[:MAX_SERIES]
        self._atoms.set_series(self._colors.specs(name for name in ATOM_TYPES if name in shown))
        times, values = rate_series(
            {name: knowledge.atoms[name] for name in shown},
            now,
            self.time_range,
            per_s=60.0,
            history_start=since,
        )
        self._atoms.set_data(times, values, span)
        times, values = rate_series(
            {"topics": knowledge.topics_found},
            now,
            self.time_range,
            per_s=60.0,
            history_start=since if knowledge.rows else now,
        )
        self._topics.set_data(times, values, span)

    def show_row(self, row: KnowledgeItem) -> None:
        """Show a finding in full."""
        detail = self.detail
        detail.set_heading(
            row.title or row.kind.replace("_", " "),
            f"{row.kind.replace('_', ' ')} {row.type}".strip(),
            type_sign(row) or _SIGNS.get(row.kind, "dot"),
            type_color(row) or SemanticColor.ACCENT,
        )
        detail.set_body("")
        detail.set_run(row.task_id)
        confidence = "" if row.confidence is None else formats.percent(row.confidence)
        detail.properties.set_properties(
            [
                Property("Found", formats.absolute(row.at)),
                Property("Confidence", confidence),
                Property("Id", row.item_id, mono=True),
                Property("Run", row.task_id, mono=True),
            ]
        )
        detail.json.set_bytes(row.raw)


def type_sign(row: KnowledgeItem) -> str:
    """Return the glyph of an extraction's outcome; other findings have none."""
    return _OUTCOMES.get(row.type, ("", None))[0] if row.kind == "extraction" else ""


def type_color(row: KnowledgeItem) -> SemanticColor | None:
    """Return the color of an extraction's outcome; other findings have none."""
    return _OUTCOMES.get(row.type, ("", None))[1] if row.kind == "extraction" else None
