"""Overview: is everything well, and if not, what needs somebody?"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

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
from pulse_desktop.state.attention import AttentionItem, AttentionKind
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.state.series import TimeBuckets
from pulse_desktop.text.run_text import short_name
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.charts.colors import SeriesSpec, sequence_color
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import (
    TIME_RANGES,
    auto_range,
    history_start,
    quantile_series,
    rate_series,
)
from pulse_desktop.ui.navigation import (
    TASKS_PAGE,
    FilterPage,
    FilterRuns,
    ShowItem,
    ShowPage,
    ShowRun,
)
from pulse_desktop.ui.pages.overview import stats
from pulse_desktop.ui.pages.overview.attention_list import AttentionList
from pulse_desktop.ui.pages.overview.topic_list import TopicList
from pulse_desktop.ui.pages.tasks.columns import LATEST_COLUMNS
from pulse_desktop.ui.shell.page import Page, PageContext
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.theme.throttle import Throttle
from pulse_desktop.ui.widgets.card import Card
from pulse_desktop.ui.widgets.stat_card import StatCard

if TYPE_CHECKING:
    from pulse_desktop.state.run import TaskRun

_GAP: Final = 12
_ROOM_FOR_TIMES: Final = 680
"""Lower pages go without the chart of run times."""
_WINDOW: Final = TIME_RANGES[0]
_MOST_TASKS: Final = 3
_SUCCEEDED: Final = SeriesSpec("succeeded", "good", fill=True)
_FAILED: Final = SeriesSpec("failed", "bad", fill=True)
_ENDED: Final = (RunState.SUCCEEDED, RunState.FAILED, RunState.SOFT_FAILED)
_UNCHANGED: Final = DirtyRows()
_COLUMNS: Final = tuple(
    replace(column, hide_below=0 if column.key == "queued" else column.hide_below)
    for column in LATEST_COLUMNS
)
_FIGURES: Final = (
    ("success", "Success rate, 1 h"),
    ("failed", "Failed, 1 h"),
    ("queue", "Queue depth"),
    ("times", "Run time p50 / p95"),
    ("workers", "Workers"),
    ("noise", "Noise ratio"),
)


class OverviewPage(Page):
    """Six figures, the throughput, the topics, the latest runs, and what needs attention."""

    key: ClassVar[str] = "overview"
    title: ClassVar[str] = "Overview"
    icon: ClassVar[str] = "overview"

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._cadence = Throttle()
        self._slow_tasks: list[str] = []
        self.cards = {key: StatCard(title) for key, title in _FIGURES}
        self.throughput = TimeChart(
            "Task throughput",
            Unit.PER_SECOND,
            subtitle="runs per second, last 10 min",
            empty_text="Runs appear here as they end.",
        )
        self.throughput.set_series([_SUCCEEDED, _FAILED])
        self.run_times = TimeChart(
            "Run time by task",
            Unit.SECONDS,
            subtitle="p95, last 10 min",
            empty_text="Runs appear here as they end.",
        )
        self.throughput.setMinimumHeight(170)
        self.topics = TopicList(TOPICS)
        self.concerns = AttentionList()
        self.latest: LiveTable[TaskRun] = LiveTable(
            context.state.runs.rows,
            _COLUMNS,
            name="Latest runs",
            empty_title="No runs yet",
            empty_text="Every task enqueued on this server appears here within a moment.",
        )
        self._open_tasks = QPushButton("Open Tasks")
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 14, 14, 14)
        layout.setSpacing(_GAP)
        figures = QHBoxLayout()
        figures.setSpacing(_GAP)
        for card in self.cards.values():
            figures.addWidget(card, 1)
        layout.addLayout(figures)
        grid = QGridLayout()
        grid.setSpacing(_GAP)
        grid.setColumnStretch(0, 31)
        grid.setColumnStretch(1, 20)
        grid.setRowStretch(0, 6)
        grid.setRowStretch(1, 7)
        throughput = Card()
        throughput.body.addWidget(self.throughput)
        topics = Card("Topics", "events per second over 1 min, line 5 min")
        topics.body.addWidget(self.topics, 1)
        latest = Card("Latest runs", flush=True)
        self._open_tasks.setProperty("kind", "ghost")
        latest.header.addWidget(self._open_tasks)
        latest.header.setContentsMargins(13, 5, 7, 0)
        latest.body.addWidget(self.latest, 1)
        concerns = Card("Needs attention", "last hour")
        concerns.body.setContentsMargins(4, 0, 4, 11)
        concerns.body.addWidget(self.concerns)
        times = QVBoxLayout()
        times.setContentsMargins(8, 6, 8, 0)
        times.addWidget(self.run_times)
        concerns.body.addLayout(times, 1)
        self._concerns_body, self._times = concerns.body, times
        for widget, row, column in (
            (throughput, 0, 0),
            (topics, 0, 1),
            (latest, 1, 0),
            (concerns, 1, 1),
        ):
            grid.addWidget(widget, row, column)
        layout.addLayout(grid, 1)

    def _connect(self) -> None:
        navigate = self.context.navigate
        self.topics.chosen.connect(lambda topic: navigate(ShowPage(topic)))
        self.concerns.chosen.connect(self._open_concern)
        self.latest.row_activated.connect(lambda run: navigate(ShowRun(run.task_id)))
        self._open_tasks.clicked.connect(lambda: navigate(ShowPage(TASKS_PAGE)))
        self._open_tasks.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        theme().changed.connect(self._tint)
        self._tint()

    def _tint(self) -> None:
        icons.set_button_icon(self._open_tasks, "arrow-right", SemanticColor.MUTED, 12)

    # Following the state

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show new runs with every frame, the rest in turn about once a second."""
        self.latest.refresh(now, changes.of(self.context.state.runs))
        due = self._cadence.due
        if due("figures", now, 1.0):
            self._show_figures(now)
        if due("throughput", now, 1.0):
            self._show_throughput(now)
        if due("topics", now, 1.0):
            since = history_start(self.context.state.log)
            for topic, row in self.topics.rows.items():
                row.show_activity(self.context.state.topics.by_name[topic], now, since)
        if due("concerns", now, 1.0):
            self.concerns.show_attention(self.context.attention_items(), now)
        if due("run times", now, 2.0):
            self._show_run_times(now)

    def on_show(self, now: float) -> None:
        """Show everything anew."""
        self.latest.catch_up(now)
        self._cadence.reset()
        self.refresh(_UNCHANGED, now)

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the latest runs."""
        return (self.latest,)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the last chart out of a low page, and give its room to what needs attention."""
        super().resizeEvent(event)
        low = self.height() < _ROOM_FOR_TIMES
        self.run_times.setVisible(not low)
        self._times.setContentsMargins(8, 0 if low else 6, 8, 0)
        self._concerns_body.setStretchFactor(self.concerns, int(low))
        self._concerns_body.setStretchFactor(self._times, int(not low))
        self.concerns.set_roomy(low)

    def _show_figures(self, now: float) -> None:
        state, concerns = self.context.state, self.context.attention_items()
        figures = {
            "success": stats.success_rate(state, now),
            "failed": stats.failures(state, now, concerns),
            "queue": stats.queue_depth(state, now, self.context.tasks.queue_status),
            "times": stats.run_times(state, now),
            "workers": stats.workers(state, now),
            "noise": stats.noise(state, now),
        }
        for key, figure in figures.items():
            self.cards[key].set_figure(figure.value, figure.detail, figure.color)

    def _show_throughput(self, now: float) -> None:
        runs = self.context.state.runs
        if not runs.finished:
            return
        empty = TimeBuckets(5.0, 2)
        ended = {state.value: runs.finished.get(state, empty) for state in _ENDED}
        since = self._history_start(now)
        window = auto_range(_WINDOW, since, now)
        times, values = rate_series(ended, now, window, per_s=1.0, history_start=since)
        failed = values[RunState.FAILED] + values[RunState.SOFT_FAILED]
        shown = {_SUCCEEDED.name: values[RunState.SUCCEEDED], _FAILED.name: failed}
        self.throughput.set_data(times, shown, window.span(now))

    def _history_start(self, now: float) -> float:
        """Return since when runs are known, Unix seconds: before it there is a gap, not a zero."""
        rows = self.context.state.runs.rows
        if not rows:
            return now
        oldest = rows[rows.start]
        return (oldest.queued_at or oldest.last_seen) - _WINDOW.bucket_s

    def _show_run_times(self, now: float) -> None:
        recent = self.context.state.runs.recent_durations(now, _WINDOW.seconds)
        busiest = sorted(recent, key=lambda name: -len(recent[name]))[:_MOST_TASKS]
        # A task keeps its color as long as it is shown.
        kept = [name for name in self._slow_tasks if name in busiest]
        self._slow_tasks = kept + [name for name in busiest if name not in kept]
        names = {name: short_name(name) for name in self._slow_tasks}
        self.run_times.set_series(
            [SeriesSpec(short, sequence_color(i)) for i, short in enumerate(names.values())]
        )
        if names:
            durations = self.context.state.runs.durations
            series = {short: durations[name] for name, short in names.items()}
            window = auto_range(_WINDOW, self._history_start(now), now)
            times, values = quantile_series(series, now, window, 0.95)
            self.run_times.set_data(times, values, window.span(now))

    def _open_concern(self, concern: AttentionItem | None) -> None:
        if concern is None:
            return
        match concern.kind:
            case AttentionKind.PROVIDER_DOWN:
                self.context.navigate(FilterPage("providers", concern.subject))
            case AttentionKind.WORKER_OFFLINE:
                self.context.navigate(ShowItem("monitoring", concern.subject))
            case state:
                words = short_name(concern.subject)
                self.context.navigate(FilterRuns((RunState(state),), words))
