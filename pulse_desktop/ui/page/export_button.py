"""The button that writes or copies the rows that a table shows."""

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QPushButton

from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.page.filter_bar import SizedButton
from pulse_desktop.ui.table.export import FORMATS
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.view import MAX_COPIED_ROWS
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.theme import theme

_COMPACT_WIDTH: Final = 36


class ExportButton(SizedButton):
    """Opens a menu with the formats; an icon alone where there is little room."""

    def __init__(self, table: LiveTable[Any], export: Callable[[str], None]) -> None:
        """Create the button.

        Args:
            table: whose rows are exported.
            export: asks for a file whose name ends as given, and writes the rows to it.
        """
        super().__init__()
        self._table, self._export = table, export
        self._full_width = 0
        self.setAccessibleName(_("Export what is shown"))
        set_tooltip(self, _("Export or copy the rows that the filter shows (Ctrl+Shift+E)"))
        self.clicked.connect(self.open_menu)
        theme().changed.connect(self._apply_theme)
        self.set_compact(compact=False)

    def set_compact(self, *, compact: bool) -> None:
        """Show the icon alone, or a word beside it."""
        self.setText("" if compact else _("Export"))
        self._apply_theme()  # the gap to the word, if there is one
        self.setFixedWidth(_COMPACT_WIDTH if compact else self.full_width)

    @property
    def full_width(self) -> int:
        """Width with the word, in pixels."""
        if not self._full_width:
            probe = QPushButton(_("Export"))
            probe.setFont(self.font())
            icons.set_button_icon(probe, "save", "muted", 14)
            self._full_width = max(probe.sizeHint().width(), 2 * _COMPACT_WIDTH) + 12
        return self._full_width

    def open_menu(self) -> None:
        """Open the menu below the button, with the first entry for the keyboard."""
        menu = self.menu_of_formats()
        # To the left: the button stands at the right edge of the window.
        left = self.width() - menu.sizeHint().width()
        menu.popup(self.mapToGlobal(QPoint(left, self.height() + 2)))
        first = next((each for each in menu.actions() if each.isEnabled()), None)
        if first is not None:
            menu.setActiveAction(first)

    def menu_of_formats(self) -> QMenu:
        """Return the menu: the formats of a file, then what can be copied."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName(_("Export what is shown"))
        shown, selected = self._table.rows_model.shown_count, self._table.selected_count()
        for suffix, title in zip(FORMATS, (_("CSV file…"), _("NDJSON file…")), strict=True):
            entry = menu.addAction(title)
            entry.triggered.connect(lambda _checked=False, suffix=suffix: self._export(suffix))
            entry.setEnabled(shown > 0)
        menu.addSeparator()
        if selected:
            title = ngettext(
                "Copy the selected row with headings",
                "Copy {count} selected rows with headings",
                selected,
            ).format(count=formats.count(selected))
            menu.addAction(title).triggered.connect(
                lambda _checked=False: self._table.copy_selection(headings=True)
            )
        entry = menu.addAction(_copy_all_title(shown))
        entry.triggered.connect(lambda _checked=False: self._table.copy_shown())
        entry.setEnabled(0 < shown <= MAX_COPIED_ROWS)
        return menu

    def _apply_theme(self) -> None:
        icons.set_button_icon(self, "save", "muted", 14)


def _copy_all_title(shown: int) -> str:
    if shown > MAX_COPIED_ROWS:
        text = _("Copy with headings (at most {count} rows)")
        return text.format(count=formats.count(MAX_COPIED_ROWS))
    return ngettext(
        "Copy {count} row with headings", "Copy all {count} rows with headings", shown
    ).format(count=formats.count(shown))
