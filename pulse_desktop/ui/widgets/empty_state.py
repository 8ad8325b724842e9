"""What stands where there is nothing to show: what would be here, and how to make it appear."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

_WIDEST = 420
_MARGIN = 24


class EmptyState(QWidget):
    """A title, a sentence, and at most one button.

    Signals:
        asked: the button was pressed.
    """

    asked = Signal()

    def __init__(
        self, title: str, sentence: str, button: str = "", parent: QWidget | None = None
    ) -> None:
        """Make an empty state.

        Args:
            title: what is not here, such as "No messages yet".
            sentence: what would make it appear.
            button: what the operator can do about it here and now, empty for nothing.
            parent: owner.
        """
        super().__init__(parent)
        self._title = QLabel()
        self._title.setProperty("role", "heading")
        self._sentence = QLabel()
        self._sentence.setProperty("role", "muted")
        self._sentence.setWordWrap(True)
        for label in (self._title, self._sentence):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._button = QPushButton()
        self._button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._button.clicked.connect(self.asked)

        self._column = layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addStretch(1)
        layout.addWidget(self._title)
        layout.addWidget(self._sentence)
        layout.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        self.say(title, sentence, button)

    def say(self, title: str, sentence: str, button: str = "") -> None:
        """Say something else, such as why a filter finds nothing."""
        self._title.setText(title)
        self._sentence.setText(sentence)
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self.setAccessibleName(title)
        self.setAccessibleDescription(sentence)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the sentence at a width that is easy to read."""
        side = max(_MARGIN, (event.size().width() - _WIDEST) // 2)
        self._column.setContentsMargins(side, _MARGIN, side, _MARGIN)
        super().resizeEvent(event)

    @property
    def title(self) -> str:
        """What is not here."""
        return self._title.text()
