"""The widgets of the program, listed without a crash."""

from PySide6.QtWidgets import QApplication, QWidget

from pulse_desktop.ui import garbage_collection


def all_widgets() -> list[QWidget]:
    """Return all widgets.

    `QApplication.allWidgets` creates Python objects for copied pointers one by one. They keep their
    widgets from being collected afterwards.
    """
    with garbage_collection.paused():
        return QApplication.allWidgets()  # noqa: TID251


def open_windows() -> list[QWidget]:
    """Return the windows that are visible."""
    return [widget for widget in all_widgets() if widget.isWindow() and widget.isVisible()]
