"""A row that keeps its place on the screen while others arrive, move and leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtWidgets import QTableView

from pulse_desktop.ui.table.model import LiveTableModel

_NEIGHBOURS: Final = 40
"""Rows on each side, one of which takes the place when the row itself is not shown any more."""


@dataclass(frozen=True, slots=True)
class RowAnchor:
    """A row, its place, and the rows around it.

    Attributes:
        position: of the row.
        top: pixels from the top of the viewport to the row.
        neighbours: positions of the rows around it, the nearest first.
    """

    position: int
    top: int
    neighbours: tuple[int, ...]

    @staticmethod
    def of(view: QTableView, model: LiveTableModel[Any], row: int) -> "RowAnchor":
        """Return the anchor at a view row."""
        last = model.shown_count - 1
        around = [
            model.position_at(neighbour)
            for distance in range(1, _NEIGHBOURS + 1)
            for neighbour in (row + distance, row - distance)
            if 0 <= neighbour <= last
        ]
        return RowAnchor(model.position_at(row), view.rowViewportPosition(row), tuple(around))

    def moved(self, moves: Mapping[int, int]) -> "RowAnchor | None":
        """Return the anchor after other rows took the place of the present ones.

        Args:
            moves: new positions by old ones, of the rows that are still there.

        Returns:
            The anchor, at the nearest row that is still there; None if there is none.
        """
        left = [moves[at] for at in (self.position, *self.neighbours) if at in moves]
        return RowAnchor(left[0], self.top, tuple(left[1:])) if left else None

    def find(self, model: LiveTableModel[Any]) -> int | None:
        """Return the view row of the row, or of the nearest one that is still shown, or None."""
        for position in (self.position, *self.neighbours):
            row = model.view_row(position)
            if row is not None:
                return row
        last = model.shown_count - 1
        return last if last >= 0 else None
