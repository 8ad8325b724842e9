"""Copy notice: a short message whenever something is copied in a window.

It follows the clipboard and not the buttons, so that copying from a text or label, with a key or
from a menu of Qt, gives the same sign.
"""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

_MAX_PREVIEW: Final = 60


class CopyNotice(QObject):
    """Shows what was copied while its window, or a dialog of it, is the active one."""

    def __init__(self, window: QWidget, show: Callable[[str], None]) -> None:
        """Follow the clipboard.

        Args:
            window: the main window.
            show: shows a short message.
        """
        super().__init__(window)
        self._window = window
        self._show = show
        QGuiApplication.clipboard().dataChanged.connect(self._copied)

    def _copied(self) -> None:
        # Another program cannot copy while a window of this one is active.
        if not self._window.isActiveWindow() and not any(
            child.isActiveWindow()
            for child in self._window.findChildren(QWidget)
            if child.isWindow()
        ):
            return
        text = QGuiApplication.clipboard().text()
        if text:
            self._show(copied_text(text))


def copied_text(text: str) -> str:
    """Return a message such as "Copied: 4f1c" or "Copied 12 lines"."""
    lines = text.rstrip("\n").count("\n") + 1
    if lines > 1:
        message = ngettext("Copied {count} line", "Copied {count} lines", lines)
        return message.format(count=formats.count(lines))
    preview = "".join(each if each.isprintable() else " " for each in text[: _MAX_PREVIEW + 1])
    return _("Copied: {text}").format(text=formats.elided(preview.strip(), _MAX_PREVIEW))
