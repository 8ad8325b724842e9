"""Agents: every call of a model, who asked, how long it took, what it cost."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtWidgets import QWidget

from pulse_desktop.state.agent_calls import AgentCall
from pulse_desktop.state.collection import Collection
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.colors import SeriesColors, SeriesSpec
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import history_start, quantile_series, rate_series
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import time_column
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.widgets.property_list import Property

STATES: Final = {
    "running": ("▶", SemanticColor.INFO),
    "finished": ("✔", SemanticColor.GOOD),
    "failed": ("✖", SemanticColor.BAD),
}
_P95: Final = 0.95


class AgentsPage(TablePage[AgentCall, RowDetail]):
    """Live table of agent calls, their latency and their tokens."""

    key = "agents"
    title = "Agents"
    icon = "agents"
    section = "LIVE"
    filter_hint = _("Filter by agent, model, error or run")
    empty_title = "No agent has been called yet"
    empty_text = (
        "Calls of the classification, extraction and analysis agents appear here. Tasks such as "
        "score_message_task and extract_knowledge make them."
    )
    facets = tuple(Facet(state, state, sign, color) for state, (sign, color) in STATES.items())

    def collection(self) -> Collection[AgentCall]:
        """Return the calls."""
        return self.context.state.agents

    def columns(self) -> Sequence[Column[AgentCall]]:
        """Return the columns of the table."""
        return (
            time_column(lambda row: row.at, "Started", "time"),
            Column(
                "State",
                "state",
                lambda row, _: row.state,
                width=106,
                color=lambda row: STATES[row.state][1],
                glyph=lambda row: STATES[row.state][0],
            ),
            Column("Agent", "agent", lambda row, _: row.agent, width=130),
            Column(
                "Provider",
                "provider",
                lambda row, _: row.provider,
                width=110,
                color=lambda _: SemanticColor.MUTED,
                hide_below=1000,
            ),
            Column("Model", "model", lambda row, _: row.model, width=150, hide_below=820),
            _number("Items", "items", lambda row: row.items, 66),
            _number("Tokens in", "tokens_in", lambda row: row.tokens_in, 88, 780),
            _number("Tokens out", "tokens_out", lambda row: row.tokens_out, 94, 780),
            Column(
                "Latency",
                "latency",
                lambda row, now: formats.duration(call_seconds(row, now)),
                width=84,
                align="right",
                mono=True,
                color=lambda row: SemanticColor.INFO if row.state == "running" else None,
                sort=lambda row: row.latency_s,
                ticking=True,
            ),
            Column(
                "Error",
                "error",
                lambda row, _: row.error,
                width=160,
                color=lambda _: SemanticColor.BAD,
                stretch=True,
            ),
        )

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the call"), _("Event of the call"))

    def count_text(self, count: int) -> str:
        """Return a number of calls as text."""
        return ngettext("{count} call", "{count} calls", count).format(count=formats.count(count))

    def search_text(self, row: AgentCall) -> str:
        """Return what the text filter looks into."""
        return f"{row.agent}\n{row.provider}\n{row.model}\n{row.error}\n{row.task_id}"

    def facet_of(self, row: AgentCall) -> str:
        """Return the state of the call."""
        return row.state

    def make_charts(self) -> Sequence[QWidget]:
        """Make the two charts."""
        self._colors = SeriesColors()
        self._latency = TimeChart(
            "Latency",
            Unit.SECONDS,
            subtitle="p95 by agent",
            empty_text="Finished calls are measured here.",
        )
        self._tokens = TimeChart(
            "Tokens",
            Unit.PER_MINUTE,
            subtitle="per minute",
            empty_text="Providers that count tokens are shown here.",
        )
        self._tokens.set_series([SeriesSpec("in", "series 0"), SeriesSpec("out", "series 1")])
        return self._latency, self._tokens

    def update_charts(self, now: float) -> None:
        """Bring both charts up to date."""
        agents = self.context.state.agents
        span = self.time_range.span(now)
        shown = self._colors.busiest(agents.latency, span[0])
        self._latency.set_series(self._colors.specs(shown))
        times, values = quantile_series(shown, now, self.time_range, _P95)
        self._latency.set_data(times, values, span)
        counted = any(
            agents.tokens[way].total(now, self.time_range.seconds) for way in agents.tokens
        )
        since = history_start(self.context.state.log) if counted else now
        times, values = rate_series(
            agents.tokens, now, self.time_range, per_s=60.0, history_start=since
        )
        self._tokens.set_data(times, values, span)

    def show_row(self, row: AgentCall) -> None:
        """Show a call in full."""
        detail = self.detail
        sign, color = STATES[row.state]
        model = "/".join(part for part in (row.provider, row.model) if part)
        detail.set_heading(row.agent or "Unknown agent", f"{row.state} · {model}", sign, color)
        detail.set_body(row.error, SemanticColor.BAD)
        detail.set_run(row.task_id)
        detail.properties.set_properties(
            [
                Property("Started", formats.absolute(row.at)),
                Property("Latency", formats.duration(row.latency_s)),
                Property("Provider", row.provider),
                Property("Model", row.model),
                Property("Items", formats.count(row.items)),
                Property("Tokens in", formats.count(row.tokens_in)),
                Property("Tokens out", formats.count(row.tokens_out)),
                Property("Run", row.task_id, mono=True),
            ]
        )
        detail.json.set_bytes(row.raw)


def call_seconds(row: AgentCall, now: float) -> float | None:
    """Return how long a call took, or has been running for; None when nobody said."""
    if row.state == "running":
        return max(0.0, now - row.at)
    return row.latency_s


def _number(
    title: str,
    key: str,
    value: Callable[[AgentCall], int | None],
    width: int,
    hide_below: int = 0,
) -> Column[AgentCall]:
    return Column(
        title,
        key,
        lambda row, _: formats.count(value(row)),
        width=width,
        align="right",
        mono=True,
        sort=value,
        hide_below=hide_below,
    )
