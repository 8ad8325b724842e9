"""Prompt for the secret of a profile that is not stored."""

import asyncio
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text.profile_text import secret_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.widgets.profile_badge import ProfileBadge
from pulse_desktop.ui.window_title import connection_text, set_title

_WIDTH: Final = 420


class PasswordPrompt(QDialog):
    """A question for one secret, shown with `ask`.

    Attributes:
        field: where the secret is typed; it is not echoed.
    """

    def __init__(self, profile: Profile, parent: QWidget, problem: str = "") -> None:
        """Create the prompt.

        Args:
            profile: whose secret is needed.
            parent: the window that asks; it is active again once a person has answered.
            problem: why the stored secret cannot be read; empty when none is stored.
        """
        super().__init__(parent)
        self._asking = parent.window()
        self._answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        set_title(self, _("Log in"), connection_text(profile, profile.name))
        self.setFixedWidth(_WIDTH)
        badge = ProfileBadge()
        badge.show_profile(profile, profile.name)
        name = secret_text(profile)
        label = Label(name)
        label.setProperty("role", "heading")
        label.setWordWrap(True)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName(name)
        not_stored = _("What you type is used for this connection and not stored.")
        note = Label(f"{problem} {not_stored}".strip())
        note.setProperty("role", "muted")
        note.setWordWrap(True)
        cancel = QPushButton(_("Cancel"))
        cancel.setAutoDefault(False)
        connect = QPushButton(_("Connect"))
        connect.setProperty("kind", "primary")
        connect.setDefault(True)
        connect.setEnabled(False)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(connect)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(10)
        layout.addWidget(badge, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(label)
        layout.addWidget(self.field)
        layout.addWidget(note)
        layout.addLayout(buttons)
        self.field.textChanged.connect(lambda text: connect.setEnabled(bool(text)))
        cancel.clicked.connect(self.reject)
        connect.clicked.connect(self.accept)
        self.finished.connect(self._answer)
        self.field.setFocus()

    async def ask(self) -> str | None:
        """Return the secret, None when the operator cancelled; the prompt is gone afterwards."""
        self.open()
        try:
            return await self._answered
        finally:
            self.hide()
            self.deleteLater()

    def _answer(self, result: int) -> None:
        text = self.field.text()
        self.field.clear()
        if self._asking.isVisible():
            self._asking.activateWindow()
        if not self._answered.done():
            is_given = result == QDialog.DialogCode.Accepted and bool(text)
            self._answered.set_result(text if is_given else None)
