"""Base class of the panel beside a table that shows the details of one row."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import repolish, set_style_property
from pulse_desktop.ui.theme.theme import theme

_NOTE_MARGIN: Final = 14


class DetailPanel(QFrame):
    """A card with a close button, never a modal dialog; a subclass adds the contents.

    Attributes:
        close_button: closes the panel.
        is_stale: whether the row may have changed since: no color judges it.
        is_filtered_out: whether it says that the table does not show the row.

    Signals:
        close_requested: the operator wants to close the panel.
        show_run_requested: the operator wants to see a run; its task id.
    """

    close_requested = Signal()
    show_run_requested = Signal(str)

    def __init__(self, name: str) -> None:
        """Create an empty panel.

        Args:
            name: accessible name.
        """
        super().__init__()
        self.setProperty("card", "true")
        self.setAccessibleName(name)
        self.is_stale = self.is_filtered_out = False
        self._note = Label(_("Not in the table: the filter or the time range leaves it out."), self)
        self._note.setProperty("color", "warning")
        self._note.setWordWrap(True)
        self._note.hide()
        self._column = QVBoxLayout(self)
        self._column.setSpacing(0)
        self._column.addWidget(self._note)
        self.close_button = QPushButton()
        self.close_button.setProperty("kind", "ghost")
        self.close_button.setAccessibleName(_("Close details"))
        set_tooltip(self.close_button, _("Close (Esc)"))
        self.close_button.setFixedWidth(30)
        self.close_button.clicked.connect(self.close_requested)
        theme().changed.connect(self._color_close_button)
        self._color_close_button()

    def set_stale(self, *, stale: bool) -> None:
        """Show the row without the colors that judge it, or with those again."""
        if stale != self.is_stale:
            self.is_stale = stale
            set_style_property(self, "stale", "true" if stale else "")
            for label in self.findChildren(Label):
                if label.property("color"):
                    repolish(label)

    def set_filtered_out(self, *, filtered_out: bool) -> None:
        """Say that the table does not show the row, or withdraw that."""
        if filtered_out == self.is_filtered_out:
            return
        self.is_filtered_out = filtered_out
        self._note.setVisible(filtered_out)

    def scroll_to_top(self) -> None:
        """Show the beginning of what is scrolled: it is of another row now."""
        for area in self.findChildren(QScrollArea):
            area.verticalScrollBar().setValue(0)

    def _set_margins(self, side: int, top: int, bottom: int) -> None:
        """Set the margins around the contents; the note keeps its distance to both sides."""
        self._column.setContentsMargins(side, top, side, bottom)
        note = max(0, _NOTE_MARGIN - side)
        self._note.setContentsMargins(note, 4, note, 4)

    def _add_scrolled(self, inside: QWidget) -> None:
        """Add contents that are scrolled up and down."""
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._set_margins(1, 1, 1)
        self._column.addWidget(scroll)

    def _color_close_button(self) -> None:
        self.close_button.setIcon(icons.icon("close", SemanticColor.MUTED, 12))
