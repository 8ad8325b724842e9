"""The metrics page: quality of the results, each number with its sample size."""

import re
from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtWidgets import QHBoxLayout, QWidget

from pulse_desktop.fields.metric_fields import metric_fields
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.metrics import METRICS, RATIOS, Metric
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.colors import SeriesSpec
from pulse_desktop.ui.charts.resampling import quantile_series
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import ago_column, muted
from pulse_desktop.ui.widgets.property_list import Property
from pulse_desktop.ui.widgets.stat_card import StatCard

_TITLES: Final = {
    "topicQualityScore": _("Topic quality"),
    "noiseRatio": _("Noise ratio"),
    "classificationAccuracy": _("Classification accuracy"),
    "activeAnalysisRuns": _("Active analysis runs"),
}
_COLORS: Final = {
    "topicQualityScore": "topic knowledge",
    "noiseRatio": "topic metrics",
    "classificationAccuracy": "topic tasks",
}
_MEANINGS: Final = {
    "topicQualityScore": _("How well the messages of a topic belong together, 0 to 100 %"),
    "noiseRatio": _("Fraction of the scored messages that are noise"),
    "classificationAccuracy": _(
        "Fraction of the labels that reviewers agreed with; unknown before the first review"
    ),
    "activeAnalysisRuns": _("Extractions that are running now"),
}
_UNKNOWN: Final = {
    "classificationAccuracy": _("no label reviewed yet"),
    "topicQualityScore": _("no topic found yet"),
    "noiseRatio": _("no message scored yet"),
}
_DIRECTIONS: Final = {"up": _("rising"), "down": _("falling"), "stable": _("steady")}
_ACTIVE: Final = _("active")
_WORD_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


