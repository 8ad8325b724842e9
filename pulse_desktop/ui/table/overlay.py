"""What lies over a live table: why it is empty, that it stands still, what arrived out of sight."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QPushButton

from pulse_desktop.text import formats
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.widgets.empty_state import EmptyState


class TableOverlay:
    """The note in the middle and the pill at the bottom of a table.

    Attributes:
        above: rows that arrived above what is looked at.
    """

    def __init__(
        self,
        view: QAbstractScrollArea,
        model: LiveTableModel[Any],
        empty: tuple[str, str],
        on_pill: Callable[[], None],
        on_clear: Callable[[], None],
    ) -> None:
        """Lay it over a table.

        Args:
            view: the table.
            model: its model.
            empty: what to say while there is nothing: a title and a sentence.
            on_pill: the pill was pressed.
            on_clear: the operator wants the filter gone.
        """
        self.above = 0
        self._empty = empty
        self._view = view
        self._model = model
        self._note = EmptyState(*empty, parent=view.viewport())
        self._note.asked.connect(on_clear)
        self._pill = QPushButton(view)
        self._pill.setProperty("kind", "pill")
        self._pill.setCursor(Qt.CursorShape.PointingHandCursor)
        self._pill.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._pill.clicked.connect(on_pill)
        self._pill.hide()

    @property
    def text(self) -> str:
        """What the pill says, empty while there is none."""
        return "" if self._pill.isHidden() else self._pill.text()

    @property
    def explains(self) -> bool:
        """Whether it says why nothing is shown."""
        return not self._note.isHidden()

    @property
    def explanation(self) -> str:
        """Title of why nothing is shown."""
        return self._note.title

    def press(self) -> None:
        """Press the pill."""
        self._pill.click()

    def add_above(self, count: int) -> None:
        """Count rows that arrived out of sight; 0 when everything has been looked at."""
        above = self.above + count if count else 0
        if above != self.above:
            self.above = above
            self.update()

    def update(self) -> None:
        """Show what has to be said now."""
        model = self._model
        if not model.shown:
            self._explain()
        if self._note.isHidden() != bool(model.shown):
            self._note.setVisible(not model.shown)
            self.place()
        wanted = model.paused or self.above > 0
        if self._pill.isHidden() == wanted:
            self._pill.setVisible(wanted)
        if not wanted:
            return
        if model.paused:
            text, name = f"Paused · {formats.count(model.waiting)} waiting", "play"
        else:
            text, name = f"{formats.count(self.above)} new", "chevron-up"
        if self._pill.text() != text:
            self._pill.setText(text)
            icons.set_button_icon(self._pill, name, "on_accent", 12)
            self.place()

    def _explain(self) -> None:
        total = self._model.total
        if self._model.searching:
            self._note.say("Searching…", "")
        elif not (self._model.filtered and total):
            self._note.say(*self._empty)
        else:
            sentence = f"None of {formats.plural(total, 'row')} passes the filter."
            self._note.say("Nothing matches", sentence, "Clear filter")

    def place(self) -> None:
        """Put note and pill where they belong, after the table changed its size."""
        area = self._view.viewport().geometry()
        self._note.resize(area.size())
        self._pill.adjustSize()
        left = area.center().x() - self._pill.width() // 2
        self._pill.move(QPoint(left, area.bottom() - self._pill.height() - 10))
        self._pill.raise_()
