"""A short table as one section among others: as high as its rows, without paging or filter."""

from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

from PySide6.QtCore import Qt, Signal

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.view import ROW_HEIGHT

RowT = TypeVar("RowT")

MAX_ROWS: Final = 12
"""Rows that a section is high; more scroll."""


class SectionTable(LiveTable[RowT]):
    """A table whose rows are set as a whole, in their order.

    Signals:
        row_chosen: row object that was clicked, or on which Enter was pressed.
    """

    row_chosen = Signal(object)

    def __init__(
        self, columns: Sequence[Column[RowT]], name: str, key: Callable[[RowT], Hashable]
    ) -> None:
        """Create a table without rows.

        Args:
            columns: of the table.
            name: accessible name.
            key: tells which row is which when the rows are set again.
        """
        super().__init__(RingBuffer[RowT](1), columns, name=name, empty_title="", empty_text="")
        self._shown: list[RowT] = []
        self._key = key
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.header.setSectionsClickable(False)
        self.header.setSortIndicatorShown(False)
        self.clicked.connect(lambda index: self._choose(self.rows_model.row_object(index.row())))
        self.row_activated.connect(self._choose)
        self._fit()

    def set_rows(self, rows: Sequence[RowT], now: float) -> None:
        """Show these rows, the first one on top, unless they are shown already.

        Args:
            rows: the rows.
            now: Unix seconds.
        """
        shown = list(rows)
        if shown == self._shown:
            self.refresh(now)  # how long a run takes so far
            return
        self._shown = shown
        buffer = RingBuffer[RowT](max(1, len(shown)))
        for row in reversed(shown):  # a live table has the newest row on top
            buffer.append(row)
        self._fit()  # first: rows stay in place where not all of them fit
        self.replace_rows(buffer, self._key)
        self.refresh(now)

    def rows(self) -> list[RowT]:
        """Return the rows, from the top."""
        return list(self._shown)

    def _choose(self, row: object) -> None:
        if row is not None:
            self.row_chosen.emit(row)

    def _fit(self) -> None:
        height = self.header.sizeHint().height() + 2 * self.frameWidth()
        self.setFixedHeight(height + min(MAX_ROWS, max(1, len(self._shown))) * ROW_HEIGHT)