class MetricsPage(TablePage[Metric, RowDetail]):
    """The main metrics, their history, and the table of all metrics that workers report.

    Attributes:
        cards: the main metrics by name.
    """

    key = "metrics"
    title = _("Metrics")
    icon = "metrics"
    section = _("LIVE")
    has_times = False
    filter_hint = _("Filter by name or source")
    default_sort = "metric"
    empty_title = _("No metrics yet")
    empty_text = _(
        "A worker measures quality and noise of the stored messages every few seconds. Numbers "
        "that are unknown stay blank."
    )

    def collection(self) -> Collection[Metric]:
        """Return the metrics."""
        return self.context.state.metrics

    def columns(self) -> Sequence[Column[Metric]]:
        """Return the columns of the table."""
        return (
            Column(
                _("Metric"),
                "metric",
                lambda row, _now: metric_title(row.name),
                width=220,
                sort=metric_rank,
                tooltip=lambda row, _now: f"{row.name}\n{_MEANINGS.get(row.name, '')}".strip(),
                exact=lambda row: row.name,
            ),
            Column(
                _("Value"),
                "value",
                lambda row, _now: metric_value(row),
                width=100,
                align="right",
                mono=True,
                sort=lambda row: row.value,
                exact=lambda row: row.value,
            ),
            Column(
                _("Sample size"),
                "sample",
                lambda row, _now: formats.count(row.sample_size),
                width=104,
                align="right",
                mono=True,
                color=muted,
                sort=lambda row: row.sample_size,
                exact=lambda row: row.sample_size,
            ),
            Column(
                _("Trend"),
                "change",
                lambda row, _now: trend_text(row),
                width=250,
                stretch=True,
                exact=exact_trend,
            ),
            ago_column(lambda row: row.at, _("Measured"), "at"),
            Column(
                _("Source"),
                "source",
                lambda row, _now: row.source,
                width=200,
                color=muted,
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

    def make_fields(self) -> FieldSet[Metric]:
        """Return the query fields of the rows."""
        return metric_fields()

    def make_summary(self) -> QWidget:
        """Create the cards of the main metrics."""
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(12)
        self.cards = {name: StatCard(_TITLES[name], _("Show its details")) for name in METRICS}
        for name, card in self.cards.items():
            line.addWidget(card)
            card.clicked.connect(lambda _checked=False, name=name: self._open_metric(name))
        return row

    def _open_metric(self, name: str) -> None:
        rows = self.collection().rows
        for position in range(rows.start, rows.stop):
            if rows[position].name == name:
                self.open_row(position)
                return

    def make_charts(self) -> Sequence[QWidget]:
        """Create the charts of ratios and of active analysis runs."""
        self.ratios_chart = TimeChart(
            _("Ratios"),
            Unit.RATIO,
            subtitle=_("as measured by the workers"),
            empty_text=_("Each measurement adds a point."),
        )
        self.ratios_chart.set_series(
            [SeriesSpec(_TITLES[name], _COLORS[name], key=name) for name in RATIOS]
        )
        self.active_chart = TimeChart(
            _("Active analysis runs"),
            Unit.COUNT,
            empty_text=_("Running extractions are counted here."),
        )
        self.active_chart.set_series([SeriesSpec(_ACTIVE, "info", fill=True)])
        return self.ratios_chart, self.active_chart

    def filter_by_series(self, key: str) -> None:
        """Open the metric of a series that was clicked."""
        self._open_metric(key)

    def update_charts(self, now: float) -> None:
        """Update the charts at the present time, Unix seconds."""
        metrics = self.context.state.metrics
        bounds = self.time_range.bounds(now)
        ratios = {
            _TITLES[name]: metrics.history[name] for name in RATIOS if name in metrics.history
        }
        times, values = quantile_series(ratios, now, self.time_range)
        self.ratios_chart.set_data(times, values, bounds)
        active = metrics.history.get("activeAnalysisRuns")
        times, values = quantile_series(
            {_ACTIVE: active} if active else {}, now, self.time_range, 1.0
        )
        self.active_chart.set_data(times, values, bounds)

    def update_summary(self, now: float, stale: str) -> None:  # noqa: ARG002 - as TablePage
        """Update the cards; see `TablePage`."""
        for name, card in self.cards.items():
            metric = self.context.state.metrics.get(name)
            card.set_stale(stale)
            if metric is None:
                card.set_stat("", _("not measured yet"))
            elif metric.value is None:
                card.set_stat("", _UNKNOWN.get(name, _("unknown")))
            else:
                card.set_stat(metric_value(metric), sample_text(metric))

    def show_row(self, row: Metric) -> None:
        """Show a metric in the detail panel."""
        detail = self.detail
        detail.set_heading(metric_title(row.name), row.name)
        detail.set_body(_MEANINGS.get(row.name, ""), SemanticColor.MUTED, copy=False)
        detail.set_run("")
        detail.properties.set_properties(
            [
                Property(_("Value"), metric_value(row) or _("unknown")),
                Property(_("Sample"), sample_text(row)),
                Property(_("Trend"), trend_text(row)),
                Property(_("Measured"), formats.absolute(row.at)),
                Property(_("Source"), row.source, mono=True),
            ]
        )
        detail.json.set_bytes(row.raw)


def metric_title(name: str) -> str:
    """Return a metric's title; of an unknown metric its name as words."""
    if name in _TITLES:
        return _TITLES[name]
    words = _WORD_BOUNDARY.sub(" ", name).lower().strip()
    return words[:1].upper() + words[1:]


def metric_rank(row: Metric) -> tuple[int, str]:
    """Return the sort key of a metric: the known ones first, in their order."""
    return (METRICS.index(row.name) if row.name in METRICS else len(METRICS), row.name)


def metric_value(row: Metric) -> str:
    """Return the value with its unit, empty when it is unknown."""
    if row.name in RATIOS:
        return formats.percent(row.value)
    if row.value is None or row.value == int(row.value):
        return formats.count(row.value)
    return f"{row.value:,.3f}"


def sample_text(row: Metric) -> str:
    """Return what a metric was measured on, such as `of 1,204 messages`."""
    size = row.sample_size
    if size is None:
        return ""
    if row.name == "topicQualityScore":
        text = ngettext("of {count} topic", "of {count} topics", size)
    else:
        text = ngettext("of {count} message", "of {count} messages", size)
    return text.format(count=formats.count(size))


def exact_trend(row: Metric) -> dict[str, Any] | None:
    """Return the change of a metric and its period for export, None if nothing is known of it."""
    if not row.trend and row.change is None:
        return None
    return {"trend": row.trend or None, "change": row.change, "period_s": row.period_s}


def trend_text(row: Metric) -> str:
    """Return a text such as `rising, +2.0 points in 10 min`."""
    direction = _DIRECTIONS.get(row.trend, row.trend)
    period = formats.age(row.period_s) if row.period_s else ""
    if row.change is None or not direction:
        return direction
    if row.change == 0:
        text = _("{direction} in {period}") if period else "{direction}"
        return text.format(direction=direction, period=period)
    sign = "+" if row.change > 0 else formats.MINUS
    if row.name in RATIOS:
        change = _("{sign}{count} points").format(sign=sign, count=f"{abs(row.change) * 100:.1f}")
    else:
        change = f"{sign}{abs(row.change):g}"
    text = _("{direction}, {change} in {period}") if period else _("{direction}, {change}")
    return text.format(direction=direction, change=change, period=period)
