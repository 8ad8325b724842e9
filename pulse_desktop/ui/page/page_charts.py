"""The charts of a page with a table: what they show, and when they are updated."""

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pulse_desktop.ui.charts.chart_group import ChartGroup
from pulse_desktop.ui.charts.histogram import Histogram
from pulse_desktop.ui.charts.resampling import COUNTED_S
from pulse_desktop.ui.charts.run_series import charted_since
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import ChartRange, chart_range
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.table_page_base import TablePageBase
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.throttle import CHART_SHARE, Throttle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

RowT = TypeVar("RowT")

CHART_S: Final = 1.0
"""Shortest time between two updates of the charts: the width of a pixel, or less."""


class PageCharts(Generic[RowT]):
    """The charts of a page, in the time range of the window.

    Attributes:
        widgets: the charts, from left to right.
        group: those over time.
        time_range: what they show.
    """

    def __init__(
        self, page: TablePageBase[RowT, Any], context: PageContext, table: LiveTable[RowT]
    ) -> None:
        """Create the charts of a page.

        Args:
            page: makes the charts, and updates them.
            context: of the page.
            table: whose rows the charts show.
        """
        self._page, self._context, self._table = page, context, table
        self.widgets: Sequence[QWidget] = page.make_charts()
        time_charts = [chart for chart in self.widgets if isinstance(chart, TimeChart)]
        self.group = ChartGroup(time_charts, context.time, page)
        self.group.set_clickable(clickable=True)
        self.time_range = ChartRange(600.0)
        self._throttle = Throttle(CHART_S, share=CHART_SHARE)
        self._was_pending = False
        self._row_changes, self._changed_at = 0, 0.0

    def note_changed_rows(self, wall: float) -> None:
        """Note that rows have changed, at a time in Unix seconds."""
        self._row_changes += 1
        self._changed_at = wall

    def reset(self) -> None:
        """Update the charts with the next `update`, whenever that was done before."""
        self._throttle.reset()

    @property
    def has_filter_ended(self) -> bool:
        """Whether it has become known since the latest `update` what the filter matches."""
        return self._was_pending and not self._table.rows_model.filter_pending

    def set_reason(self, title: str) -> None:
        """Say why charts may be empty although there is data; empty for no such reason."""
        for chart in self.widgets:
            if isinstance(chart, TimeChart | Histogram):
                chart.set_reason(title)

    def update(self, wall: float, *, is_shown: bool) -> None:
        """Update the charts if they are due.

        Args:
            wall: Unix seconds.
            is_shown: whether the charts are visible.
        """
        self._was_pending = self._table.rows_model.filter_pending
        if not (self.widgets and is_shown):
            return
        context = self._context
        shown_range = context.time.range
        self.group.set_marks(context.chart_marks(wall), is_live=shown_range.is_live)
        self.time_range = chart_range(shown_range, charted_since(context.state), wall)
        end, asked = shown_range.end_or(wall), (shown_range, self.time_range)
        self._throttle.run(
            wall,
            lambda: self._page.update_charts(end),
            self._charted_version(wall, end),
            (*asked, self._was_pending),
        )
        self._page.update_costly_charts(wall, end)

    def _charted_version(self, wall: float, end: float) -> tuple[object, ...]:
        """Return what the charts show up to an end: the rows, as far as they are counted by then.

        A rate is that of whole buckets: what changed last is in it when its bucket is over.
        """
        rows, model = self._page.collection().rows, self._table.rows_model
        counted = min(wall // COUNTED_S, self._changed_at // COUNTED_S + 1)
        retained = rows.start, rows.stop, self._row_changes, model.shown_count
        return *retained, counted, self._page.rows_ahead(end)
