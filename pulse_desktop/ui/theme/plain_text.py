"""Text that widgets show literally, whatever it contains.

Names, errors and results come from other systems. Qt takes a label or tooltip for HTML when it
resembles it, which loads local images, and an ampersand in a button or menu for a shortcut. All
labels, tooltips, and captions of buttons and menus with such text are made here. Control characters
are shown escaped, because what is shown can also be selected and copied.
"""

from html import escape
from typing import Final
from weakref import WeakKeyDictionary

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAction, QStaticText
from PySide6.QtWidgets import QLabel, QListWidgetItem, QPlainTextEdit, QToolTip, QWidget

from pulse_desktop.text.printable import printable, printable_cell

MAX_TOOLTIP: Final = 2_000

_changed_by_qt: Final[WeakKeyDictionary[QPlainTextEdit, tuple[str, str]]] = WeakKeyDictionary()
"""Texts that were set and are returned with other characters, by widget, and as returned."""


class Label(QLabel):
    """A label for plain text."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Change the text."""
        super().setText(printable(text))

    def set_breakable_text(self, text: str) -> None:
        """Change the text to one that is printable, and has U+200B where it may be wrapped."""
        super().setText("\u200b".join(map(printable, text.split("\u200b"))))


def set_plain_text(widget: QPlainTextEdit, text: str) -> None:
    """Change the text of a widget unless it is the same: a new text scrolls to its start.

    Qt returns a non-breaking space as a space, and each separator of lines or paragraphs as a line
    break, so the text of the widget alone does not tell.
    """
    shown, current = printable(text), widget.toPlainText()
    if current == shown or _changed_by_qt.get(widget) == (shown, current):
        return
    widget.setPlainText(shown)
    _changed_by_qt[widget] = shown, widget.toPlainText()


def extend_plain_text(widget: QPlainTextEdit, text: str) -> None:
    """Change the text of a widget; lines added at its end keep selection and scroll position."""
    shown, current = printable(text), widget.toPlainText()
    before, changed = _changed_by_qt.get(widget, ("", ""))
    if changed != current:
        before = current
    if before and shown.startswith(f"{before}\n"):
        widget.appendPlainText(shown[len(before) + 1 :])
        _changed_by_qt[widget] = shown, widget.toPlainText()
    else:
        set_plain_text(widget, text)


def set_tooltip(target: QWidget | QAction | QListWidgetItem, text: str) -> None:
    """Set the tooltip of a widget, an action or an item of a list."""
    target.setToolTip(tooltip_markup(text))


def show_tooltip(position: QPoint, text: str, widget: QWidget, area: QRect) -> None:
    """Show a tooltip until the pointer leaves an area of a widget; hide it if there is no text."""
    QToolTip.showText(position, tooltip_markup(text), widget, area)


def is_tooltip_shown(text: str) -> bool:
    """Return whether a tooltip with a text is on the screen."""
    return QToolTip.isVisible() and QToolTip.text() == tooltip_markup(text)


def tooltip_markup(text: str) -> str:
    """Return the HTML of a tooltip that shows a text literally, elided after 2,000 characters.

    Tooltips have no format for plain text, and only HTML is wrapped.
    """
    text = printable(text).strip("\n")
    if not text.strip():
        return ""
    shown = text if len(text) <= MAX_TOOLTIP else f"{text[:MAX_TOOLTIP]}…"
    return f"<p style='white-space: pre-wrap'>{escape(shown)}</p>"


def without_mnemonic(text: str) -> str:
    """Return a text for a button or menu entry, which shows its ampersands as they are."""
    return printable_cell(text).replace("&", "&&")


def static_text(text: str) -> QStaticText:
    """Return a laid out plain text for painting."""
    layout = QStaticText(text)
    layout.setTextFormat(Qt.TextFormat.PlainText)
    return layout
