"""The line above a table of runs: how it is sorted, or what can be done with what is selected.

It is always there, so that nothing moves under the pointer while rows are being picked.
"""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

_HEIGHT: Final = 40
_HINT: Final = "R re-runs · C cancels · Space pauses · / filters · Ctrl+K does anything"


class SelectionBar(QFrame):
    """A quiet line that turns into a band of buttons.

    Signals:
        rerun_asked: run the selected ones again.
        cancel_asked: cancel those of the selected ones that have not ended.
        copy_asked: put the selected ones on the clipboard.
        all_asked: select all that match.
        none_asked: select nothing.
    """

    rerun_asked = Signal()
    cancel_asked = Signal()
    copy_asked = Signal()
    all_asked = Signal()
    none_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_HEIGHT)
        self._several = False
        self.words = QLabel()
        self.rerun = QPushButton("Re-run")
        self.rerun.setProperty("kind", "primary")
        self.cancel = QPushButton("Cancel…")
        self.cancel.setToolTip("Cancel those of them that have not ended (C)")
        self._copy = QPushButton("Copy")
        self._all = QPushButton()
        self._none = QPushButton("Select none")
        self._hint = QLabel(_HINT)
        self._hint.setProperty("role", "faint")
        for button in (self._all, self._none):
            button.setProperty("kind", "ghost")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 0, 8, 0)
        layout.setSpacing(8)
        for widget in (self.words, self.rerun, self.cancel, self._copy):
            layout.addWidget(widget)
        layout.addStretch(1)
        for widget in (self._hint, self._all, self._none):
            layout.addWidget(widget)
        self.rerun.clicked.connect(self.rerun_asked)
        self.cancel.clicked.connect(self.cancel_asked)
        self._copy.clicked.connect(self.copy_asked)
        self._all.clicked.connect(self.all_asked)
        self._none.clicked.connect(self.none_asked)
        theme().changed.connect(self._tint)
        self._tint()
        self.show_selection(0, 0, "")

    def show_selection(self, selected: int, shown: int, order: str) -> None:
        """Say what is selected.

        Args:
            selected: how many rows.
            shown: how many rows there are to select.
            order: how they are sorted, in words.
        """
        several = selected > 1
        set_style_property(self, "card", "band" if several else "strip")
        set_style_property(self.words, "role", "title" if several else "muted")
        number = formats.count(selected)
        self.words.setText(f"{number} selected" if several else order)
        self.rerun.setText(f"Re-run {number}")
        self._all.setText(f"Select all {formats.count(shown)}")
        for widget in (self.rerun, self.cancel, self._copy, self._none):
            widget.setVisible(several)
        self._all.setVisible(several and selected < shown)
        self._several = several
        self._make_room()

    def _make_room(self) -> None:
        taken = self._hint.sizeHint().width() + self.words.sizeHint().width() + 40
        self._hint.setVisible(not self._several and self.width() > taken)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out the hint where it does not fit."""
        super().resizeEvent(event)
        self._make_room()

    def _tint(self) -> None:
        icons.set_button_icon(self.rerun, "retry", "on_accent")
        icons.set_button_icon(self.cancel, "cancelled", SemanticColor.MUTED)
        icons.set_button_icon(self._copy, "copy", SemanticColor.MUTED)
