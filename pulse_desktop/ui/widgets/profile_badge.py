"""Badge of a connection profile: its environment on its color, wherever an action can start."""

from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from pulse_desktop.profiles.profile import Color, Profile
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.profile_text import environment_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme

_PADDING: Final = 16
"""Pixels left and right of the text, together."""


class ProfileBadge(Label):
    """A label such as PRODUCTION on red; hidden for a profile without an environment.

    A name that is too long for its place is cut; the tooltip has all of it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self._profile: Profile | None = None
        self._full_text = self._environment = ""
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.hide()
        theme().changed.connect(self._apply_theme)

    def show_profile(self, profile: Profile | None, name: str = "") -> None:
        """Show the environment of a profile, and a name after it unless that is empty."""
        self._profile = profile
        environment = profile.environment if profile is not None else None
        self._environment = text = environment_text(environment).upper() if environment else ""
        if text and name:
            text = f"{text} · {name}"
        self._full_text = printable_cell(text)
        self.setText(self._full_text)
        set_tooltip(self, "")
        self.setVisible(bool(text))
        self.setAccessibleName(_("Environment: {name}").format(name=printable_cell(text)))
        self._apply_theme()

    def _apply_theme(self) -> None:
        color = self._profile.effective_color if self._profile is not None else None
        colors = theme()
        fill = colors.profile((color or Color.GRAY).value).name()
        text = colors.profile("on_profile").name()
        self.setStyleSheet(
            f"background: {fill}; color: {text}; border-radius: 4px; padding: 2px 8px;"
            " font-weight: 600;"
        )

    def minimumSizeHint(self) -> QSize:
        """Return the size that the environment needs: only a name may be cut."""
        self.ensurePolished()  # for the metrics of the bold font
        hint, metrics = super().minimumSizeHint(), self.fontMetrics()
        kept = self._shortest_text
        cut = metrics.horizontalAdvance(kept) - metrics.horizontalAdvance(self.text())
        return QSize(hint.width() + cut, hint.height())

    def sizeHint(self) -> QSize:
        """Return the size that the whole text needs."""
        self.ensurePolished()
        hint = super().sizeHint()
        metrics = self.fontMetrics()
        cut = metrics.horizontalAdvance(self._full_text) - metrics.horizontalAdvance(self.text())
        return QSize(hint.width() + cut, hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the name to the new width."""
        super().resizeEvent(event)
        elide, room = Qt.TextElideMode.ElideRight, self.width() - _PADDING
        shown = self.fontMetrics().elidedText(self._full_text, elide, room)
        if len(shown) < len(self._shortest_text):
            shown = self._shortest_text
        if shown != self.text():
            self.setText(shown)
            set_tooltip(self, self._full_text if shown != self._full_text else "")

    @property
    def _shortest_text(self) -> str:
        """The environment, which is never cut, and that there is a name."""
        has_name = self._environment != self._full_text
        return f"{self._environment} · …" if has_name else self._environment

    def changeEvent(self, event: QEvent) -> None:
        """Keep the size that the text needs when the font changes."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self.updateGeometry()
