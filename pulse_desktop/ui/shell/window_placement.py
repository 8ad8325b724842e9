"""Where main windows are on the screen, and in front of others."""

from typing import Final

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

_OFFSET: Final = QPoint(40, 40)


def place_beside(window: QWidget, other: QWidget) -> None:
    """Give a new window the size of another one, a little beside it."""
    window.resize(other.size())
    window.move(other.pos() + _OFFSET)


def bring_to_front(window: QWidget) -> None:
    """Show a window in front of the others."""
    window.show()
    window.raise_()
    window.activateWindow()
