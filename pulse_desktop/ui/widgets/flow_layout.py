"""A row of widgets that wraps to further lines when it is too narrow."""

from typing import Final

from PySide6.QtCore import QEvent, QRect, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

_GAP: Final = 8


class FlowLayout(QWidget):
    """Places its children from left to right, line by line, each at its preferred size."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[QWidget] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, item: QWidget, before: QWidget | None = None) -> None:
        """Insert a widget before another one, or append it."""
        item.setParent(self)
        item.show()
        index = len(self._items) if before is None else self._items.index(before)
        self._items.insert(index, item)
        self.arrange()

    def arrange(self) -> None:
        """Place the children again, after one of them changed its size."""
        height = self._place(self.width(), move=True)
        if height != self.minimumHeight():
            self.setFixedHeight(height)

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines at a width."""
        return self._place(width, move=False)

    def sizeHint(self) -> QSize:
        """Return the size of all visible children in one line."""
        visible = (item for item in self._items if not item.isHidden())
        width = sum(item.sizeHint().width() + _GAP for item in visible) - _GAP
        return QSize(max(width, 0), self._place(max(self.width(), 1), move=False))

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(80, 0)

    def event(self, event: QEvent) -> bool:
        """Place the children again when one of them says that its size has changed.

        Qt tells that to a visible parent alone, so it may have happened before this is shown.
        """
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Show):
            self.arrange()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the children for the new width."""
        super().resizeEvent(event)
        self.arrange()

    def _place(self, width: int, *, move: bool) -> int:
        left = top = line_height = 0
        for item in self._items:
            if item.isHidden():
                continue
            size = item.sizeHint()
            if left and left + size.width() > width:
                left, top, line_height = 0, top + line_height + _GAP, 0
            if move:
                item.setGeometry(QRect(left, top, size.width(), size.height()))
            left += size.width() + _GAP
            line_height = max(line_height, size.height())
        return top + line_height
