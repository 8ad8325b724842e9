"""Error card: why the task was not enqueued."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.theme import theme


class ErrorCard(QFrame):
    """Title, detail and advice of an error, with a button if it can be overridden.

    Attributes:
        force_button: overrides the error.

    Signals:
        force_requested: the operator wants to override the error.
    """

    force_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("card", "warning")
        self._icon = Label()
        self._title, self._detail, self._advice = Label(), Label(), Label()
        self._title.setProperty("role", "title")
        self._detail.setProperty("role", "muted")
        self.force_button = QPushButton(_("Enqueue anyway"))
        self.force_button.clicked.connect(self.force_requested)
        texts = QVBoxLayout()
        texts.setSpacing(3)
        for label in (self._title, self._detail, self._advice):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            texts.addWidget(label)
        texts.addSpacing(3)
        texts.addWidget(self.force_button, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(9)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self.hide()

    @property
    def text(self) -> str:
        """Title, detail and advice, a line each."""
        labels = (self._title, self._detail, self._advice)
        return "\n".join(label.text() for label in labels if label.text())

    def show_error(self, error: UserFacingError) -> None:
        """Show an error."""
        for label, text in (
            (self._title, error.title),
            (self._detail, error.detail),
            (self._advice, error.advice),
        ):
            label.setText(text[:1].upper() + text[1:])
            label.setVisible(bool(text))
        self.force_button.setVisible(error.can_force)
        self.setAccessibleName(self.text)
        self.show()

    def _apply_theme(self) -> None:
        self._icon.setPixmap(icons.pixmap("warning", "warning", 16, self.devicePixelRatioF()))
