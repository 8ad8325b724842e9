"""Empty state: what would be shown here, and how to make it appear."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from pulse_desktop.ui.theme.plain_text import Label, set_tooltip

_MAX_WIDTH = 420
_MARGIN = 24
_GAP = 8


class EmptyState(QWidget):
    """A title, a sentence, and at most one button.

    Attributes:
        button: the button, hidden while it has no label.

    Signals:
        button_clicked: the button was clicked.
    """

    button_clicked = Signal()

    def __init__(
        self, title: str, sentence: str, button: str = "", parent: QWidget | None = None
    ) -> None:
        """Create an empty state.

        Args:
            title: what is missing, such as "No messages yet".
            sentence: what would make it appear.
            button: label of the button, "" for none.
            parent: owner.
        """
        super().__init__(parent)
        self._title = Label()
        self._title.setProperty("role", "heading")
        self._sentence = Label()
        self._sentence.setProperty("role", "muted")
        self._sentence.setWordWrap(True)
        for label in (self._title, self._sentence):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button = QPushButton()
        self.button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self.button_clicked)

        self._column = layout = QVBoxLayout(self)
        layout.setSpacing(_GAP)
        layout.addStretch(1)
        layout.addWidget(self._title)
        layout.addWidget(self._sentence)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        self.set_text(title, sentence, button)

    def set_text(self, title: str, sentence: str, button: str = "") -> None:
        """Change the text, for example to why a filter matches nothing."""
        self._title.setText(title)
        self._sentence.setText(sentence)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self.setAccessibleName(title)
        self.setAccessibleDescription(sentence)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Limit the sentence to a readable width; in little height, the title has the room."""
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        side = max(_MARGIN, (self.width() - _MAX_WIDTH) // 2)
        title = self._title.sizeHint().height()
        sentence = self._sentence.heightForWidth(self.width() - 2 * side)
        button = self.button.sizeHint().height() + _GAP if self.button.text() else 0
        needed = title + sentence + button + _GAP
        margin = min(_MARGIN, max(2, (self.height() - needed) // 2))
        self._column.setContentsMargins(side, margin, side, margin)
        has_room = needed <= self.height()
        # The sentence says more than the title does.
        is_title_hidden = not has_room and needed - title <= self.height()
        self._title.setVisible(not is_title_hidden)
        self._sentence.setVisible(has_room or is_title_hidden)
        set_tooltip(self, "" if has_room else f"{self.title}\n{self.sentence}")

    @property
    def title(self) -> str:
        """The title."""
        return self._title.text()

    @property
    def sentence(self) -> str:
        """The sentence."""
        return self._sentence.text()
