"""The monitoring page: health and activity of the workers, and the task queue."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, pairwise
from typing import Final, Self

import numpy as np
from PySide6.QtWidgets import QWidget

from pulse_desktop.fields.worker_fields import health_name, worker_fields
from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.serialize import WORKER_CELLS, listed_worker_to_dict
from pulse_desktop.state.series import Reservoir
from pulse_desktop.state.worker import Worker, WorkerActivity
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.text.worker_text import (
    ACTIVITY_LABELS,
    ACTIVITY_MEANINGS,
    HEALTH_LABELS,
    HEALTH_MEANINGS,
    clock_offset,
)
from pulse_desktop.ui.charts.colors import percentile_specs
from pulse_desktop.ui.charts.resampling import FloatArray, busiest_series, quantile_series
from pulse_desktop.ui.charts.run_series import RunColumns
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.connection_phase import stale_text
from pulse_desktop.ui.navigation import FilterRuns, ShowItem, Target
from pulse_desktop.ui.page.actions import PageAction
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.page_charts import CHART_S
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.workers import actions
from pulse_desktop.ui.pages.workers.columns import (
    CANCEL_ONLY,
    NO_CONTROL,
    ONLINE,
    activity_of,
    integer,
    percent,
    slots_text,
    task_names,
    worker_columns,
)
from pulse_desktop.ui.pages.workers.detail_buttons import WorkerDetailButtons
from pulse_desktop.ui.pages.workers.queue_stats import QueueStats
from pulse_desktop.ui.pages.workers.worker_commands import WorkerCommandActions
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.export import ExportFormat, record_format
from pulse_desktop.ui.throttle import CHART_SHARE, Throttle
from pulse_desktop.ui.widgets.property_list import Property

_CAN_BE_PAUSED: Final = frozenset(
    {WorkerActivity.IDLE, WorkerActivity.BUSY, WorkerActivity.UNKNOWN}
)
_CAN_BE_RESUMED: Final = frozenset({WorkerActivity.PAUSED})
_NOT_DRAINING: Final = _CAN_BE_PAUSED | _CAN_BE_RESUMED


_QUANTILES: Final = ("p50", "p95", "p99")


class MonitoringPage(TablePage[Worker, RowDetail]):
    """The page of workers: statistics of the queue, charts of busy slots and CPU, and the table."""

    key = "monitoring"
    title = _("Monitoring")
    icon = "monitoring"
    section = _("LIVE")
    has_times = False
    even_charts = True
    series_field = "worker"
    filter_hint = _("Filter by name, host or task")
    default_sort = "worker"
    empty_title = _("No workers yet")
    empty_text = _(
        "Workers appear here with their first heartbeat, a few seconds after they start. Workers "
        "without the Pulse middleware send none; their tasks are still shown under Tasks."
    )
    row_menu = actions.ROW_MENU
    facet_field = "health"
    facets = tuple(Facet(health.value, *label) for health, label in HEALTH_LABELS.items())

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._commands = WorkerCommandActions(context)
        self.buttons = WorkerDetailButtons(self.detail, context.actions)

    def navigate(self, target: Target) -> None:
        """Open the details of the worker that `target` names; the base class handles the rest."""
        workers = self.context.state.workers
        position = workers.position(target.id) if isinstance(target, ShowItem) else None
        if position is None:
            super().navigate(target)
            return
        self.open_row(position)

    def collection(self) -> Collection[Worker]:
        """Return the workers."""
        return self.context.state.workers

    def columns(self) -> Sequence[Column[Worker]]:
        """Return the columns of the table."""
        state = self.context.state
        return worker_columns(lambda: self.now, state.workers.names.label, state.runs.names.label)

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the worker"), _("Event of the worker"))

    def export_format(self) -> ExportFormat[Worker]:
        """Return how workers are exported: with exact values, as on the command line."""
        record = partial(listed_worker_to_dict, now=self.now, answered=None)
        return record_format(WORKER_CELLS, record)

    def count_text(self, count: int) -> str:
        """Return a number of workers as text."""
        return ngettext("{count} worker", "{count} workers", count).format(
            count=formats.count(count)
        )

    def make_fields(self) -> FieldSet[Worker]:
        """Return the query fields of the rows."""
        return worker_fields()

    def facet_query(self, checked: frozenset[str]) -> str:
        """Return a query for the workers of some health."""
        return super().facet_query(frozenset(health_name(health) for health in checked))

    def facet_of(self, row: Worker) -> str:
        """Return the health of a worker."""
        return row.health(self.now).value

    def make_summary(self) -> QWidget:
        """Create the statistics of the queue."""
        self.queue_stats = QueueStats()
        self.queue_stats.card_clicked.connect(self._show_runs)
        return self.queue_stats

    def make_charts(self) -> Sequence[QWidget]:
        """Create the charts of busy slots, CPU and run times."""
        self._busy = TimeChart(
            _("Busy slots"),
            Unit.COUNT,
            subtitle=_("per worker, averaged between heartbeats"),
            empty_text=_("Busy slots reported in heartbeats appear here."),
        )
        self._cpu = TimeChart(
            _("CPU"),
            Unit.PERCENT,
            subtitle=_("of one core"),
            empty_text=_("CPU usage reported in heartbeats appears here."),
        )
        self._columns = RunColumns(self.context.state.runs.timings)
        self._time_throttle = Throttle(CHART_S, share=CHART_SHARE)
        self._percentiles: tuple[FloatArray, dict[str, FloatArray]] = (
            np.zeros(0),
            {name: np.zeros(0) for name in _QUANTILES},
        )
        self.run_times = TimeChart(
            _("Run time"),
            Unit.SECONDS,
            subtitle=_("all tasks"),
            empty_text=_("Run times of ended runs appear here."),
        )
        self.run_times.set_series(percentile_specs(*_QUANTILES))
        return self._busy, self._cpu, self.run_times

    def update_charts(self, now: float) -> None:
        """Update the charts at the present time, Unix seconds."""
        workers = self.context.state.workers
        bounds = self.time_range.bounds(now)
        for chart, series, quantile in (
            (self._busy, workers.busy, 1.0),
            (self._cpu, workers.cpu, 0.5),
        ):
            shown = by_label(busiest_series(series, bounds[0]), workers.names.label)
            chart.set_series(self.context.colors.specs(shown))
            times, values = quantile_series(shown, now, self.time_range, quantile)
            chart.set_data(times, values, bounds)
        self.run_times.set_data(*self._percentiles, bounds)  # its axis moves on with the others

    def update_costly_charts(self, wall: float, end: float) -> None:
        """Update the run times if runs have changed: those of all runs are read."""
        version = self._columns.version, self._columns.ahead_of(end)
        self._time_throttle.run(wall, lambda: self._update_run_times(end), version, self.time_range)

    def _update_run_times(self, end: float) -> None:
        bounds = self.time_range.bounds(end)
        times, found = self._columns.quantile_series(*bounds, self.time_range.bucket_s)
        self._percentiles = times, dict(zip(_QUANTILES, found.values(), strict=True))
        self.run_times.set_data(*self._percentiles, bounds)

    def reset_charts(self) -> None:
        """Update the charts at the next opportunity; see `TablePage`."""
        super().reset_charts()
        self._time_throttle.reset()

    def update_summary(self, now: float, stale: str) -> None:
        """Update the statistics; see `TablePage`."""
        online = self.context.state.workers.online(now)
        recording = self.context.is_recording
        queue = self.context.tasks.queue_status
        self.queue_stats.update_cards(online, queue, now, is_recording=recording)
        polled = stale_text(self.context.connection, polled=True) or self.not_past_text()
        for key, card in self.queue_stats.cards.items():
            card.set_stale(stale if key == "slots" else polled)

    def show_row(self, row: Worker) -> None:
        """Show a worker in the detail panel."""
        detail, now = self.detail, self.now
        health, activity = row.health(now), activity_of(row, now)
        online = health in ONLINE
        label, glyph, color = HEALTH_LABELS[health]
        activity_label, _glyph, activity_color = ACTIVITY_LABELS[activity]
        detail.set_heading(self.context.state.workers.names.label(row.id), row.id, glyph, color)
        detail.set_body("")
        detail.set_run(row.task_ids[0] if row.task_ids else "")
        self.buttons.show_worker(row, online=online)
        explained = _("{label} · {meaning}")
        health_text = explained.format(label=label, meaning=HEALTH_MEANINGS[health])
        activity_text = explained.format(label=activity_label, meaning=ACTIVITY_MEANINGS[activity])
        accepts = _("Accepts commands") if row.accepts_worker_commands else CANCEL_ONLY
        control = accepts if row.control else NO_CONTROL
        detail.properties.set_properties(
            [
                Property(_("Health"), health_text, color),
                Property(_("Activity"), activity_text if activity_label else "", activity_color),
                Property(_("Control"), control if online else ""),
                Property(_("Log level"), row.log_level.lower()),
                Property(_("Host"), row.host),
                Property(_("PID"), integer(row.pid), mono=True),
                Property(_("Busy slots"), slots_text(row, now)),
                Property(
                    _("Running") if online else _("Was running"),
                    task_names(row.tasks, self.context.state.runs.names.label),
                ),
                Property(_("CPU"), percent(row.cpu_percent if online else None)),
                Property(_("Memory"), formats.size(row.rss_bytes if online else None)),
                Property(_("Started"), formats.absolute(row.up_since)),
                Property(_("Last heartbeat"), formats.absolute(row.last_seen)),
                *([Property(_("Clock"), clock_offset(row))] if row.clock_is_off else []),
                Property(_("Broker"), row.broker),
                Property(_("Version"), row.version),
            ]
        )
        detail.json.set_bytes(row.raw)

    def _show_runs(self, card: str) -> None:
        """Show the runs that a card counts."""
        state = RunState.RUNNING if card == "in_progress" else RunState.QUEUED
        self.context.navigate(FilterRuns((state,)))

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions on workers."""
        return (
            PageAction(actions.PAUSE, cls.pause_selected, cls.can_pause),
            PageAction(actions.RESUME, cls.resume_selected, cls.can_resume),
            PageAction(actions.DRAIN, cls.drain_selected, cls.can_command),
            *(
                PageAction(action, partial(cls.set_log_level, level=level), cls.can_command)
                for level, action in actions.SET_LOG_LEVEL.items()
            ),
            PageAction(actions.PAUSE_ALL, cls.pause_all, cls.any_accepts_commands),
            PageAction(actions.RESUME_ALL, cls.resume_all, cls.any_accepts_commands),
        )

    # Actions

    def can_command(self) -> bool:
        """Return whether any selected worker accepts commands and is not draining."""
        return bool(self._commandable(self.table.selected_rows()))

    def can_pause(self) -> bool:
        """Return whether any selected worker can be paused."""
        return bool(self._commandable(self.table.selected_rows(), _CAN_BE_PAUSED))

    def can_resume(self) -> bool:
        """Return whether any selected worker can be resumed."""
        return bool(self._commandable(self.table.selected_rows(), _CAN_BE_RESUMED))

    def any_accepts_commands(self) -> bool:
        """Return whether any worker accepts commands."""
        return bool(self.context.state.workers.accepting_commands(self.now))

    def pause_selected(self) -> None:
        """Pause the selected workers: they take no new tasks until resumed."""
        self._commands.send("pause", self._commandable(self.rows_to_act_on(), _CAN_BE_PAUSED))

    def resume_selected(self) -> None:
        """Resume the selected workers."""
        self._commands.send("resume", self._commandable(self.rows_to_act_on(), _CAN_BE_RESUMED))

    def drain_selected(self) -> None:
        """Drain the selected workers: they finish their running tasks and exit."""
        self._commands.send("drain", self._commandable(self.rows_to_act_on()))

    def set_log_level(self, level: str) -> None:
        """Set the log level of the selected workers: DEBUG, INFO, WARNING or ERROR."""
        self._commands.send("log_level", self._commandable(self.rows_to_act_on()), level)

    def pause_all(self) -> None:
        """Pause all workers that accept commands."""
        self._commands.send_to_all("pause")

    def resume_all(self) -> None:
        """Resume all workers that accept commands."""
        self._commands.send_to_all("resume")

    def _commandable(
        self, rows: Sequence[Worker], activities: frozenset[WorkerActivity] = _NOT_DRAINING
    ) -> list[str]:
        """Return the ids of those workers that are online and accept commands about themselves.

        Args:
            rows: the workers.
            activities: only workers with one of these activities.
        """
        return [
            row.id
            for row in rows
            if row.accepts_worker_commands
            and row.health(self.now) in ONLINE
            and row.activity in activities
        ]


def by_label(series: Mapping[str, Reservoir], label: Callable[[str], str]) -> dict[str, Reservoir]:
    """Return series by the short names of workers; a worker and its successors are one series.

    Workers of one name that ran at the same time have their identities instead.

    Args:
        series: samples by identity of a worker.
        label: returns the short name of a worker.
    """
    named: dict[str, list[str]] = {}
    for worker, values in series.items():
        if values.samples:
            named.setdefault(label(worker), []).append(worker)
    found: dict[str, Reservoir] = {}
    for name, workers in named.items():
        each = sorted((series[worker] for worker in workers), key=lambda one: one.samples[0][0])
        if all(a.samples[-1][0] <= b.samples[0][0] for a, b in pairwise(each)):
            found[name] = Reservoir(sum(len(one.samples) for one in each))
            found[name].samples.extend(chain.from_iterable(one.samples for one in each))
        else:
            found |= {worker: series[worker] for worker in workers}
    return found
