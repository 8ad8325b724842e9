"""Providers: which model provider answers, how fast, and since when."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QWidget

from pulse_desktop.state.collection import Collection
from pulse_desktop.state.providers import ProviderStatus
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.colors import SeriesColors
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import quantile_series
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import ago_column
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.widgets.property_list import Property

_STATUSES: Final = {
    "connected": ("✔", SemanticColor.GOOD),
    "error": ("✖", SemanticColor.BAD),
    "validating": ("↻", SemanticColor.INFO),
    "pending": ("◌", SemanticColor.MUTED),
}
_WORDS: Final = {"error": "down"}
_OTHER: Final = ("?", SemanticColor.WARNING)


class ProvidersPage(TablePage[ProviderStatus, RowDetail]):
    """Live table of providers and their latency."""

    key = "providers"
    title = "Providers"
    icon = "providers"
    section = "LIVE"
    filter_hint = _("Filter by name, kind, model or error")
    default_sort = "provider"
    empty_title = "No provider has been checked yet"
    empty_text = (
        "Workers check their provider every few seconds and say here whether it answers. Start a "
        "worker to see the first check."
    )
    facets = (
        Facet("connected", "connected", *_STATUSES["connected"]),
        Facet("error", "down", *_STATUSES["error"]),
        Facet("other", "other", *_STATUSES["pending"], hide_when_empty=True),
    )

    def collection(self) -> Collection[ProviderStatus]:
        """Return the providers."""
        return self.context.state.providers

    def columns(self) -> Sequence[Column[ProviderStatus]]:
        """Return the columns of the table."""
        return (
            Column("Provider", "provider", lambda row, _: row.name, width=150),
            Column(
                "Kind",
                "kind",
                lambda row, _: row.kind,
                width=206,
                color=lambda _: SemanticColor.MUTED,
                hide_below=900,
            ),
            Column(
                "Status",
                "status",
                lambda row, _: status_word(row),
                width=116,
                color=status_color,
                glyph=status_sign,
            ),
            Column(
                "For",
                "since",
                lambda row, now: formats.age(now - row.since),
                width=76,
                align="right",
                color=lambda _: SemanticColor.MUTED,
                sort=lambda row: row.since,
                tooltip=lambda row, _: f"since {formats.absolute(row.since)}",
                ticking=True,
            ),
            Column(
                "Latency",
                "latency",
                lambda row, _: formats.duration(row.latency_s),
                width=84,
                align="right",
                mono=True,
                sort=lambda row: row.latency_s,
            ),
            Column(
                "Models",
                "models",
                lambda row, _: ", ".join(row.models),
                width=230,
                hide_below=1000,
            ),
            Column(
                "Failed checks",
                "failures",
                lambda row, _: f"{formats.count(row.failures)} of {formats.count(row.checks)}",
                width=110,
                align="right",
                mono=True,
                color=lambda row: SemanticColor.BAD if row.failures else SemanticColor.MUTED,
                sort=lambda row: row.failures,
                tooltip=lambda row, _: f"{row.failures} of {row.checks} checks seen here failed",
                hide_below=1000,
            ),
            ago_column(lambda row: row.checked_at, "Last check", "checked"),
            Column(
                "Error",
                "error",
                lambda row, _: row.error,
                width=180,
                color=lambda _: SemanticColor.BAD,
                stretch=True,
            ),
        )

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the provider"), _("Event of the provider"))

    def count_text(self, count: int) -> str:
        """Return a number of providers as text."""
        return ngettext("{count} provider", "{count} providers", count).format(
            count=formats.count(count)
        )

    def search_text(self, row: ProviderStatus) -> str:
        """Return what the text filter looks into."""
        models = " ".join(row.models)
        return f"{row.name}\n{row.kind}\n{row.status}\n{models}\n{row.error}"

    def facet_of(self, row: ProviderStatus) -> str:
        """Return whether it is connected, down, or neither."""
        return row.status if row.status in ("connected", "error") else "other"

    def make_charts(self) -> Sequence[QWidget]:
        """Make the chart."""
        self._colors = SeriesColors()
        self._latency = TimeChart(
            "Latency",
            Unit.SECONDS,
            subtitle="median of the checks, by provider",
            empty_text="Checks that answered are measured here.",
        )
        return (self._latency,)

    def update_charts(self, now: float) -> None:
        """Bring the chart up to date."""
        span = self.time_range.span(now)
        shown = self._colors.busiest(self.context.state.providers.latency, span[0])
        self._latency.set_series(self._colors.specs(shown))
        times, values = quantile_series(shown, now, self.time_range)
        self._latency.set_data(times, values, span)

    def show_row(self, row: ProviderStatus) -> None:
        """Show a provider in full."""
        detail = self.detail
        detail.set_heading(row.name, row.kind, status_sign(row), status_color(row))
        detail.set_body(row.error, SemanticColor.BAD)
        detail.set_run("")
        detail.properties.set_properties(
            [
                Property("Status", status_word(row), status_color(row)),
                Property("Since", formats.absolute(row.since)),
                Property("Last check", formats.absolute(row.checked_at)),
                Property("Latency", formats.duration(row.latency_s)),
                Property("Models", ", ".join(row.models)),
                Property("Checks seen", formats.count(row.checks)),
                Property(
                    "Failed",
                    formats.count(row.failures),
                    SemanticColor.BAD if row.failures else None,
                ),
            ]
        )
        detail.json.set_bytes(row.raw)


def status_word(row: ProviderStatus) -> str:
    """Return the status in words."""
    return _WORDS.get(row.status, row.status)


def status_sign(row: ProviderStatus) -> str:
    """Return the glyph of the status."""
    return _STATUSES.get(row.status, _OTHER)[0]


def status_color(row: ProviderStatus) -> SemanticColor:
    """Return the color of the status."""
    return _STATUSES.get(row.status, _OTHER)[1]
