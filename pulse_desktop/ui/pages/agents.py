"""The agents page: calls of models with their latency, tokens and errors."""

import math
from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QWidget

from pulse_desktop.fields.agent_fields import agent_fields
from pulse_desktop.protocol.timestamps import elapsed_since
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.state.agent_calls import AgentCall
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.history_start import counted_since
from pulse_desktop.text import formats
from pulse_desktop.text.event_text import fallback_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext, pgettext
from pulse_desktop.ui.charts.colors import SeriesSpec
from pulse_desktop.ui.charts.resampling import busiest_series, quantile_series, rate_series
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import exact_seconds, muted, number_column, time_column
from pulse_desktop.ui.widgets.property_list import Property

STATE_LABELS: Final = {
    "running": (pgettext("agent call", "running"), "▶", SemanticColor.INFO),
    "finished": (pgettext("agent call", "finished"), "✔", SemanticColor.GOOD),
    "failed": (pgettext("agent call", "failed"), "✖", SemanticColor.BAD),
    "unknown": (pgettext("agent call", "unknown"), "?", SemanticColor.WARNING),
}
"""Label, glyph and color of each state."""
_P95: Final = 0.95
_TOKEN_LABELS: Final = {"in": pgettext("tokens", "in"), "out": pgettext("tokens", "out")}


class AgentsPage(TablePage[AgentCall, RowDetail]):
    """Latency and tokens of agent calls, and the table of calls."""

    key = "agents"
    title = _("Agents")
    icon = "agents"
    section = _("LIVE")
    filter_hint = _("Filter by agent, state, model, error or run")
    empty_title = _("No agent calls yet")
    empty_text = _(
        "Calls of the classification, extraction and analysis agents appear here. Tasks such as "
        "score_message_task and extract_knowledge make them."
    )
    series_field = "agent"
    facet_field = "state"
    time_fields = ("started", "active")
    facets = tuple(
        Facet(state, *label, hide_when_empty=state == "unknown")
        for state, label in STATE_LABELS.items()
    )

    def collection(self) -> Collection[AgentCall]:
        """Return the calls."""
        return self.context.state.agents

    def columns(self) -> Sequence[Column[AgentCall]]:
        """Return the columns of the table."""
        return (
            time_column(lambda row: row.started_at, _("Started"), "time"),
            Column(
                _("State"),
                "state",
                lambda row, _now: STATE_LABELS[row.state][0],
                width=106,
                color=lambda row: STATE_LABELS[row.state][2],
                glyph=lambda row: STATE_LABELS[row.state][1],
                exact=lambda row: row.state,
            ),
            Column(_("Agent"), "agent", lambda row, _now: row.agent, width=130),
            Column(
                _("Provider"),
                "provider",
                lambda row, _now: row.provider,
                width=100,
                color=muted,
                hide_below=700,
            ),
            Column(_("Model"), "model", lambda row, _now: row.model, width=150, hide_below=820),
            number_column(lambda row: row.items, _("Items"), "items", 66, hide_below=1000),
            number_column(
                lambda row: row.tokens_in, _("Tokens in"), "tokens_in", 88, hide_below=1000
            ),
            number_column(
                lambda row: row.tokens_out, _("Tokens out"), "tokens_out", 94, hide_below=1000
            ),
            Column(
                _("Cost"),
                "cost",
                lambda row, _now: cost_text(row),
                width=84,
                align="right",
                mono=True,
                color=lambda row: SemanticColor.MUTED if row.cost_usd is None else None,
                sort=lambda row: row.cost_usd,
                tooltip=lambda row, _now: cost_tooltip(row),
                hide_below=820,
                exact=lambda row: row.cost_usd,
            ),
            Column(
                _("Latency"),
                "latency",
                lambda row, now: formats.duration(call_duration(row, now)),
                width=84,
                align="right",
                mono=True,
                color=latency_color,
                sort=lambda row: row.latency_s,
                tooltip=lambda row, _now: latency_note(row),
                time_dependent=True,
                exact=exact_seconds(lambda row: row.latency_s),
            ),
            Column(
                _("Error"),
                "error",
                lambda row, _now: problem(row)[0],
                width=160,
                color=lambda row: problem(row)[1],
                stretch=True,
            ),
        )

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the call"), _("Event of the call"))

    def count_text(self, count: int) -> str:
        """Return a number of calls as text."""
        return ngettext("{count} call", "{count} calls", count).format(count=formats.count(count))

    def row_times(self, row: AgentCall) -> tuple[float, float]:
        """Return the start of a call and its end, or the present while it runs."""
        end = math.inf if row.state == "running" else row.started_at + (row.latency_s or 0.0)
        return row.started_at, end

    def make_fields(self) -> FieldSet[AgentCall]:
        """Return the query fields of the rows."""
        return agent_fields()

    def facet_of(self, row: AgentCall) -> str:
        """Return the state of the call."""
        return row.state

    def make_charts(self) -> Sequence[QWidget]:
        """Create the charts of latency and tokens."""
        self.latency_chart = TimeChart(
            _("Latency"),
            Unit.SECONDS,
            subtitle=_("p95 by agent"),
            empty_text=_("The latency of finished calls appears here."),
        )
        self.tokens_chart = TimeChart(
            _("Tokens"),
            Unit.PER_MINUTE,
            subtitle=_("per minute"),
            empty_text=_("Tokens appear here if the provider counts them."),
        )
        self.tokens_chart.set_series(
            [
                SeriesSpec(label, f"series {number}")
                for number, label in enumerate(_TOKEN_LABELS.values())
            ]
        )
        return self.latency_chart, self.tokens_chart

    def update_charts(self, now: float) -> None:
        """Update both charts at a time, Unix seconds."""
        agents = self.context.state.agents
        bounds = self.time_range.bounds(now)
        shown = busiest_series(agents.latency, bounds[0])
        self.latency_chart.set_series(self.context.colors.specs(shown))
        times, values = quantile_series(shown, now, self.time_range, _P95)
        self.latency_chart.set_data(times, values, bounds)
        tokens = {_TOKEN_LABELS[way]: counts for way, counts in agents.tokens.items()}
        counted = any(counts.total(now, self.time_range.seconds) for counts in tokens.values())
        since = counted_since(self.context.state) if counted else now
        times, values = rate_series(tokens, now, self.time_range, per_s=60.0, history_start=since)
        self.tokens_chart.set_data(times, values, bounds)

    def show_row(self, row: AgentCall) -> None:
        """Show a call in the detail panel."""
        detail = self.detail
        label, glyph, color = STATE_LABELS[row.state]
        model = "/".join(filter(None, (row.provider, row.model)))
        subtitle = " · ".join(filter(None, (label, model)))
        detail.set_heading(row.agent or _("Unknown agent"), subtitle, glyph, color)
        detail.set_body(*problem(row))
        detail.set_run(row.task_id)
        detail.properties.set_properties(
            [
                Property(_("Started"), formats.absolute(row.started_at)),
                Property(_("Latency"), latency_text(row)),
                Property(_("Provider"), row.provider),
                Property(_("Model"), row.model),
                *([Property(_("Fallback for"), row.fallback_from)] if row.fallback_from else []),
                Property(_("Items"), formats.count(row.items)),
                Property(_("Tokens in"), formats.count(row.tokens_in)),
                Property(_("Tokens out"), formats.count(row.tokens_out)),
                Property(_("Cost"), cost_text(row), tooltip=cost_tooltip(row)),
                Property(_("Worker"), row.worker, mono=True),
                Property(_("Run"), row.task_id, mono=True),
            ]
        )
        detail.json.set_bytes(row.raw)


