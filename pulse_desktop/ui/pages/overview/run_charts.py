"""Charts of runs on the overview: how many end, how long they wait, how long they run."""

import math
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QSizePolicy,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.task_runs import TaskRuns
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.chart_header import align_headers
from pulse_desktop.ui.charts.colors import SeriesSpec, percentile_specs
from pulse_desktop.ui.charts.resampling import rate_series
from pulse_desktop.ui.charts.run_series import RunColumns
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import ChartRange
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip

SUCCEEDED: Final = SeriesSpec(_("succeeded"), "good", fill=True, key="succeeded", glyph="✔")
FAILED: Final = SeriesSpec(_("failed"), "bad", fill=True, dash=1, key="failed", glyph="✖")
_QUANTILES: Final = {"p50": 0.5, "p95": 0.95}
_ENDED: Final = (RunState.SUCCEEDED, RunState.FAILED, RunState.SOFT_FAILED)
_MAX_TASKS: Final = 50
_GAP: Final = 6
_THROUGHPUT, _TIMES = range(2)


class RunCharts(QWidget):
    """Throughput, and below it p50 and p95 of wait and run time, of one task or of all.

    On a short page there is room for one of the two rows; tabs switch between them.

    Attributes:
        throughput: chart of ended runs per second.
        waits: chart of the time from enqueuing to start.
        durations: chart of the run time.
        tasks: which task they are about.
        tabs: which row is shown on a short page.

    Signals:
        outdated: another task, or another row, is shown and has no data yet.
    """

    outdated = Signal()

    def __init__(self, runs: TaskRuns) -> None:
        """Create empty charts.

        Args:
            runs: the runs.
        """
        super().__init__()
        self._runs = runs
        self._columns = RunColumns(runs.timings)
        self._is_short = False
        self.throughput = TimeChart(
            _("Task throughput"),
            Unit.PER_SECOND,
            subtitle=_("runs per second"),
            empty_text=_("Runs appear here as they end."),
        )
        self.throughput.set_series([SUCCEEDED, FAILED])
        self.waits = TimeChart(
            _("Wait"), Unit.SECONDS, empty_text=_("The wait of runs appears here as they end.")
        )
        self.durations = TimeChart(
            _("Run time"), Unit.SECONDS, empty_text=_("Run times appear here as runs end.")
        )
        for chart in (self.waits, self.durations):
            chart.set_series(percentile_specs(*_QUANTILES))
        align_headers(self.waits.header, self.durations.header)
        set_tooltip(self.waits, _("From enqueuing to start, of the runs that ended"))
        set_tooltip(self.durations, _("From start to end, of the runs that ended"))
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(_("Charts of runs"))
        for title in (_("Throughput"), _("Wait and run time")):
            self.tabs.addTab(title)
        self._title = Label(_("Runs over time"))
        self._title.setProperty("role", "title")
        self.tasks = _TaskChoice()
        self._lay_out()
        self.tabs.currentChanged.connect(self._show_rows)
        self.tasks.chosen.connect(self.outdated)

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setSpacing(_GAP)
        header.addWidget(self._title)
        header.addWidget(self.tabs)
        header.addStretch(1)
        header.addWidget(self.tasks)
        self._times = QWidget()
        times = QHBoxLayout(self._times)
        times.setContentsMargins(0, 0, 0, 0)
        times.setSpacing(3 * _GAP)
        times.addWidget(self.waits, 1)
        times.addWidget(self.durations, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_GAP)
        layout.addLayout(header)
        layout.addWidget(self.throughput, 1)
        layout.addWidget(self._times, 1)
        self._show_rows()

    @property
    def charts(self) -> tuple[TimeChart, ...]:
        """The charts."""
        return self.throughput, self.waits, self.durations

    @property
    def task(self) -> str | None:
        """Name of the task that the charts are about, None for all."""
        return self.tasks.task

    def set_short(self, *, is_short: bool) -> None:
        """Show one row of charts, or both."""
        if is_short != self._is_short:
            self._is_short = is_short
            self._show_rows()

    def _show_rows(self) -> None:
        shown = self.tabs.currentIndex() if self._is_short else None
        self.tabs.setVisible(self._is_short)
        self._title.setVisible(not self._is_short)
        self.throughput.setVisible(shown != _TIMES)
        self._times.setVisible(shown != _THROUGHPUT)
        self.outdated.emit()

    def update_throughput(self, now: float, shown: ChartRange) -> None:
        """Show how many runs ended in a range up to a time, Unix seconds, and of which tasks."""
        start, end = shown.bounds(now)
        names = self._columns.busiest_tasks(start, end, _MAX_TASKS)
        self.tasks.offer({name: self._runs.names.label(name) for name in names})
        if not self.throughput.isHidden():
            self._draw_throughput(now, shown)

    def update_times(self, now: float, shown: ChartRange) -> None:
        """Show how long the runs that ended in a range up to a time have waited and run."""
        if self._times.isHidden():
            return
        start, end = shown.bounds(now)
        for chart, waits in ((self.waits, True), (self.durations, False)):
            times, found = self._columns.quantile_series(
                start,
                end,
                shown.bucket_s,
                self.task,
                waits=waits,
                quantiles=tuple(_QUANTILES.values()),
            )
            values = {name: found[quantile] for name, quantile in _QUANTILES.items()}
            chart.set_data(times, values, (start, end))

    def _draw_throughput(self, now: float, shown: ChartRange) -> None:
        failures = (RunState.FAILED, RunState.SOFT_FAILED)
        ended = {
            SUCCEEDED.name: self._columns.ended((RunState.SUCCEEDED,), self.task),
            FAILED.name: self._columns.ended(failures, self.task),
        }
        since = self._history_start(now, shown)
        times, values = rate_series(ended, now, shown, per_s=1.0, history_start=since)
        self.throughput.set_data(times, values, shown.bounds(now))

    def _history_start(self, now: float, shown: ChartRange) -> float:
        """Return the start of what is known, Unix seconds: one bucket before the first run."""
        rows = self._runs.rows
        if not rows:
            return now
        oldest = rows[rows.start]
        seen = oldest.began_at
        # Results of earlier runs are read after the history of later ones.
        first = self._columns.first_end(_ENDED)
        return min(seen, first if math.isfinite(first) else seen, now) - shown.bucket_s


