"""Label that wraps between words and elides the middle of words wider than the line."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from pulse_desktop.text.printable import printable
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip


class WrappedLabel(Label):
    """The label. If a word is elided, the tooltip shows the full text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._text = ""
        self._details = ""

    @property
    def full_text(self) -> str:
        """The text with no word elided."""
        return self._text

    def show_text(self, text: str, details: str = "") -> None:
        """Show a text, and details in the tooltip."""
        self._text, self._details = printable(text), details
        self._fit()

    def _fit(self) -> None:
        width, metrics = self.contentsRect().width(), self.fontMetrics()
        text = self._text
        for word in {word for word in text.split() if metrics.horizontalAdvance(word) > width}:
            shown = metrics.elidedText(word, Qt.TextElideMode.ElideMiddle, width)
            text = text.replace(word, shown)
        if text != self.text():
            self.setText(text)
        full = self._text if text != self._text else ""
        set_tooltip(self, "\n".join(filter(None, (full, self._details))))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Elide for the new width."""
        super().resizeEvent(event)
        self._fit()
