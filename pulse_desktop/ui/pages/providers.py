"""The providers page: status and latency of the model providers."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QWidget

from pulse_desktop.fields.provider_fields import provider_fields
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.providers import ProviderStatus
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext, pgettext
from pulse_desktop.ui.charts.resampling import busiest_series, quantile_series
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import ago_column, muted, number_column
from pulse_desktop.ui.widgets.property_list import Property

_STATUS_LABELS: Final = {
    "connected": (pgettext("provider", "connected"), "✔", SemanticColor.GOOD),
    "error": (pgettext("provider", "down"), "✖", SemanticColor.BAD),
    "validating": (pgettext("provider", "validating"), "↻", SemanticColor.INFO),
    "pending": (pgettext("provider", "pending"), "◌", SemanticColor.MUTED),
}
"""Label, glyph and color of each status."""

_KINDS: Final = {"llm": _("language model"), "embedding": _("embeddings")}
_PROTOCOLS: Final = {"openai": "OpenAI", "ollama": "Ollama"}


class ProvidersPage(TablePage[ProviderStatus, RowDetail]):
    """Latency of the providers, and the table of providers."""

    key = "providers"
    title = _("Providers")
    icon = "providers"
    section = _("LIVE")
    has_times = False
    filter_hint = _("Filter by name, kind, model or error")
    default_sort = "provider"
    empty_title = _("No provider checked yet")
    empty_text = _(
        "Workers check their provider every few seconds; the results appear here. Start a worker "
        "to see the first check."
    )
    series_field = "provider"
    facet_field = "status"
    other_facet = "other"
    facets = (
        *(Facet(status, *_STATUS_LABELS[status]) for status in ("connected", "error")),
        Facet("other", _("other"), _STATUS_LABELS["pending"][1], hide_when_empty=True),
    )

    def collection(self) -> Collection[ProviderStatus]:
        """Return the providers."""
        return self.context.state.providers

    def columns(self) -> Sequence[Column[ProviderStatus]]:
        """Return the columns of the table."""
        return (
            Column(_("Provider"), "provider", lambda row, _now: row.name, width=150),
            Column(
                _("Kind"),
                "kind",
                lambda row, _now: kind_text(row),
                width=206,
                color=muted,
                hide_below=900,
            ),
            Column(
                _("Status"),
                "status",
                lambda row, _now: status_label(row)[0],
                width=116,
                color=lambda row: status_label(row)[2],
                glyph=lambda row: status_label(row)[1],
                exact=lambda row: row.status,
            ),
            ago_column(lambda row: row.since, _("Since"), "since"),
            number_column(
                lambda row: row.latency_s,
                _("Latency"),
                "latency",
                84,
                text=formats.duration,
            ),
            Column(
                _("Models"),
                "models",
                lambda row, _now: ", ".join(row.models),
                width=230,
                hide_below=1000,
            ),
            Column(
                _("Failed checks"),
                "failures",
                lambda row, _now: failures_text(row),
                width=110,
                align="right",
                mono=True,
                color=lambda row: SemanticColor.BAD if row.failures else SemanticColor.MUTED,
                sort=lambda row: row.failures,
                tooltip=_failures_tooltip,
                hide_below=1000,
                exact=lambda row: row.failures,
            ),
            ago_column(lambda row: row.checked_at, _("Last check"), "checked"),
            Column(
                _("Error"),
                "error",
                lambda row, _now: row.error,
                width=180,
                color=lambda _row: SemanticColor.BAD,
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

    def make_fields(self) -> FieldSet[ProviderStatus]:
        """Return the query fields of the rows."""
        return provider_fields()

    def facet_of(self, row: ProviderStatus) -> str:
        """Return whether a provider is connected, down, or neither."""
        return row.status if row.status in ("connected", "error") else "other"

    def make_charts(self) -> Sequence[QWidget]:
        """Create the chart of latency."""
        self.latency_chart = TimeChart(
            _("Latency"),
            Unit.SECONDS,
            subtitle=_("median of the checks, by provider"),
            empty_text=_("The latency of successful checks appears here."),
        )
        return (self.latency_chart,)

    def update_charts(self, now: float) -> None:
        """Update the chart at a time, Unix seconds."""
        bounds = self.time_range.bounds(now)
        shown = busiest_series(self.context.state.providers.latency, bounds[0])
        self.latency_chart.set_series(self.context.colors.specs(shown))
        times, values = quantile_series(shown, now, self.time_range)
        self.latency_chart.set_data(times, values, bounds)

    def show_row(self, row: ProviderStatus) -> None:
        """Show a provider in the detail panel."""
        detail = self.detail
        label, glyph, color = status_label(row)
        failed_color = SemanticColor.BAD if row.failures else None
        detail.set_heading(row.name, kind_text(row), glyph, color)
        detail.set_body(row.error, SemanticColor.BAD)
        detail.set_run("")
        detail.properties.set_properties(
            [
                Property(_("Status"), label, color),
                Property(_("Since"), formats.absolute(row.since)),
                Property(_("Last check"), formats.absolute(row.checked_at)),
                Property(_("Latency"), formats.duration(row.latency_s)),
                Property(_("Protocol"), protocol_text(row)),
                Property(_("Address"), row.url, mono=True),
                Property(_("Models"), ", ".join(row.models)),
                Property(_("Checks seen"), formats.count(row.checks)),
                Property(_("Failed"), formats.count(row.failures), failed_color),
            ]
        )
        detail.json.set_bytes(row.raw)


def status_label(row: ProviderStatus) -> tuple[str, str, SemanticColor]:
    """Return label, glyph and color of a provider's status."""
    return _STATUS_LABELS.get(row.status, (row.status, "?", SemanticColor.WARNING))


def kind_text(row: ProviderStatus) -> str:
    """Return what a provider is, such as `language model · Ollama`."""
    kind = _KINDS.get(row.kind, row.kind)
    return " · ".join(filter(None, (kind, protocol_text(row))))


def protocol_text(row: ProviderStatus) -> str:
    """Return the name of the protocol of a model server, empty for other providers."""
    return _PROTOCOLS.get(row.protocol, row.protocol)


def failures_text(row: ProviderStatus) -> str:
    """Return failed checks of all checks, such as `2 of 10`."""
    failures, checks = formats.count(row.failures), formats.count(row.checks)
    return _("{failed} of {checks}").format(failed=failures, checks=checks)


def _failures_tooltip(row: ProviderStatus, _now: float) -> str:
    text = ngettext(
        "{failed} of {checks} check seen here failed",
        "{failed} of {checks} checks seen here failed",
        row.checks,
    )
    return text.format(failed=formats.count(row.failures), checks=formats.count(row.checks))
