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

    def __init__(self, width: DetailWidth, parent: QWidget) -> None:
        """Create it empty.

        Args:
            width: of the details.
            parent: the page.
        """
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._detail: QWidget | None = None
        self._width = width
        self._moved_by_hand = False
        self.setHandleWidth(12)
        self.setChildrenCollapsible(False)
        self.splitterMoved.connect(self._on_moved)

    def fill(self, table: QWidget, detail: QWidget) -> None:
        """Put table and details side by side, the details hidden.

        Args:
            table: on the left.
            detail: on the right.
        """
        self._detail = detail
        self.addWidget(table)
        self.addWidget(detail)
        self.setStretchFactor(0, 1)
        self.setStretchFactor(1, 0)
        table.setMinimumWidth(_MIN_TABLE_WIDTH)
        detail.setMinimumWidth(self._width.minimum)
        detail.hide()

    def show_detail(self) -> None:
        """Show the details if they are hidden."""
        if self._detail is not None and self._detail.isHidden():
            self._detail.show()
            self._distribute()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the proportion."""
        super().resizeEvent(event)
        self._distribute()

    def _on_moved(self, _position: int, _handle: int) -> None:
        self._moved_by_hand = True

    def _distribute(self) -> None:
        if self._moved_by_hand or self._detail is None or self._detail.isHidden():
            return
        limits = self._width
        detail = self.width() * limits.percent // 100
        detail = max(limits.minimum, min(limits.maximum, detail))
        self.setSizes([self.width() - detail, detail])
