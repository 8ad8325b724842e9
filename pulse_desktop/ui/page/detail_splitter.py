"""The body of a page with a table: charts and table on the left, details of a row on the right."""

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

_MIN_TABLE_WIDTH: Final = 380


@dataclass(frozen=True)
class DetailWidth:
    """The width of the details.

    Attributes:
        minimum: in pixels.
        maximum: in pixels, until the operator moves the handle.
        percent: of the splitter's width.
    """

    minimum: int
    maximum: int
    percent: int


class DetailSplitter(QSplitter):
    """Keeps table and details in proportion until the operator moves the handle."""

    def __init__(self, table: QWidget, detail: QWidget, width: DetailWidth) -> None:
        """Put table and details side by side, the details hidden.

        Args:
            table: on the left.
            detail: on the right.
            width: of the details.
        """
        super().__init__(Qt.Orientation.Horizontal)
        self._detail = detail
        self._width = width
        self._moved_by_hand = False
        self.setHandleWidth(12)
        self.setChildrenCollapsible(False)
        self.addWidget(table)
        self.addWidget(detail)
        self.setStretchFactor(0, 1)
        self.setStretchFactor(1, 0)
        table.setMinimumWidth(_MIN_TABLE_WIDTH)
        detail.setMinimumWidth(width.minimum)
        detail.hide()
        self.splitterMoved.connect(self._on_moved)

    def show_detail(self) -> None:
        """Show the details if they are hidden."""
        if self._detail.isHidden():
            self._detail.show()
            self._distribute()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the proportion."""
        super().resizeEvent(event)
        self._distribute()

    def _on_moved(self, _position: int, _handle: int) -> None:
        self._moved_by_hand = True

    def _distribute(self) -> None:
        if self._moved_by_hand or self._detail.isHidden():
            return
        limits = self._width
        detail = self.width() * limits.percent // 100
        detail = max(limits.minimum, min(limits.maximum, detail))
        self.setSizes([self.width() - detail, detail])
