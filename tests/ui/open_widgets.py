"""The widgets of the program, listed without a crash."""

import gc

from PySide6.QtWidgets import QApplication, QWidget


def all_widgets() -> list[QWidget]:
    """Return all widgets, after the garbage collection that could delete one of them meanwhile.

    `QApplication.allWidgets` copies pointers and creates Python objects for them one by one. If
    that triggers a collection, and a widget is part of a garbage cycle, its pointer dangles: the
    process crashes (seen with PySide 6.11 on Python 3.11).
    """
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        return QApplication.allWidgets()  # noqa: TID251
    finally:
        if was_enabled:
            gc.enable()


def open_windows() -> list[QWidget]:
    """Return the windows that are visible."""
    return [widget for widget in all_widgets() if widget.isWindow() and widget.isVisible()]