class _TaskChoice(QComboBox):
    """Chooses one task, or all; offers those that ran.

    Signals:
        chosen: another one was chosen.
    """

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._offered: dict[str, str] = {}
        self.setAccessibleName(_("Task of the charts"))
        set_tooltip(self, _("Show the runs of one task"))
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(16)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.addItem(_("All tasks"), None)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.view().installEventFilter(self)
        self.currentIndexChanged.connect(self.chosen)

    @property
    def task(self) -> str | None:
        """Name of the chosen task, None for all."""
        name: str | None = self.currentData()
        return name

    def offer(self, labels: dict[str, str]) -> None:
        """Offer tasks, by name with their label; not while the list is open."""
        chosen = self.task
        if chosen is not None and chosen not in labels:
            labels = {**labels, chosen: self.currentText()}
        if labels == self._offered or self.view().isVisible():
            return
        self._offered = labels
        self.blockSignals(True)
        while self.count() > 1:
            self.removeItem(1)
        for name in sorted(labels, key=lambda name: labels[name].casefold()):
            self.addItem(printable_cell(labels[name]), name)
            self.setItemData(self.count() - 1, name, Qt.ItemDataRole.AccessibleDescriptionRole)
        self.setCurrentIndex(0 if chosen is None else self.findData(chosen))
        self.blockSignals(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Make the list as wide as its names, within reason."""
        if event.type() == QEvent.Type.Show:
            self.view().setMinimumWidth(min(420, self.view().sizeHintForColumn(0) + 24))
        return super().eventFilter(watched, event)
