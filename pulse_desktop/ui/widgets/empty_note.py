"""What an empty table says: what would appear here, and how to make it appear."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from pulse_desktop.ui import formats


class EmptyNote(QWidget):
    """A headline and a sentence in the middle of an empty place. Lets the mouse through."""

    def __init__(self, headline: str, detail: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._texts = (headline, detail)
        self._headline = QLabel(headline)
        self._detail = QLabel(detail)
        self._headline.setProperty("role", "title")
        self._detail.setProperty("role", "muted")
        self._detail.setTextFormat(Qt.TextFormat.PlainText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 24, 32, 24)
        layout.setSpacing(6)
        layout.addStretch(2)
        for label in (self._headline, self._detail):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter)
            label.setWordWrap(True)
            layout.addWidget(label)
        layout.addStretch(3)

    def show_for(self, *, filtered: bool, total: int) -> None:
        """Say that nothing is there, or that nothing of what is there matches the filter."""
        headline, detail = self._texts
        if filtered:
            headline = "Nothing matches"
            detail = f"None of {formats.plural(total, 'row')} passes the filter. Esc clears it."
        self._headline.setText(headline)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