def problem(row: AgentCall) -> tuple[str, SemanticColor]:
    """Return what is wrong with a call, and its color; empty for nothing.

    That is why it failed, why its end is unknown, or why a fallback answered it.
    """
    if row.error:
        return row.error, SemanticColor.BAD
    if row.state == "unknown":
        return _("No end was reported: its worker is gone, or its run has ended"), (
            SemanticColor.WARNING
        )
    return fallback_text(row.fallback_from, row.fallback_reason), SemanticColor.WARNING


def call_duration(row: AgentCall, now: float) -> float | None:
    """Return the seconds that a call took, or has taken until now; None when unknown."""
    if row.state == "running":
        return max(0.0, now - elapsed_since(row.started_at, row.seen_at))
    return row.latency_s


def latency_color(row: AgentCall) -> SemanticColor | None:
    """Return the color of the latency: a fallback's includes what failed before it."""
    if row.state == "running":
        return SemanticColor.INFO
    return SemanticColor.WARNING if row.fallback_from else None


def latency_note(row: AgentCall) -> str:
    """Return what else the latency of a fallback includes; empty for other calls."""
    if not row.fallback_from:
        return ""
    return _("Includes the failed attempts of {provider}").format(provider=row.fallback_from)


def latency_text(row: AgentCall) -> str:
    """Return the latency, and what else it includes."""
    latency = formats.duration(row.latency_s)
    if not row.fallback_from or not latency:
        return latency
    return _("{latency}, with the failed attempts of {provider}").format(
        latency=latency, provider=row.fallback_from
    )


def cost_text(row: AgentCall) -> str:
    """Return the cost of a call, that it is unknown, or nothing when none was reported."""
    if row.cost_usd is None:
        return _("unknown") if row.reports_cost else ""
    return formats.dollars(row.cost_usd)


def cost_tooltip(row: AgentCall) -> str:
    """Return why a cost is unknown; empty if it is known or was not reported."""
    if row.cost_usd is not None or not row.reports_cost:
        return ""
    return _("The price of this model is not configured")
