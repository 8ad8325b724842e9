"""Dialog with a question: *Cancel* has the focus, the other button does something."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.ui.theme.plain_text import Label, without_mnemonic
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.widgets.profile_badge import ProfileBadge
from pulse_desktop.ui.widgets.typing_guard import TypingGuard
from pulse_desktop.ui.window_title import set_title

_WIDTH: Final = 440


class QuestionDialog(QDialog):
    """The dialog. It is shown with `open`, and deletes itself when it is answered.

    Attributes:
        badge: the environment in which something would be done; hidden unless it is filled.
        guard: ignores keys that were typed before the question could be read.
    """

    def __init__(
        self, title: str, question: str, note: str, action: str, cancel: str, parent: QWidget
    ) -> None:
        """Create the dialog.

        Args:
            title: of the window, without its connection.
            question: the question, one sentence.
            note: what happens then, one or two sentences.
            action: label of the button that accepts.
            cancel: label of the button that rejects.
            parent: the window that is asked about.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        set_title(self, title)
        self.setFixedWidth(_WIDTH)
        self.badge = ProfileBadge()
        heading = Label(question)
        heading.setProperty("role", "heading")
        text = Label(note)
        text.setProperty("role", "muted")
        for label in (heading, text):
            label.setWordWrap(True)
        reject = QPushButton(cancel)
        reject.setDefault(True)
        accept = QPushButton(without_mnemonic(action))
        accept.setAutoDefault(False)
        set_style_property(accept, "kind", "danger")
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(reject)
        buttons.addWidget(accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(10)
        layout.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(heading)
        layout.addWidget(text)
        layout.addSpacing(6)
        layout.addLayout(buttons)
        reject.clicked.connect(self.reject)
        accept.clicked.connect(self.accept)
        reject.setFocus()
        self.guard = TypingGuard(self)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the height that the wrapped texts need."""
        layout = self.layout()
        if layout is not None:
            self.setFixedHeight(layout.totalHeightForWidth(_WIDTH))
        super().showEvent(event)
