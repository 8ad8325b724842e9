"""The messages page: chat messages, their scores and classes, and the runs that made them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from PySide6.QtWidgets import QWidget

from pulse_desktop.fields.message_fields import UNSCORED, message_fields
from pulse_desktop.protocol.event import event_data
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.state.chat_messages import (
    CLASSES,
    NOT_JUDGED,
    MessageRow,
)
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.collection import Collection
from pulse_desktop.text import formats
from pulse_desktop.text.knowledge_text import message_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.lineage.message_path_view import MessagePathView
from pulse_desktop.ui.navigation import ShowItem, Target
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.messages.charts import FilteredMessages, MessageCharts
from pulse_desktop.ui.pages.messages.columns import (
    CLASS_LABELS,
    MESSAGE_COLUMNS,
    class_label,
    class_tooltip,
)
from pulse_desktop.ui.pages.messages.score_breakdown import Factor, ScoreBreakdown
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.widgets.property_list import Property

_OTHER: Final = "other"
_MAX_FACTOR_NAME: Final = 60


class MessagesPage(TablePage[MessageRow, RowDetail]):
    """Messages per minute by class, a histogram of scores, and the table of messages."""

    key = "messages"
    title = _("Messages")
    icon = "messages"
    section = _("LIVE")
    filter_hint = _("Filter by author, text, class or source")
    empty_title = _("No messages yet")
    empty_text = _(
        "Chat messages appear here as workers ingest and score them. Run ingest_messages on a "
        "Telegram export, or wait for the sample chat of the embedded server."
    )
    # A message that is scored again moves to the top, however old it is.
    default_sort = "time"
    sort_descending = True
    facet_field = "class"
    other_facet = _OTHER
    time_fields = ("first_seen", "seen")
    facets = (
        *(Facet(name, *CLASS_LABELS[name]) for name in CLASSES),
        Facet(NOT_JUDGED, *CLASS_LABELS[NOT_JUDGED], hide_when_empty=True),
        Facet(UNSCORED, _("unscored"), "queued"),
        Facet(_OTHER, _("other"), "dot", hide_when_empty=True),
    )

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self.score_breakdown = ScoreBreakdown()
        self.path = MessagePathView(context.state, context.state.runs.names.label)
        self.path.target_requested.connect(context.navigate)
        for widget in (self.path, self.score_breakdown):
            self.detail.add_widget(widget)

    def collection(self) -> Collection[MessageRow]:
        """Return the messages."""
        return self.context.state.messages

    def columns(self) -> Sequence[Column[MessageRow]]:
        """Return the columns of the table."""
        return MESSAGE_COLUMNS

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the message"), _("Event of the message"))

    def count_text(self, count: int) -> str:
        """Return a number of messages as text."""
        return ngettext("{count} message", "{count} messages", count).format(
            count=formats.count(count)
        )

    def row_times(self, row: MessageRow) -> tuple[float, float]:
        """Return when a message was first seen and when it was scored."""
        return row.first_seen, row.first_seen if row.scored_at is None else row.scored_at

    def make_fields(self) -> FieldSet[MessageRow]:
        """Return the query fields of the rows."""
        return message_fields()

    def facet_of(self, row: MessageRow) -> str:
        """Return the class, or that the message is not scored yet."""
        if not row.classification:
            return UNSCORED
        return row.classification if row.classification in CLASS_LABELS else _OTHER

    def make_charts(self) -> Sequence[QWidget]:
        """Create the charts of scored messages and of scores."""
        self.charts = MessageCharts(self.context.state)
        return self.charts.scored, self.charts.scores

    def update_charts(self, now: float) -> None:
        """Update the charts up to a time, Unix seconds; they show what the table shows."""
        model, shown = self.table.rows_model, FilteredMessages()
        if self.filter.active:
            is_limited = self.filter_bar.checked_facets or self.filter.query.matcher is not None
            query = self.filter.effective_query if is_limited else ""
            shown = FilteredMessages(query, model.positions())
        self.charts.update(self.time_range, now, shown)

    def navigate(self, target: Target) -> None:
        """Open the details of the message that `target` names; the base class does the rest."""
        messages = self.context.state.messages
        position = messages.position(target.id) if isinstance(target, ShowItem) else None
        if position is None:
            super().navigate(target)
            return
        self.open_row(position)

    def update_detail(self, now: float) -> None:
        """Update the open details, and search the runs of the message again now and then."""
        super().update_detail(now)
        if self.path.isVisible():
            self.path.refresh(now)

    def show_row(self, row: MessageRow) -> None:
        """Show the whole message and the factors of its score."""
        detail = self.detail
        label, glyph, color = class_label(row)
        detail.set_heading(row.author or _("Unknown author"), row.source_name, glyph, color)
        detail.set_body(
            message_text(row) or _("The text of this message is unknown."),
            None if row.content else SemanticColor.MUTED,
        )
        detail.set_run(row.task_id)
        explanation = class_tooltip(row)
        detail.properties.set_properties(
            [
                Property(_("Class"), label, color, tooltip=explanation),
                Property(_("Reason"), to_text(event_data(row.raw).get("reason"))),
                Property("", explanation if row.label_mismatch else "", SemanticColor.WARNING),
                Property(_("Score"), "" if row.score is None else f"{row.score:.3f}", mono=True),
                Property(_("Sent"), formats.absolute(row.sent_at)),
                Property(_("First seen"), formats.absolute(row.first_seen)),
                Property(_("Scored"), formats.absolute(row.scored_at)),
                Property(_("Message"), row.message_id or row.key, mono=True),
                Property(_("Run"), row.task_id, mono=True),
            ]
        )
        self.path.show_message(row.message_id or row.key, row, self.now)
        factors = score_factors(row)
        self.score_breakdown.set_factors(factors)
        self.score_breakdown.setVisible(bool(factors))
        detail.json.set_bytes(row.raw)


def score_factors(row: MessageRow) -> list[Factor]:
    """Return the factors of a score, with their weights if the event contains them."""
    factors = _numbers(msgspec.json.decode(row.factors))
    weights = _numbers(event_data(row.raw).get("weights")) if factors else {}
    return [Factor(name, value, weights.get(name)) for name, value in factors.items()]


def _numbers(values: Any) -> dict[str, float]:
    if not isinstance(values, dict):
        return {}
    return {
        str(name)[:_MAX_FACTOR_NAME]: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
