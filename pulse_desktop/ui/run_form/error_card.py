"""Why something was not done, where it was asked for."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme


class ErrorCard(QFrame):
    """What failed, what happened, what to do; and a button when it can be done all the same.

    Signals:
        force_requested: do it nevertheless.
    """

    force_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("card", "warning")
        self._sign = QLabel()
        self._title, self._detail, self._advice = QLabel(), QLabel(), QLabel()
        self._title.setProperty("role", "title")
        self._detail.setProperty("role", "muted")
        self.force_button = QPushButton("Enqueue anyway")
        self.force_button.clicked.connect(self.force_requested)
        words = QVBoxLayout()
        words.setSpacing(3)
        for label in (self._title, self._detail, self._advice):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(label)
        words.addSpacing(3)
        words.addWidget(self.force_button, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(9)
        layout.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        theme().changed.connect(self._tint)
        self._tint()
        self.hide()

    @property
    def words(self) -> str:
        """All that is said."""
        labels = (self._title, self._detail, self._advice)
        return "\n".join(label.text() for label in labels if label.text())

    def show_refusal(self, refusal: UserFacingError) -> None:
        """Say why."""
        for label, text in (
            (self._title, refusal.title),
            (self._detail, refusal.detail),
            (self._advice, refusal.advice),
        ):
            label.setText(text[:1].upper() + text[1:])
            label.setVisible(bool(text))
        self.force_button.setVisible(refusal.can_force)
        self.setAccessibleName(self.words)
        self.show()

    def _tint(self) -> None:
        self._sign.setPixmap(icons.pixmap("warning", "warning", 16, self.devicePixelRatioF()))
