"""Widgets over a live table: the note in an empty table, and the pill."""

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QPushButton, QTableView

from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.connection_phase import EmptyReason
from pulse_desktop.ui.table.header import TableHeader
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.widgets.empty_state import EmptyState

_PILL_MARGIN: Final = 8


class TableOverlay:
    """The note and the pill of a table.

    The note says why the table is empty. The pill says that the table is paused, or how many rows
    have arrived above those shown.

    Attributes:
        new_above: number of rows that have arrived above those shown.
        range_note: returns title, sentence and button for a table that the time range alone leaves
            empty, by its number of rows; None if a filter does, empty texts if there is nothing at
            any time.
    """

    def __init__(
        self,
        view: QTableView,
        header: TableHeader,
        model: LiveTableModel[Any],
        empty: tuple[str, str],
        on_pill_clicked: Callable[[], None],
        on_clear_filter: Callable[[], None],
    ) -> None:
        """Create the overlay of a table.

        Args:
            view: the table.
            header: its header.
            model: its model.
            empty: note while there are no rows: a title and a sentence.
            on_pill_clicked: called when the pill is clicked.
            on_clear_filter: called when the operator wants to clear the filter.
        """
        self.new_above = 0
        self.range_note: Callable[[int], tuple[str, str, str] | None] = lambda _total: None
        self._failures = 0
        self._empty = empty
        self._reason: EmptyReason | None = None
        self._explanation = ""
        self._view = view
        self._header = header
        self._model = model
        self._note = EmptyState(*empty, parent=view.viewport())
        self._note.button_clicked.connect(on_clear_filter)
        self._pill = QPushButton(view)
        self._pill.setProperty("kind", "pill")
        self._pill.setCursor(Qt.CursorShape.PointingHandCursor)
        self._pill.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._pill.clicked.connect(on_pill_clicked)
        self._pill.hide()
        for moved in (header.sectionResized, header.sectionMoved, header.geometriesChanged):
            moved.connect(lambda *_section: self._follow_columns())
        view.horizontalScrollBar().valueChanged.connect(lambda _value: self._follow_columns())

    def set_reason(self, reason: EmptyReason | None) -> None:
        """Say in an empty table why it may be empty although there is something."""
        if reason != self._reason:
            self._reason = reason
            self.update()

    def set_explanation(self, text: str) -> None:
        """Say why the filter matches nothing; an empty text says only that it does not."""
        if text != self._explanation:
            self._explanation = text
            self.update()

    def set_new(self, count: int) -> None:
        """Say how many rows have arrived above those shown; 0 says nothing."""
        if count != self.new_above:
            self.new_above = count
            self.update()

    def set_failures(self, count: int) -> None:
        """Say how many of the rows that arrived since the table was paused are failures."""
        if count != self._failures:
            self._failures = count
            self.update()

    def update(self) -> None:
        """Show or hide note and pill to match the table."""
        model = self._model
        if not model.shown_count:
            self._fill_note()
        if self._note.isHidden() != bool(model.shown_count):
            self._note.setVisible(not model.shown_count)
            self.place()
        pill_needed = model.paused or self.new_above > 0
        if self._pill.isHidden() == pill_needed:
            self._pill.setVisible(pill_needed)
        if not pill_needed:
            return
        self.place_pill()
        if model.paused:
            waiting = formats.count(model.waiting_count + self.new_above)
            text, icon = _("Paused · {count} waiting").format(count=waiting), "play"
            if self._failures:
                text = _("Paused · {count} waiting, {failed} failed").format(
                    count=waiting, failed=formats.count(self._failures)
                )
        else:
            added = formats.count(self.new_above)
            text, icon = _("{count} new").format(count=added), "chevron-up"
        if self._pill.text() != text:
            self._pill.setText(text)
            icons.set_button_icon(self._pill, icon, "on_accent", 12)
            self.place()

    def _fill_note(self) -> None:
        total = self._model.total_count
        if self._model.filter_pending:
            self._note.set_text(_("Filtering…"), "")
        elif self._reason is not None and not total:
            self._note.set_text(self._reason.title, self._reason.sentence)
        elif not (self._model.filtered and total):
            self._note.set_text(*self._empty)
        elif (in_range := self.range_note(total)) is not None:
            self._note.set_text(*(in_range if in_range[0] else self._empty))
        else:
            sentence = ngettext(
                "The only row does not match the filter.",
                "None of {count} rows matches the filter.",
                total,
            ).format(count=formats.count(total))
            sentence = "\n".join(filter(None, (sentence, self._explanation)))
            self._note.set_text(_("Nothing matches"), sentence, _("Clear filter"))

    def place(self) -> None:
        """Move note and pill to their places, after the table was resized."""
        self._note.resize(self._view.viewport().size())
        self.place_pill()

    def place_pill(self) -> None:
        """Put the pill among the titles of the columns; below all rows while the table is paused.

        Where there is no room, it covers titles: never a cell.
        """
        self._pill.adjustSize()
        area, header = self._view.viewport().geometry(), self._header
        self._pill.resize(min(self._pill.width(), header.width()), self._pill.height())
        width, height = self._pill.width(), self._pill.height()
        lowest = area.height() - height - _PILL_MARGIN
        if self._model.paused and self._model.shown_count:
            last = self._model.shown_count - 1
            below = self._view.rowViewportPosition(last) + self._view.rowHeight(last)
            if _PILL_MARGIN <= below + _PILL_MARGIN <= lowest:
                left = area.center().x() - width // 2
                self._move_pill(left, area.top() + below + _PILL_MARGIN)
                return
        bar = header.geometry()
        self._move_pill(
            bar.left() + header.place_for(width), bar.top() + (bar.height() - height) // 2
        )

    def _follow_columns(self) -> None:
        if not self._pill.isHidden():
            self.place_pill()

    def _move_pill(self, left: int, top: int) -> None:
        self._pill.move(QPoint(left, top))
        self._pill.raise_()
