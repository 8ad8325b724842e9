"""Metrics: how good the work is, each number with the sample it was measured on."""

import re
from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QWidget

from pulse_desktop.state.collection import Collection
from pulse_desktop.state.metrics import METRICS, RATIOS, Metric
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.colors import SeriesSpec
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import quantile_series
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import ago_column
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.widgets.property_list import Property
from pulse_desktop.ui.widgets.stat_card import StatCard

_TITLES: Final = {
    "topicQualityScore": "Topic quality",
    "noiseRatio": "Noise ratio",
    "classificationAccuracy": "Classification accuracy",
    "activeAnalysisRuns": "Active analysis runs",
}
_COLORS: Final = {
    "topicQualityScore": "topic knowledge",
    "noiseRatio": "topic metrics",
    "classificationAccuracy": "topic tasks",
}
_MEANINGS: Final = {
    "topicQualityScore": "How well the messages of a topic belong together, 0 to 100 %",
    "noiseRatio": "How many of the scored messages are noise",
    "classificationAccuracy": "How many labels people agreed with; unknown until somebody judges",
    "activeAnalysisRuns": "Extractions that are running now",
}
_UNMEASURED: Final = {
    "classificationAccuracy": "no one has judged a label yet",
    "topicQualityScore": "no topic found yet",
    "noiseRatio": "no message scored yet",
}
_DIRECTIONS: Final = {"up": "rising", "down": "falling", "stable": "steady"}
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


class MetricsPage(TablePage[Metric, RowDetail]):
    """Figures, their history, and a table of every number the workers report."""

    key = "metrics"
    title = "Metrics"
    icon = "metrics"
    section = "LIVE"
    filter_hint = _("Filter by name or source")
    default_sort = "metric"
    empty_title = "No metrics yet"
    empty_text = (
        "A worker measures quality and noise every few seconds, from what is stored, and tells it "
        "here. Numbers that nobody can know yet stay blank."
    )

    def collection(self) -> Collection[Metric]:
        """Return the metrics."""
        return self.context.state.metrics

    def columns(self) -> Sequence[Column[Metric]]:
        """Return the columns of the table."""
        return (
            Column(
                "Metric",
                "metric",
                lambda row, _: metric_title(row.name),
                width=220,
                sort=metric_rank,
                tooltip=lambda row, _: f"{row.name}\n{_MEANINGS.get(row.name, '')}".strip(),
            ),
            Column(
                "Value",
                "value",
                lambda row, _: metric_value(row),
                width=100,
                align="right",
                mono=True,
                sort=lambda row: row.value,
            ),
            Column(
                "Sample size",
                "sample",
                lambda row, _: formats.count(row.sample_size),
                width=104,
                align="right",
                mono=True,
                color=lambda _: SemanticColor.MUTED,
                sort=lambda row: row.sample_size,
            ),
            Column("Change", "change", lambda row, _: change_words(row), width=250, stretch=True),
            ago_column(lambda row: row.at, "Measured", "at"),
            Column(
                "Source",
                "source",
                lambda row, _: row.source,
                width=200,
                color=lambda _: SemanticColor.MUTED,
                hide_below=900,
            ),
        )

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the metric"), _("Event of the metric"))

    def count_text(self, count: int) -> str:
        """Return a number of metrics as text."""
        return ngettext("{count} metric", "{count} metrics", count).format(
            count=formats.count(count)
        )

    def search_text(self, row: Metric) -> str:
        """Return what the text filter looks into."""
        return f"{row.name}\n{metric_title(row.name)}\n{row.source}"

    def make_summary(self) -> QWidget:
        """Make the figures."""
        strip = QWidget()
        line = QHBoxLayout(strip)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(12)
        self._figures = {name: StatCard(_TITLES[name]) for name in METRICS}
        for figure in self._figures.values():
            line.addWidget(figure)
        return strip

    def make_charts(self) -> Sequence[QWidget]:
        """Make the charts."""
        self._ratios = TimeChart(
            "Ratios",
            Unit.RATIO,
            subtitle="as measured by the workers",
            empty_text="Each measurement adds a point.",
        )
        self._ratios.set_series([SeriesSpec(_TITLES[name], _COLORS[name]) for name in RATIOS])
        self._active = TimeChart(
            "Active analysis runs", Unit.COUNT, empty_text="Running extractions are counted here."
        )
        self._active.set_series([SeriesSpec("active", "info", fill=True)])
        return self._ratios, self._active

    def update_charts(self, now: float) -> None:
        """Bring figures and charts up to date."""
        metrics = self.context.state.metrics
        span = self.time_range.span(now)
        history = {
            _TITLES[name]: metrics.history[name] for name in RATIOS if name in metrics.history
        }
        times, values = quantile_series(history, now, self.time_range)
        self._ratios.set_data(times, values, span)
        active = metrics.history.get("activeAnalysisRuns")
        times, values = quantile_series(
            {"active": active} if active else {}, now, self.time_range, 1.0
        )
        self._active.set_data(times, values, span)
        for name, figure in self._figures.items():
            metric = metrics.get(name)
            if metric is None:
                figure.set_figure("", "not measured yet")
                continue
            words = _UNMEASURED.get(name, "not known")
            figure.set_figure(
                metric_value(metric), words if metric.value is None else basis(metric)
            )

    def show_row(self, row: Metric) -> None:
        """Show a metric in full."""
        detail = self.detail
        detail.set_heading(metric_title(row.name), row.name)
        detail.set_body(_MEANINGS.get(row.name, ""), SemanticColor.MUTED, copy=False)
        detail.set_run("")
        detail.properties.set_properties(
            [
                Property("Value", metric_value(row) or "not known"),
                Property("Measured on", basis(row)),
                Property("Change", change_words(row)),
                Property("Measured", formats.absolute(row.at)),
                Property("Source", row.source, mono=True),
            ]
        )
        detail.json.set_bytes(row.raw)


def metric_title(name: str) -> str:
    """Return a metric's name in words."""
    words = _TITLES.get(name) or _WORD.sub(" ", name).lower().strip()
    return words[:1].upper() + words[1:]


def metric_rank(row: Metric) -> tuple[int, str]:
    """Return where a metric stands: the known ones first, in their order."""
    return (METRICS.index(row.name) if row.name in METRICS else len(METRICS), row.name)


def metric_value(row: Metric) -> str:
    """Return the value with its unit, nothing when it is not known."""
    if row.name in RATIOS:
        return formats.percent(row.value)
    if row.value is None or row.value == int(row.value):
        return formats.count(row.value)
    return f"{row.value:,.3f}"


def basis(row: Metric) -> str:
    """Say what it was measured on."""
    if row.sample_size is None:
        return ""
    noun = "topic" if row.name == "topicQualityScore" else "message"
    return f"of {formats.plural(row.sample_size, noun)}"


def change_words(row: Metric) -> str:
    """Say in which direction it moves, by how much and since when."""
    direction = _DIRECTIONS.get(row.trend, row.trend)
    if row.change is None or not direction:
        return direction
    since = f" in {formats.age(row.period_s)}" if row.period_s else ""
    if row.change == 0:
        return f"{direction}{since}"
    sign = "+" if row.change > 0 else formats.MINUS
    if row.name in RATIOS:
        return f"{direction}, {sign}{abs(row.change) * 100:.1f} points{since}"
    return f"{direction}, {sign}{abs(row.change):g}{since}"
