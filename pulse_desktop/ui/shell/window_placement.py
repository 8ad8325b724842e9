"""Where main windows are on the screen, and in front of others."""

from typing import Final

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtWidgets import QWidget

_OFFSET: Final = QPoint(40, 40)
_TITLE_BAR: Final = QSize(0, 48)
"""Space for the title bar that the desktop adds to a window."""


def place_beside(window: QWidget, other: QWidget) -> None:
    """Give a new window the size of another one, a little beside it."""
    window.resize(other.size())
    window.move(other.pos() + _OFFSET)


def bring_to_front(window: QWidget) -> None:
    """Show a window in front of the others."""
    window.show()
    window.raise_()
    window.activateWindow()


def fit_to_screen(window: QWidget, available: QRect, *, restored: bool) -> None:
    """Shrink a window to what fits on a screen, and move it onto that.

    Args:
        window: the window.
        available: the part of the screen that windows may cover.
        restored: whether the size is a saved one; it may be that of a larger screen.
    """
    size = window.size()
    fits = size.boundedTo(available.size()) == size
    if window.isMaximized():
        return
    if not (restored and fits):
        room = available.size() - _TITLE_BAR
        window.resize(size.boundedTo(room).expandedTo(window.minimumSize()))
    if not fits:
        window.move(available.topLeft())
    elif restored:
        room = available.size() - _TITLE_BAR - size
        left = min(window.x(), available.left() + room.width())
        top = min(window.y(), available.top() + room.height())
        window.move(max(left, available.left()), max(top, available.top()))
