"""Charts of the Tasks page: runs by outcome over time, and how long each task waits and runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.task_runs import TaskRuns
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import STATE_LABELS
from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.colors import SeriesSpec
from pulse_desktop.ui.charts.run_series import RunColumns, bucket_edges
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import ChartRange
from pulse_desktop.ui.pages.tasks.task_times import TaskTimesTable
from pulse_desktop.ui.rows.positions import Positions

_ENDED: Final = _("ended runs")
_COUNTING: Final = _("counting the runs that match the filter…")
_OUTCOMES: Final = (
    RunState.FAILED,
    RunState.SOFT_FAILED,
    RunState.CANCELLED,
    RunState.RESULT_UNREADABLE,
    RunState.SUCCEEDED,
)
"""From the bottom, so that the few failures stand on the axis."""


@dataclass(frozen=True)
class FilteredRuns:
    """The runs that a filter accepts.

    Attributes:
        query: the filter.
        positions: of the runs that were found until now.
        is_complete: whether all runs were looked at.
    """

    query: str
    positions: Positions
    is_complete: bool = True


class TaskCharts:
    """The charts of a state.

    Attributes:
        columns: the times of the runs.
        outcomes: runs by outcome.
        times: table of waits and run times by task.
    """

    def __init__(self, runs: TaskRuns, label: Callable[[str], str]) -> None:
        """Create empty charts.

        Args:
            runs: the runs.
            label: returns the short name of a task.
        """
        self._runs = runs
        self.columns = RunColumns(runs.timings)
        self._drawn: tuple[object, ...] = ()
        self._drawn_query = ""
        self.outcomes = TimeChart(
            _("Runs by outcome"),
            Unit.COUNT,
            subtitle=_ENDED,
            empty_text=_("Runs are counted here as they end."),
        )
        self._set_outcomes({})
        self.times = TaskTimesTable(label)

    def reset(self) -> None:
        """Draw at the next update, whenever that was done before."""
        self._drawn = ()

    def update(
        self,
        shown: ChartRange,
        end: float,
        *,
        filtered: FilteredRuns | None = None,
        shows_all: bool = False,
    ) -> None:
        """Show the runs that ended in a range up to a time, Unix seconds.

        Until all runs were looked at for another filter, the former values stay: those of the runs
        found until then would be wrong.

        Args:
            shown: what is shown.
            end: its end.
            filtered: the runs to show, None for all.
            shows_all: whether it is the range of all that is retained; the charts say then how
                many runs ended outside of it.
        """
        query = "" if filtered is None else filtered.query
        if filtered is not None and not filtered.is_complete and query != self._drawn_query:
            self.outcomes.set_subtitle(_COUNTING)
            self.times.set_subtitle(_COUNTING)
            self._drawn = ()
            return
        runs = self.columns.version, self.columns.ahead_of(end)
        drawn: tuple[object, ...] = *runs, shown, end // (shown.bucket_s / 4)
        if filtered is not None:
            drawn = *drawn, filtered.query, filtered.positions.size
        if drawn != self._drawn:
            self._draw(shown, end, filtered, shows_all=shows_all)
            self._drawn, self._drawn_query = drawn, query

    def _draw(
        self,
        shown: ChartRange,
        end: float,
        filtered: FilteredRuns | None,
        *,
        shows_all: bool,
    ) -> None:
        columns = self.columns
        if filtered is not None:
            retained = filtered.positions >= self._runs.rows.start
            columns = columns.selected(filtered.positions[retained])
        width = shown.bucket_s
        start = end - shown.seconds
        edges = bucket_edges(start, end, width)
        counts = columns.counted(edges, _OUTCOMES)
        subtitle = _ENDED if filtered is None else _("ended runs that match the filter")
        if shows_all and (outside := columns.outside(edges, _OUTCOMES)):
            rest = _("{count} at other times are not shown").format(count=formats.count(outside))
            subtitle = f"{subtitle} · {rest}"
        self.outcomes.set_subtitle(subtitle)
        self._set_outcomes({state: bool(values.any()) for state, values in counts.items()})
        times = (edges[:-1] + edges[1:]) / 2
        known = self.columns.first_end(_OUTCOMES)
        blank = times + width / 2 < known if np.isfinite(known) else np.ones(times.shape, bool)
        values = {
            STATE_LABELS[state][0]: np.where(blank, np.nan, each) for state, each in counts.items()
        }
        self.outcomes.set_data(times, values, (start, end))
        self.times.show_tasks(columns.task_times(start, end))

    def _set_outcomes(self, occurring: dict[RunState, bool]) -> None:
        usual: Sequence[RunState] = (RunState.FAILED, RunState.SUCCEEDED)
        states = [state for state in _OUTCOMES if occurring.get(state) or state in usual]
        self.outcomes.set_series([_spec(state) for state in states])


def _spec(state: RunState) -> SeriesSpec:
    label, glyph, color = STATE_LABELS[state]
    return SeriesSpec(label, color.value, stacked=True, key=state.value, glyph=glyph)
