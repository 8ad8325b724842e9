"""The numbers of rows that a page with a table shows: all, filtered, by facet, and selected."""

from collections.abc import Callable
from typing import Any, Final

from pulse_desktop.ui.connection_phase import EmptyReason
from pulse_desktop.ui.page.filter_bar import FilterBar
from pulse_desktop.ui.page.page_filter import PageFilter, with_note
from pulse_desktop.ui.page.selection_bar import SelectionBar, sort_text
from pulse_desktop.ui.table.live_table import LiveTable

_NO_REASON: Final = None, ""


class PageCounts:
    """Shows numbers of rows in the filter bar and in the bar of the selection."""

    def __init__(
        self,
        table: LiveTable[Any],
        page_filter: PageFilter[Any],
        bar: FilterBar,
        selection_bar: SelectionBar | None,
        row_text: Callable[[int, int | None], str],
        is_stale: Callable[[], bool],
    ) -> None:
        """Show nothing yet.

        Args:
            table: the rows.
            page_filter: what they are filtered by.
            bar: its filter bar.
            selection_bar: the bar of the selection, None for none.
            row_text: returns how many rows there are, and how many of them are shown, as text;
                None for those shown while nothing is filtered.
            is_stale: returns whether rows may have changed since they were received.
        """
        self._table = table
        self._filter = page_filter
        self._bar = bar
        self._selection_bar = selection_bar
        self._row_text = row_text
        self._is_stale = is_stale
        self._reason: EmptyReason | None
        self._reason, self._as_of = _NO_REASON

    def set_data_state(self, reason: EmptyReason | None, as_of: str) -> None:
        """Set how complete and how recent the rows are.

        Args:
            reason: why there may be rows that are not shown, None if there are none.
            as_of: the time for which the rows are true, empty for that which is asked for.
        """
        before = self._reason, self._as_of
        self._reason, self._as_of = reason, as_of
        self.update_facets()
        if before != (reason, as_of):
            self.update_rows()

    def update_facets(self) -> None:
        """Show the number of rows of each facet."""
        if not self._bar.chips:
            return
        rows = self._table.rows_model.live_rows
        known = self._reason is None or rows.stop > rows.start
        if self._filter.facets.pending:
            self._bar.set_counts_stale()
        else:
            counts = self._filter.facets.counts()
            self._bar.set_counts(counts, known=known, stale=self._is_stale())

    def update_rows(self) -> None:
        """Show how many rows there are, and how many of them the filter shows."""
        model = self._table.rows_model
        text = ""  # "0 runs" would be a claim
        if self._reason is None or model.total_count:
            shown = model.shown_count if self._filter.active else None
            text = self._row_text(model.total_count, shown)
        text = with_note(with_note(text, self._filter.count_note()), self._as_of)
        self._bar.set_row_count_text(text)
        if self._table.selected_count() > 1:
            self.update_selection()

    def update_selection(self) -> None:
        """Show how many rows are selected."""
        if self._selection_bar is None:
            return
        model, selected = self._table.rows_model, self._table.selected_count()
        self._selection_bar.show_selection(selected, model.shown_count, sort_text(model))
