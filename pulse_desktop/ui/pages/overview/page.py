"""The overview page: statistics, throughput, event topics, latest runs and what needs attention."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
)

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.state.attention import AttentionItem, muted_groups
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.state.history_start import counted_since
from pulse_desktop.state.run_span import run_span
from pulse_desktop.text.attention_text import attention_target
from pulse_desktop.text.group_text import muted_text
from pulse_desktop.text.run_text import run_count_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.time_range_text import not_past_text, span_length_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.chart_group import ChartGroup
from pulse_desktop.ui.charts.resampling import COUNTED_S, quantile_series
from pulse_desktop.ui.charts.run_series import RunColumns, charted_since
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import ChartRange, chart_range
from pulse_desktop.ui.connection_phase import (
    Phase,
    as_of_text,
    connection_phase,
    empty_reason,
    stale_text,
    states_text,
    unknown_text,
)
from pulse_desktop.ui.navigation import (
    TASKS_PAGE,
    ShowAttention,
    ShowPage,
    ShowRun,
    Target,
)
from pulse_desktop.ui.page.page import Page, PageContext
from pulse_desktop.ui.page.page_time import PageTime
from pulse_desktop.ui.page.range_note import RangeNote
from pulse_desktop.ui.pages.overview import stats
from pulse_desktop.ui.pages.overview.attention_list import MIN_ROWS, ROW_HEIGHT, AttentionList
from pulse_desktop.ui.pages.overview.run_charts import RunCharts
from pulse_desktop.ui.pages.overview.targets import card_target, item_target, series_target
from pulse_desktop.ui.pages.overview.topic_list import TopicList
from pulse_desktop.ui.pages.tasks.columns import latest_columns, run_arrival_order
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.throttle import CHART_SHARE, Throttle
from pulse_desktop.ui.widgets.card import Card
from pulse_desktop.ui.widgets.stat_card import StatCard

if TYPE_CHECKING:
    from pulse_desktop.state.run import TaskRun

_GAP: Final = 12
_MARGIN: Final = 14
_MIN_HEIGHT_FOR_RUN_TIMES: Final = 680
"""Minimum page height for the charts of wait and run time beside others, pixels."""
_MIN_RUN_TIMES_HEIGHT: Final = 200
_MAX_TASKS: Final = 3
_CARD_TITLES: Final = {
    "success": _("Success rate"),
    "failed": _("Failed"),
    "queue": _("Queue depth"),
    "run_times": _("Run time p50 / p95"),
    "workers": _("Workers"),
    "noise": _("Noise ratio"),
}
_OUTCOME_CARDS: Final = frozenset({"success", "failed", "run_times"})
_TOPICS_SUBTITLE: Final = _("events per second over 1 min, line 5 min")
_CARD_TOOLTIPS: Final = {
    "success": _("Show the runs that ended in this time"),
    "failed": _("Show the failures of this time"),
    "queue": _("Show the queued runs"),
    "run_times": _("Show the runs that ended in this time"),
    "workers": _("Show the workers"),
    "noise": _("Show the metrics"),
}


class OverviewPage(Page):
    """Six statistics, the throughput, the event topics, the latest runs, and what needs attention.

    Attributes:
        cards: the statistics by key.
        run_charts: charts of ended runs, their wait and their run time.
        run_times: chart of run times by task, hidden on a short page.
        topics: rate and age of events by topic.
        attention: what needs attention.
        latest: table of the latest runs.
    """

    key = "overview"
    title = _("Overview")
    icon = "overview"

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._run_changes = 0
        self._group_changes = 0
        self._wall = 0.0  # of the last frame
        self._division = (False, 0)
        self._known = (Phase.LIVE, True, True, True)
        self._stats: dict[str, stats.Stat] = {}
        self.cards = {
            key: StatCard(title, tooltip=_CARD_TOOLTIPS[key]) for key, title in _CARD_TITLES.items()
        }
        self.run_charts = RunCharts(context.state.runs)
        self.run_times = TimeChart(
            _("Run time by task"),
            Unit.SECONDS,
            subtitle=_("p95"),
            empty_text=_("Runs appear here as they end."),
        )
        charts = (*self.run_charts.charts, self.run_times)
        self.chart_group = ChartGroup(charts, context.time, self)
        self.chart_group.set_clickable(clickable=True)
        self.chart_group.series_chosen.connect(self._open_series)
        self._time: PageTime[TaskRun] = PageTime(
            context.time, run_span, ("queued", "seen"), has_times=True
        )
        self._throttles = {
            "cards": Throttle(1.0, share=CHART_SHARE),
            "reason": Throttle(1.0),
            "throughput": Throttle(1.0, share=CHART_SHARE, delay_s=0.25),
            "times": Throttle(1.0, share=CHART_SHARE, delay_s=0.25),
            "topics": Throttle(1.0, delay_s=0.5),
            "attention": Throttle(1.0, delay_s=0.75),
            "run times": Throttle(2.0, share=CHART_SHARE, delay_s=0.75),
        }
        self._columns = RunColumns(context.state.runs.timings)
        self.topics = TopicList(TOPICS)
        self.attention = AttentionList(self._target_label)
        self.latest: LiveTable[TaskRun] = LiveTable(
            context.state.runs.rows,
            [
                replace(column, hide_below=0) if column.key == "queued" else column
                for column in latest_columns(
                    context.state.runs.names.label, context.state.workers.task_schemas
                )
            ],
            name=_("Latest runs"),
            empty_title=_("No runs yet"),
            empty_text=_("Every task enqueued on this server appears here within a moment."),
        )
        self.latest.rows_model.arrival_order = run_arrival_order(context.state.runs)
        RangeNote(self.latest, context.time, run_count_text)
        self._open_tasks = QPushButton(_("Open Tasks"))
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        layout.setSpacing(_GAP)
        cards = QHBoxLayout()
        cards.setSpacing(_GAP)
        for card in self.cards.values():
            cards.addWidget(card, 1)
        layout.addLayout(cards)
        grid = QGridLayout()
        grid.setSpacing(_GAP)
        grid.setColumnStretch(0, 31)
        grid.setColumnStretch(1, 20)
        grid.setRowStretch(0, 1)
        grid.setRowStretch(1, 1)
        over_time = Card()
        over_time.body.addWidget(self.run_charts)
        topics = self._topics_card = Card(_("Event topics"), _TOPICS_SUBTITLE)
        topics.body.addWidget(self.topics, 1)
        latest = Card(_("Latest runs"), flush=True)
        self._open_tasks.setProperty("kind", "ghost")
        latest.header.addWidget(self._open_tasks)
        latest.header.setContentsMargins(13, 5, 7, 0)
        latest.body.addWidget(self.latest, 1)
        grid.addWidget(over_time, 0, 0)
        grid.addWidget(topics, 0, 1)
        grid.addWidget(latest, 1, 0)
        grid.addWidget(self._make_attention_card(), 1, 1)
        layout.addLayout(grid, 1)

    def _make_attention_card(self) -> Card:
        card = Card(_("Needs attention"), _("last hour"))
        card.body.setContentsMargins(4, 0, 4, 11)
        card.body.addWidget(self.attention)
        run_times = QVBoxLayout()
        run_times.setContentsMargins(8, 6, 8, 0)
        run_times.addWidget(self.run_times)
        card.body.addLayout(run_times, 1)
        self._attention_card = card
        self._attention_body, self._run_times_layout = card.body, run_times
        return card

    def _connect(self) -> None:
        navigate = self.context.navigate
        for key, card in self.cards.items():
            card.clicked.connect(lambda _checked=False, key=key: self._open_card(key))
        self.run_charts.outdated.connect(self._draw_run_charts)
        self.topics.topic_activated.connect(lambda topic: navigate(ShowPage(topic)))
        self.attention.item_activated.connect(self._open_item)
        self.latest.row_activated.connect(self._open_run)
        self.latest.clicked.connect(lambda _index: self._open_run(self.latest.current_row()))
        self._open_tasks.clicked.connect(lambda: navigate(ShowPage(TASKS_PAGE)))
        self._open_tasks.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def _apply_theme(self) -> None:
        icons.set_button_icon(self._open_tasks, "arrow-right", SemanticColor.MUTED, 12)

    # Page

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Update the latest runs with every frame, everything else about once a second."""
        self._wall = self.wall_time(now)
        self._refresh_latest(changes, now)
        self._follow_phase()
        self._run_changes += bool(changes.of(self.context.state.runs))
        self._group_changes += bool(changes.of(self.context.state.failure_groups))
        self._refresh_cards(now)
        self._refresh_charts()
        self._throttles["topics"].run(self._wall, lambda: self._update_topics(now))
        self._throttles["attention"].run(self._wall, lambda: self._update_attention(now))

    def _refresh_latest(self, changes: DirtyRows, now: float) -> None:
        """Show the latest runs of the time range, which may be another one, or have moved on."""
        self._follow_range(now)
        changed = changes.of(self.context.state.runs)
        if self._time.move_on(now):
            changed = changed | self.latest.rows_model.oldest_not_accepted()
        self.latest.refresh(self._time.shown_time(now), changed)

    def _follow_range(self, now: float) -> None:
        """Show another time range."""
        if self._time.has_changed:
            self._time.apply(now)
            self.latest.set_filter(self._time.limited(None))
            self._reset_throttles()

    def _follow_phase(self) -> None:
        """Update everything when what is known about the server has changed."""
        connection = self.context.connection
        known = (
            connection_phase(connection),
            connection.has_outcomes,
            connection.has_states,
            connection.has_recent,
        )
        if known != self._known:
            self._known = known
            self._reset_throttles()

    def _refresh_cards(self, now: float) -> None:
        """Update the cards, and say why something may be missing, if anything has changed."""
        version = *self._run_version(now), *self._card_version(now)
        asked = self._has_runs(), self.context.connection.data_time
        self._throttles["cards"].run(self._wall, lambda: self._update_cards(now), version, asked)
        self._throttles["reason"].run(self._wall, self._show_reason, version, asked)

    def _refresh_charts(self) -> None:
        """Update the charts if runs have changed."""
        wall, charts, asked = self._wall, self.run_charts, self._has_runs()
        ended = self._run_version(wall)
        # A rate is that of whole buckets: a run is in it when its bucket is over.
        rated = self._run_version(wall // COUNTED_S * COUNTED_S)
        for name, version, update in (
            ("throughput", rated, lambda: self._draw(charts.update_throughput, wall)),
            ("times", ended, lambda: self._draw(charts.update_times, wall)),
            ("run times", ended, lambda: self._update_run_times(wall)),
        ):
            self._throttles[name].run(wall, update, version, asked)

    def _run_version(self, counted: float) -> tuple[object, ...]:
        """Return what changes with the runs that ended before a time, Unix seconds."""
        rows = self.context.state.runs.rows
        return rows.start, rows.stop, self._run_changes, self._columns.ahead_of(counted)

    def _has_runs(self) -> bool:
        """Return whether there are runs: the first ones are not put off."""
        return bool(self.context.state.runs.rows)

    def _reset_throttles(self) -> None:
        for each in self._throttles.values():
            each.reset()

    def on_show(self, now: float) -> None:
        """Update everything."""
        self._follow_range(now)
        self.latest.catch_up(self._time.shown_time(now))
        self._reset_throttles()
        self.refresh(DirtyRows(), now)

    def on_hide(self) -> None:
        """Clear the selection of the latest runs, and follow the newest ones again."""
        self.latest.release()
        self.latest.go_to_newest()

    def navigate(self, target: Target) -> None:
        """Give the keyboard focus to what needs attention."""
        if isinstance(target, ShowAttention) and not self.attention.take_focus():
            self.take_focus()

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the latest runs."""
        return (self.latest,)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Divide the height of the cards again."""
        super().resizeEvent(event)
        self.run_charts.set_short(is_short=self.height() < _MIN_HEIGHT_FOR_RUN_TIMES)
        self._divide_attention_card()

    def _divide_attention_card(self) -> None:
        """Hide the run-time chart on a short page, and when many items need the space."""
        height = self._attention_body.geometry().height()
        rows = max(MIN_ROWS, (height - _MIN_RUN_TIMES_HEIGHT) // ROW_HEIGHT)
        fills_card = self.height() < _MIN_HEIGHT_FOR_RUN_TIMES or self.attention.item_count > rows
        if (fills_card, rows) == self._division:
            return  # to set the same again would lay out and paint the card
        self._division = fills_card, rows
        self.run_times.setVisible(not fills_card)
        self._run_times_layout.setContentsMargins(8, 0 if fills_card else 6, 8, 0)
        self._attention_body.setStretchFactor(self.attention, int(fills_card))
        self._attention_body.setStretchFactor(self._run_times_layout, int(not fills_card))
        self.attention.set_max_rows(None if fills_card else rows)

    def _card_span(self, now: float) -> tuple[float, float]:
        """Return the end and the length in seconds of what the cards count: the last hour at most.

        They count the time range if one was chosen.
        """
        shown = self.context.time.range
        if not shown.limits_rows:
            return now, stats.HOUR
        start, _end = shown.bounds(now)
        end = self._time.shown_time(now)
        return end, max(0.0, end - start)

    # Updating

    def _show_reason(self) -> None:
        """Say where nothing is shown why that does not mean that nothing happened."""
        state, connection = self.context.state, self.context.connection
        reason = empty_reason(connection, state, self._wall, ("tasks", "events", "results"))
        self.latest.overlay.set_reason(reason)
        stale = connection.data_time is not None or bool(states_text(connection))
        self.latest.set_stale(stale=stale)
        for chart in self.chart_group.charts:
            chart.set_reason(reason.title if reason is not None else "")
        live = self.context.time.is_live
        self.chart_group.set_marks(self.context.chart_marks(self._wall), is_live=live)

    def _update_topics(self, now: float) -> None:
        connection = self.context.connection
        since = counted_since(self.context.state)
        past = not_past_text(self.context.time.range)
        for topic, row in self.topics.rows.items():
            activity = self.context.state.topics.by_name[topic]
            row.show_activity(activity, now, since, connection.outages)
            row.set_stale(stale_text(connection, of_recent=True) or past)
        self._topics_card.set_subtitle(past or _TOPICS_SUBTITLE)

    def _update_attention(self, now: float) -> None:
        connection = self.context.connection
        past = not_past_text(self.context.time.range)
        subtitle = as_of_text(connection) or past or _("last hour")
        muted = muted_text(muted_groups(self.context.state, now))
        self._attention_card.set_subtitle(" · ".join(filter(None, (subtitle, muted))))
        self.attention.set_stale(unknown_text(connection))
        self.attention.show_items(self.context.attention_items(), now)
        self._divide_attention_card()

    def _card_version(self, now: float) -> tuple[object, ...]:
        """Return what the statistics show besides runs; the age of a queued run always changes."""
        state, connection = self.context.state, self.context.connection
        return (
            self.context.tasks.queue_status,
            self._group_changes,
            stale_text(connection, of_states=True),
            state.workers.online(now),
            state.metrics.rows.stop,
            int(now) if state.runs.counts.get(RunState.QUEUED) else 0,
        )

    def _update_cards(self, now: float) -> None:
        state, items = self.context.state, self.context.attention_items()
        end, seconds = self._card_span(now)
        length, past = span_length_text(seconds), not_past_text(self.context.time.range)
        for key in _OUTCOME_CARDS:
            title = _("{title}, {length}").format(title=_CARD_TITLES[key], length=length)
            self.cards[key].set_title(title)
        values = {
            "success": stats.success_rate(state, end, seconds),
            "failed": stats.failures(state, end, items if end == now else (), seconds),
            "queue": stats.queue_depth(state, now, self.context.tasks.queue_status),
            "run_times": stats.run_times(state, end, seconds),
            "workers": stats.workers(state, now),
            "noise": stats.noise(state),
        }
        self._stats = values
        for key, stat in values.items():
            self.cards[key].set_stat(stat.value, stat.detail, stat.color)
            queue = self.context.tasks.queue_status
            polled = key == "queue" and queue is not None and queue.pending is not None
            stale = stale_text(
                self.context.connection,
                polled=polled,
                of_outcomes=key in _OUTCOME_CARDS,
                of_states=key == "queue" and not polled,
            )
            if key not in _OUTCOME_CARDS:
                stale = stale or past
            self.cards[key].set_stale(stale)

    def _draw(self, update: Callable[[float, ChartRange], None], wall: float) -> None:
        runs = self.context.state.runs
        if not runs.ended or connection_phase(self.context.connection) is Phase.REPLAYING:
            return  # a line of zeros would say that nothing happened
        now = min(wall, self.context.time.range.end_or(wall))
        update(now, self._chart_range(now))

    def _draw_run_charts(self) -> None:
        """Update the charts of runs at once, as another task or row of them is shown."""
        if self._wall:
            self._draw(self.run_charts.update_throughput, self._wall)
            self._draw(self.run_charts.update_times, self._wall)

    def _chart_range(self, now: float) -> ChartRange:
        """Return what the charts show."""
        return chart_range(self.context.time.range, charted_since(self.context.state), now)

    def _update_run_times(self, now: float) -> None:
        now = min(now, self.context.time.range.end_or(now))
        time_range = self._chart_range(now)
        runs = self.context.state.runs
        start, _end = time_range.bounds(now)
        columns = self._columns
        labels = {
            task: runs.names.label(task)
            for task in columns.busiest_tasks(start, now, _MAX_TASKS)
            if columns.has_run_times(task, start, now)
        }
        self.run_times.set_series(self.context.colors.labeled_specs(labels))
        if labels:
            durations = {label: runs.durations.get(name) for name, label in labels.items()}
            series = {label: each for label, each in durations.items() if each is not None}
            times, values = quantile_series(series, now, time_range, 0.95)
            self.run_times.set_data(times, values, time_range.bounds(now))

    def _open_series(self, key: str) -> None:
        self.context.navigate(series_target(key, self.run_charts.task))

    def _open_run(self, run: "TaskRun | None") -> None:
        if run is not None:
            self.context.navigate(ShowRun(run.task_id))

    def _open_card(self, key: str) -> None:
        max_age_s = 0.0 if self.context.time.range.limits_rows else stats.HOUR
        state = self._stats[key].state if key in self._stats else None
        self.context.navigate(card_target(key, state, max_age_s))

    def _open_item(self, item: AttentionItem | None) -> None:
        if item is not None:
            self.context.navigate(item_target(item))

    def _target_label(self, item: AttentionItem) -> str:
        """Return the short name of the task, worker or provider that an item refers to."""
        state = self.context.state
        return attention_target(item, state.runs.names.label, state.workers.names.label)
