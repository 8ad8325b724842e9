"""Counts the rows of each facet of a page in slices, between frames."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, Generic, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from pulse_desktop.ui.page.filtered_page import FilteredPage
from pulse_desktop.ui.rows.facet_counts import FacetCounts
from pulse_desktop.ui.rows.positions import Positions
from pulse_desktop.ui.table.live_table import LiveTable

RowT = TypeVar("RowT")

_SLICE_MS: Final = 0
_RECOUNT_S: Final = 30.0
"""How often facets are counted anew only because the result of a query changes with time."""


class FacetCounter(QObject, Generic[RowT]):
    """Keeps the counts of a page's facets: of the rows that match its query and time range.

    Signals:
        counted: facets have been counted to the end.
    """

    counted = Signal()

    def __init__(
        self,
        page: FilteredPage[RowT],
        table: LiveTable[RowT],
        accepts: Callable[[], Callable[[RowT], bool] | None],
        found: Callable[[int, int], Positions | None],
        parent: QObject,
    ) -> None:
        """Count nothing before `restart`.

        Args:
            page: the page.
            table: its table, which finds its rows first.
            accepts: returns the test of query and time range, None if there are no facets to count
                or all rows pass.
            found: returns the positions in a range that are known to pass, None if not known.
            parent: owner.
        """
        super().__init__(parent)
        self._page, self._table, self._accepts = page, table, accepts
        self._counts = FacetCounts(
            page.rows,
            page.facets_of,
            columns=page.dictionary_columns,
            facet_columns=page.facet_columns,
            matches=found,
        )
        self._counted_at = 0.0
        self._is_paused = False
        self._slices = QTimer(self)
        self._slices.setObjectName("count facets")
        self._slices.setInterval(_SLICE_MS)
        self._slices.timeout.connect(self._count_next_slice)
        table.rows_model.counts_changed.connect(self._count_on)

    @property
    def pending(self) -> bool:
        """Whether rows have not been counted yet."""
        return self._counts.pending

    def counts(self) -> Mapping[str, int]:
        """Return the number of rows of each facet that match query and time range."""
        if self._counts.accepts is None:
            return self._page.facet_counts()
        return {**dict.fromkeys(self._page.facet_counts(), 0), **self._counts.counts}

    def restart(self) -> None:
        """Count anew, for example for another query."""
        self._counted_at = self._page.now
        self._counts.set_filter(self._accepts())
        if self._counts.pending:
            self._count_on()
        else:
            self._slices.stop()
            self.counted.emit()

    def update(self, dirty: Collection[int]) -> None:
        """Follow changes of rows at these positions."""
        self._counts.update(dirty)
        if self._counts.pending:
            self._count_on()

    @property
    def is_due(self) -> bool:
        """Whether it is time to count anew because the result of a query changes with time."""
        return abs(self._page.now - self._counted_at) >= _RECOUNT_S

    def move_on(self) -> None:
        """Follow a test that has changed with time alone, without counting all rows anew."""
        self._counts.move_on(self._accepts())

    def leave_behind(self) -> None:
        """Count without the rows that a live time range has moved past."""
        self._counts.leave_behind()

    def pause(self) -> None:
        """Count no further: the page is no longer visible."""
        self._is_paused = True
        self._slices.stop()

    def resume(self) -> None:
        """Allow to count again; `restart` is needed, as no changes were followed."""
        self._is_paused = False

    def _count_on(self) -> None:
        """Count what is left, but first show the rows: the table tells when it has them all."""
        if self._is_paused or self._table.rows_model.filter_pending:
            self._slices.stop()  # it would run idle
        elif self._counts.pending and not self._slices.isActive():
            self._slices.start()

    def _count_next_slice(self) -> None:
        if self._table.rows_model.filter_pending:
            self._slices.stop()
        elif not self._counts.count_next_slice():
            self._slices.stop()
            self.counted.emit()
