"""The filter for the rows of one bar of a chart, which leaves together with its time range."""

from typing import Any

from PySide6.QtCore import QObject

from pulse_desktop.model.time_range import fixed
from pulse_desktop.query.query_edit import joined
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.page_filter import PageFilter
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.time.window_time import WindowTime


class BarFilter(QObject):
    """Shows the rows of one bar; with another time range the operator's filter applies again.

    What was edited since is the operator's own, and stays.
    """

    def __init__(self, page_filter: PageFilter[Any], time: WindowTime, parent: QObject) -> None:
        """Show no bar.

        Args:
            page_filter: the filter of the page.
            time: the time range of the window.
            parent: owner of the object.
        """
        super().__init__(parent)
        self._filter, self._time = page_filter, time
        self._shown: FilterState | None = None
        self._text = ""  # of the query without the bar
        time.changed.connect(self._follow_range)

    def show(self, key: str, query: str, start: float, end: float) -> None:
        """Show the rows of a bar among those that match the query, and its time in the charts.

        Args:
            key: of the facet that its series stands for.
            query: which tells its rows from others in its time, empty if all of them are.
            start: Unix seconds.
            end: Unix seconds.
        """
        if not self._is_shown():
            self._text = self._filter.query.text
        text = joined(self._text, query) if query else self._text
        self._shown = FilterState(text, frozenset((key,)), fixed(start, end))
        self._filter.former.navigate(self._shown, _("One bar of the chart is shown."))

    def _is_shown(self) -> bool:
        return self._shown is not None and self._filter.state.same_rows(self._shown)

    def _follow_range(self) -> None:
        if self._shown is None or self._time.range == self._shown.time_range:
            return
        is_shown, self._shown = self._is_shown(), None
        if is_shown:
            self._filter.former.go_back(keeps_range=True)
