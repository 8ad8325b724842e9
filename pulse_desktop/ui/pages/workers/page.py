"""Monitoring: which workers live, what they are at, and how the queue stands."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self

from PySide6.QtWidgets import QWidget

from pulse_desktop.state.collection import Collection
from pulse_desktop.state.series import Reservoir
from pulse_desktop.state.workers import Worker, WorkerActivity
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.text.worker_text import (
    ACTIVITY_LABELS,
    ACTIVITY_MEANINGS,
    HEALTH_LABELS,
    HEALTH_MEANINGS,
    worker_name,
)
from pulse_desktop.ui.charts.colors import SeriesColors
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import quantile_series
from pulse_desktop.ui.navigation import ShowItem, Target
from pulse_desktop.ui.pages.workers import actions
from pulse_desktop.ui.pages.workers.columns import (
    NO_CONTROL_MEANS,
    PRESENT,
    activity_of,
    percent,
    slots_words,
    task_names,
    whole,
    worker_columns,
)
from pulse_desktop.ui.pages.workers.detail_buttons import WorkerDetailButtons
from pulse_desktop.ui.pages.workers.queue_stats import QueueStats
from pulse_desktop.ui.pages.workers.worker_commands import WorkerCommandActions
from pulse_desktop.ui.shell.actions import PageAction
from pulse_desktop.ui.shell.page import PageContext
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.widgets.property_list import Property


class MonitoringPage(TablePage[Worker, RowDetail]):
    """Live table of workers, figures of the queue, busy slots and processor load."""

    key = "monitoring"
    title = "Monitoring"
    icon = "monitoring"
    section = "LIVE"
    filter_hint = _("Filter by name, host or task")
    default_sort = "worker"
    empty_title = "No worker has been heard"
    empty_text = (
        "Workers appear here with their first heartbeat, a few seconds after they start. Workers "
        "without the Pulse middleware send none: their tasks are still shown under Tasks."
    )
    row_menu = actions.ROW_MENU
    facets = tuple(Facet(health.value, *label) for health, label in HEALTH_LABELS.items())

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._orders = WorkerCommandActions(context)
        self.buttons = WorkerDetailButtons(self.detail, context.actions)

    def navigate(self, target: Target) -> None:
        """Show the worker with an id in full."""
        workers = self.context.state.workers
        position = workers.position(target.id) if isinstance(target, ShowItem) else None
        if position is None:
            super().navigate(target)
            return
        self.filter_bar.clear()
        self.table.catch_up(self.now)
        if self.table.select_position(position):
            self.open_detail(workers.rows[position])

    def collection(self) -> Collection[Worker]:
        """Return the workers."""
        return self.context.state.workers

    def columns(self) -> Sequence[Column[Worker]]:
        """Return the columns of the table."""
        return worker_columns(lambda: self.now)

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the worker"), _("Event of the worker"))

    def count_text(self, count: int) -> str:
        """Return a number of workers as text."""
        return ngettext("{count} worker", "{count} workers", count).format(
            count=formats.count(count)
        )

    def search_text(self, row: Worker) -> str:
        """Return what the text filter looks into."""
        return f"{row.id}\n{row.host}\n{task_names(row.tasks)}\n{' '.join(row.task_ids)}"

    def facet_of(self, row: Worker) -> str:
        """Return the health."""
        return row.health(self.now).value

    def make_summary(self) -> QWidget:
        """Make the figures of the queue."""
        self.queue = QueueStats()
        return self.queue

    def make_charts(self) -> Sequence[QWidget]:
        """Make the two charts."""
        self._colors = SeriesColors()
        self._busy = TimeChart(
            "Busy slots",
            Unit.COUNT,
            subtitle="by worker, on average since its heartbeat before",
            empty_text="Heartbeats say here how busy each worker is.",
        )
        self._cpu = TimeChart(
            "CPU",
            Unit.PERCENT,
            subtitle="of one core",
            empty_text="Heartbeats say here what each worker costs.",
        )
        return self._busy, self._cpu

    def update_charts(self, now: float) -> None:
        """Bring charts and figures up to date."""
        workers = self.context.state.workers
        span = self.time_range.span(now)
        for chart, series, quantile in (
            (self._busy, workers.busy, 1.0),
            (self._cpu, workers.cpu, 0.5),
        ):
            shown = with_short_names(self._colors.busiest(series, span[0]))
            chart.set_series(self._colors.specs(shown))
            times, values = quantile_series(shown, now, self.time_range, quantile)
            chart.set_data(times, values, span)
        self.queue.show_figures(workers.online(now), self.context.tasks.queue_status, now)

    def show_row(self, row: Worker) -> None:
        """Show a worker in full."""
        detail, now = self.detail, self.now
        health = row.health(now)
        label, sign, color = HEALTH_LABELS[health]
        detail.set_heading(worker_name(row.id), row.id, sign, color)
        detail.set_body("")
        detail.set_run(row.task_ids[0] if row.task_ids else "")
        self.buttons.show_worker(row, present=health in PRESENT)
        work = activity_of(row, now)
        doing = ACTIVITY_LABELS[work]
        takes = "takes orders" if row.control else NO_CONTROL_MEANS.lower()
        detail.properties.set_facts(
            [
                Property("Health", f"{label}: {HEALTH_MEANINGS[health].lower()}", color),
                Property(
                    "State",
                    f"{doing[0]}: {ACTIVITY_MEANINGS[work].lower()}" if work else "",
                    doing[2],
                ),
                Property("Control", takes if health in PRESENT else ""),
                Property("Log level", row.log_level.lower()),
                Property("Host", row.host),
                Property("Process", whole(row.pid), mono=True),
                Property("Slots busy", slots_words(row, now)),
                Property("Running", task_names(row.tasks)),
                Property("CPU", percent(row.cpu_percent)),
                Property("Memory", formats.size(row.rss_bytes)),
                Property("Started", formats.absolute(row.started_at)),
                Property("Heartbeat", formats.absolute(row.last_seen)),
                Property("Broker", row.broker),
                Property("Version", row.version),
            ]
        )
        detail.json.set_bytes(row.raw)

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions on workers."""
        return (
            PageAction(actions.PAUSE, cls.pause_selected, cls.can_pause),
            PageAction(actions.RESUME, cls.resume_selected, cls.can_resume),
            PageAction(actions.DRAIN, cls.drain_selected, cls.can_order),
            *(
                PageAction(action, partial(cls.set_log_level, level=level), cls.can_order)
                for level, action in actions.SET_LOG_LEVEL.items()
            ),
            PageAction(actions.PAUSE_ALL, cls.pause_all, cls.has_controlled),
            PageAction(actions.RESUME_ALL, cls.resume_all, cls.has_controlled),
        )

    def can_order(self) -> bool:
        """Tell whether any of the selected workers takes orders and is not ending."""
        return bool(self._chosen())

    def can_pause(self) -> bool:
        """Tell whether any of the selected workers can be paused."""
        return bool(self._chosen(WorkerActivity.IDLE, WorkerActivity.BUSY, WorkerActivity.UNKNOWN))

    def can_resume(self) -> bool:
        """Tell whether any of the selected workers is paused."""
        return bool(self._chosen(WorkerActivity.PAUSED))

    def has_controlled(self) -> bool:
        """Tell whether any worker takes orders."""
        return bool(self.context.state.workers.accepting_commands(self.now))

    def pause_selected(self) -> None:
        """Let the selected workers take no more tasks for now."""
        works = (WorkerActivity.IDLE, WorkerActivity.BUSY, WorkerActivity.UNKNOWN)
        self._orders.give("pause", self._chosen(*works))

    def resume_selected(self) -> None:
        """Let the selected workers take tasks again."""
        self._orders.give("resume", self._chosen(WorkerActivity.PAUSED))

    def drain_selected(self) -> None:
        """Let the selected workers finish what they run, and end."""
        self._orders.give("drain", self._chosen())

    def set_log_level(self, level: str) -> None:
        """Change the log level of the selected workers, to "DEBUG" and so on."""
        self._orders.give("log_level", self._chosen(), level)

    def pause_all(self) -> None:
        """Let all workers that take orders take no more tasks for now."""
        self._orders.give("pause", ())

    def resume_all(self) -> None:
        """Let all workers that take orders take tasks again."""
        self._orders.give("resume", ())

    def _chosen(self, *works: WorkerActivity) -> list[str]:
        """Return the selected workers that take orders, and do one of these things."""
        now = self.now
        return [
            row.id
            for row in self.table.selected_rows()
            if row.control
            and row.health(now) in PRESENT
            and (row.activity in works if works else row.activity is not WorkerActivity.DRAINING)
        ]


def with_short_names(series: Mapping[str, Reservoir]) -> dict[str, Reservoir]:
    """Return series under short names, except where two workers share one."""
    short = Counter(worker_name(name) for name in series)
    return {
        worker_name(name) if short[worker_name(name)] == 1 else name: each
        for name, each in series.items()
    }
