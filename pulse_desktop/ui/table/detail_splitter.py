"""A table and, beside it, the details of one row; the operator may share out the room."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

_TABLE_LEAST: Final = 380
_DETAIL_LEAST: Final = 340
_DETAIL_MOST: Final = 560
_DETAIL_PER_CENT: Final = 38


class DetailSplitter(QSplitter):
    """Keeps table and details in proportion, until the operator moves the line between them."""

    def __init__(self, table: QWidget, detail: QWidget) -> None:
        """Put the two beside each other."""
        super().__init__(Qt.Orientation.Horizontal)
        self._detail = detail
        self._by_hand = False
        self.setHandleWidth(12)
        self.setChildrenCollapsible(False)
        self.addWidget(table)
        self.addWidget(detail)
        self.setStretchFactor(0, 1)
        self.setStretchFactor(1, 0)
        table.setMinimumWidth(_TABLE_LEAST)
        detail.setMinimumWidth(_DETAIL_LEAST)
        self.splitterMoved.connect(self._moved)

    def show_detail(self) -> None:
        """Open the details, if they are closed."""
        if self._detail.isHidden():
            self._detail.show()
            self._share()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share out the room anew."""
        super().resizeEvent(event)
        self._share()

    def _moved(self, *_: int) -> None:
        self._by_hand = True

    def _share(self) -> None:
        if self._by_hand or self._detail.isHidden():
            return
        wide = self.width()
        right = max(_DETAIL_LEAST, min(_DETAIL_MOST, wide * _DETAIL_PER_CENT // 100))
        self.setSizes([wide - right, right])
