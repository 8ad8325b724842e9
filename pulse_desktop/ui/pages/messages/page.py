"""Messages: what the chat brought in, how it was scored, and why."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from PySide6.QtWidgets import QWidget

from pulse_desktop.protocol.event import event_data
from pulse_desktop.state.chat_messages import (
    CLASSES,
    NOISE_BELOW,
    SIGNAL_ABOVE,
    MessageRow,
)
from pulse_desktop.state.collection import Collection
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.colors import SeriesSpec
from pulse_desktop.ui.charts.histogram import Bin, Histogram
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import history_start, rate_series
from pulse_desktop.ui.pages.messages.columns import (
    CLASS_COLORS,
    CLASS_SIGNS,
    CLASS_WORDS,
    MESSAGE_COLUMNS,
    class_color,
    class_sign,
    class_story,
    class_word,
    message_text,
)
from pulse_desktop.ui.pages.messages.score_breakdown import Factor, ScoreBreakdown
from pulse_desktop.ui.shell.page import PageContext
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.widgets.property_list import Property

BINS: Final = 20
_UNSCORED: Final = "unscored"
_SCANNED: Final = 5_000


class MessagesPage(TablePage[MessageRow, RowDetail]):
    """Live table of chat messages, messages per minute by class, scores as a histogram."""

    key = "messages"
    title = "Messages"
    icon = "messages"
    section = "LIVE"
    filter_hint = _("Filter by author, text or source")
    empty_title = "No messages yet"
    empty_text = (
        "Chat messages appear here as workers ingest and score them. Run ingest_messages on a "
        "Telegram export, or wait for the sample chat of the embedded server."
    )
    # A message that is scored again is news, however long ago it was first heard of.
    default_sort = "time"
    sort_descending = True
    facets = (
        *(
            Facet(name, CLASS_WORDS[name], CLASS_SIGNS[name], CLASS_COLORS[name])
            for name in CLASSES
        ),
        Facet(_UNSCORED, "unscored", "queued"),
    )

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._factors = ScoreBreakdown()
        self.detail.add_widget(self._factors)

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

    def search_text(self, row: MessageRow) -> str:
        """Return what the text filter looks into."""
        return f"{row.author}\n{message_text(row)}\n{row.source_name}\n{row.message_id}\n{row.key}"

    def facet_of(self, row: MessageRow) -> str:
        """Return the class, or that there is none yet."""
        return row.classification or _UNSCORED

    def make_charts(self) -> Sequence[QWidget]:
        """Make the charts: how many, and how good."""
        self._per_minute = TimeChart(
            "Messages scored",
            Unit.PER_MINUTE,
            subtitle="per minute",
            empty_text="Messages are counted here as workers score them.",
        )
        self._per_minute.set_series(
            [
                SeriesSpec(CLASS_WORDS[name], CLASS_COLORS[name].value, fill=name == "signal")
                for name in CLASSES
            ]
        )
        self._scores = Histogram(
            "Scores",
            empty_text="No message has been scored yet. Scores are counted here from 0 to 1.",
        )
        return self._per_minute, self._scores

    def update_charts(self, now: float) -> None:
        """Bring both charts up to date."""
        messages = self.context.state.messages
        times, values = rate_series(
            {CLASS_WORDS[name]: messages.scored[name] for name in CLASSES},
            now,
            self.time_range,
            per_s=60.0,
            history_start=history_start(self.context.state.log) if messages.rows else now,
        )
        self._per_minute.set_data(times, values, self.time_range.span(now))
        latest_rows = messages.rows.newest_first(_SCANNED)
        scores = [row.score for row in latest_rows if row.score is not None]
        self._scores.set_bins(score_bins(scores))
        latest = "latest " if len(scores) >= _SCANNED else ""
        self._scores.set_subtitle(f"{latest}{formats.plural(len(scores), 'message')}")

    def show_row(self, row: MessageRow) -> None:
        """Show the whole message, and what made up its score."""
        detail = self.detail
        detail.set_heading(
            row.author or "Unknown author", row.source_name, class_sign(row), class_color(row)
        )
        detail.set_body(
            message_text(row) or "The text of this message has not been told.",
            None if row.content else SemanticColor.MUTED,
        )
        detail.set_run(row.task_id)
        detail.properties.set_properties(
            [
                Property("Class", class_word(row), class_color(row), tooltip=class_story(row)),
                Property("", class_story(row) if row.label_mismatch else "", SemanticColor.WARNING),
                Property("Score", "" if row.score is None else f"{row.score:.3f}", mono=True),
                Property("Sent", formats.absolute(row.sent_at)),
                Property("First seen", formats.absolute(row.first_seen)),
                Property("Scored", formats.absolute(row.scored_at)),
                Property("Message", row.message_id or row.key, mono=True),
                Property("Run", row.task_id, mono=True),
            ]
        )
        factors = score_factors(row)
        self._factors.set_factors(factors)
        self._factors.setVisible(bool(factors))
        detail.json.set_bytes(row.raw)


def score_bins(scores: Sequence[float]) -> list[Bin]:
    """Count scores in ranges of one twentieth, named by the class each range stands for."""
    counts = [0] * BINS
    for score in scores:
        counts[min(BINS - 1, max(0, int(score * BINS + 1e-9)))] += 1
    bins = []
    for index, count in enumerate(counts):
        start, stop = index / BINS, (index + 1) / BINS
        middle = (start + stop) / 2
        name = "noise" if middle < NOISE_BELOW else "weak_signal"
        name = "signal" if middle > SIGNAL_ABOVE else name
        bins.append(Bin(start, stop, count, CLASS_COLORS[name].value, CLASS_WORDS[name]))
    return bins


def score_factors(row: MessageRow) -> list[Factor]:
    """Read the factors of a score, with their weights when the event tells them."""
    factors = _numbers(msgspec.json.decode(row.factors))
    weights = _numbers(event_data(row.raw).get("weights")) if factors else {}
    return [Factor(name, value, weights.get(name)) for name, value in factors.items()]


def _numbers(values: Any) -> dict[str, float]:
    if not isinstance(values, dict):
        return {}
    return {
        str(name)[:60]: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
