"""How the workers of a system come to publish events: one middleware of its broker."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.translation import _
from pulse_desktop.ui.clipboard import copy_text
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.window_title import set_title

MIDDLEWARE_LINES: Final = """\
from taskiq_nats import NatsBroker

from pulse_workers import PulseMiddleware

shop = NatsBroker("nats://127.0.0.1:4222", queue="taskiq").with_middlewares(PulseMiddleware())
"""
"""The lines of docs/workers.md."""

_WIDTH: Final = 780


class EventsGuide(QDialog):
    """The window. It is not modal, and deletes itself when it is closed.

    Attributes:
        code: the lines to add to a project.
        copy: copies them.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        set_title(self, _("Events of your workers"))
        text = Label(
            _(
                "Add one middleware to the broker of your project and restart its workers; their "
                "tasks stay as they are. Starts, ends, run times, progress, log lines and workers "
                "then appear here by themselves."
            )
        )
        text.setWordWrap(True)
        text.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.code = QPlainTextEdit(MIDDLEWARE_LINES.rstrip())
        self.code.setReadOnly(True)
        self.code.setProperty("kind", "code")
        self.code.setAccessibleName(_("Lines to add to the broker"))
        self.code.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.code.setTabChangesFocus(True)
        self.copy = QPushButton(_("Copy"))
        self.copy.clicked.connect(lambda: copy_text(MIDDLEWARE_LINES))
        close = QPushButton(_("Close"))
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.copy)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 14, 18, 14)
        layout.setSpacing(12)
        layout.addWidget(text)
        layout.addWidget(self.code)
        layout.addStretch(1)
        layout.addLayout(buttons)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self.resize(_WIDTH, layout.totalHeightForWidth(_WIDTH))

    def _apply_theme(self) -> None:
        self.code.setFont(theme().number_font())
        lines = self.code.blockCount() + 2
        self.code.setFixedHeight(self.code.fontMetrics().lineSpacing() * lines)
