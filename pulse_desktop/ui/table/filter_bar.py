"""The filter bar above a table: text, facets with counts, number of matching rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.filter_chip import FilterChip
from pulse_desktop.ui.table.flow_layout import FlowLayout
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme

DEBOUNCE_MS: Final = 120
"""Pause in typing after which the filter is applied."""
_GAP: Final = 10
_MIN_TEXT_WIDTH: Final = 240
_QWIDGETSIZE_MAX: Final = 16_777_215
"""Qt's constant for no maximum width; the type stubs of PySide6 lack it."""
_ROW_COUNT_WIDTH: Final = 170
"""Reserved for the row count: facets beside it must not move when it becomes longer."""
_ROW_COUNT_PADDING: Final = 6
"""Extra width of the row count, for fonts whose digits differ in width."""


class FilterBar(QWidget):
    """Text, facets and row count. The page applies the filter.

    The text field has the same position on every page. The facets are beside it, or in lines of
    their own below it if they do not fit.

    Attributes:
        text_field: the text to search for.

    Signals:
        changed: facets or text changed.
        submitted: Enter was pressed in the text field.
    """

    changed = Signal()
    submitted = Signal()

    def __init__(
        self,
        facets: Sequence[Facet],
        *,
        hint: str,
        format_count: Callable[[int], str] = formats.short_count,
    ) -> None:
        """Create a bar.

        Args:
            facets: categories of rows, each a filter chip; `add_facet` adds more.
            hint: what the text searches, such as "Filter by author, text or source".
            format_count: formats the count of a facet.
        """
        super().__init__()
        self._facets_beside = False
        self._format_count = format_count
        self._facets: dict[str, Facet] = {}
        self._chips: dict[str, FilterChip] = {}
        self._counts: dict[str, int] = {}
        self._is_stale = False
        self._chip_row = FlowLayout()
        self.text_field = QLineEdit()
        self.text_field.setPlaceholderText(hint)
        set_tooltip(self.text_field, _("{hint} ( / )").format(hint=hint))
        self.text_field.setAccessibleName(hint)
        self.text_field.setClearButtonEnabled(True)
        self._search_icon = self.text_field.addAction(
            icons.icon("search", SemanticColor.FAINT), QLineEdit.ActionPosition.LeadingPosition
        )
        self._search_icon.setText(_("Filter"))  # accessible name of its button
        self._row_count = Label()
        self._row_count.setProperty("role", "muted")
        self._counts_known = True
        self._debounce_timer = QTimer(self)
        self._debounce_timer.setObjectName("filter debounce")
        self._debounce_timer.setSingleShot(True)
        self._debounce_timer.setInterval(DEBOUNCE_MS)
        self._layout, self._first_line = QVBoxLayout(self), QHBoxLayout()
        self._lay_out()
        self._connect()
        for facet in facets:
            self.add_facet(facet)

    def _lay_out(self) -> None:
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._first_line.setSpacing(_GAP)
        self._first_line.addWidget(self.text_field, 1)
        self._first_line.addWidget(self._row_count)
        middle = Qt.AlignmentFlag.AlignVCenter
        self._row_count.setAlignment(Qt.AlignmentFlag.AlignRight | middle)
        self._layout.addLayout(self._first_line)
        self._layout.addWidget(self._chip_row)
        # Keeps the text field at the top while the page adapts to fewer lines of facets.
        self._layout.addStretch(1)
        self._chip_row.hide()

    def _connect(self) -> None:
        self._debounce_timer.timeout.connect(self.changed)
        self.text_field.textChanged.connect(lambda _text: self._debounce_timer.start())
        self.text_field.returnPressed.connect(self._on_return_pressed)
        theme().changed.connect(self._apply_theme)

    # Reading

    @property
    def text(self) -> str:
        """The text typed, without surrounding spaces."""
        return self.text_field.text().strip()

    @property
    def checked_facets(self) -> frozenset[str]:
        """Keys of the checked facets."""
        return frozenset(key for key, chip in self._chips.items() if chip.isChecked())

    @property
    def chips(self) -> Mapping[str, FilterChip]:
        """The chips by facet key."""
        return self._chips

    @property
    def active(self) -> bool:
        """Whether the filter may exclude rows."""
        return bool(self.text or self.checked_facets)

    @property
    def row_count_text(self) -> str:
        """The row count as shown."""
        return self._row_count.text()

    # Writing

    def add_facet(self, facet: Facet, before: str = "") -> None:
        """Add a facet before another one, given by its key, or at the end."""
        chip = FilterChip(facet.label, facet.icon, facet.color)
        chip.setCheckable(True)
        set_tooltip(chip, facet.tooltip or _("Show only {facet}").format(facet=facet.label))
        chip.toggled.connect(lambda _checked: self.changed.emit())
        self._chips[facet.key] = chip
        self._facets[facet.key] = facet
        self._chip_row.add(chip, self._chips.get(before))
        self._chip_row.show()

    def set_counts(
        self, counts: Mapping[str, int], *, known: bool = True, stale: bool = False
    ) -> None:
        """Show the number of rows of each facet, by key.

        Args:
            counts: numbers of rows.
            known: whether they are known; otherwise none is shown.
            stale: whether they may be otherwise by now: they are shown without a color.
        """
        self._counts, self._counts_known, self._is_stale = dict(counts), known, stale
        self._show_counts()

    def set_row_count_text(self, text: str) -> None:
        """Show the number of matching rows, such as "12 of 1,204 runs"."""
        if text != self._row_count.text():
            length_changed = len(text) != len(self._row_count.text())
            self._row_count.setText(text)
            if length_changed:
                self._fit_row_count()

    def set_filter(self, facets: Iterable[str] = (), text: str = "") -> None:
        """Check only these facets and set the text.

        Args:
            facets: keys of the facets.
            text: the text to search for.
        """
        checked = frozenset(facets)
        with QSignalBlocker(self):
            for key, chip in self._chips.items():
                chip.setChecked(key in checked)
            self.text_field.setText(text)
            self._debounce_timer.stop()
        self._show_counts()
        self.changed.emit()

    def clear(self) -> bool:
        """Clear the filter; return whether it was active."""
        if not self.active:
            return False
        self.set_filter()
        return True

    def focus_text(self) -> None:
        """Give the keyboard focus to the text field."""
        self.text_field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.text_field.selectAll()

    # Layout

    def _show_counts(self) -> None:
        before = self._chip_row.sizeHint().width()
        for key, chip in self._chips.items():
            facet, count = self._facets[key], self._counts.get(key, 0)
            chip.set_count(self._format_count(count) if self._counts_known else "")
            judged = count and not self._is_stale
            chip.set_stale(stale=self._is_stale)
            chip.set_color(facet.color if judged else SemanticColor.MUTED)
            chip.setHidden(facet.hide_when_empty and not count and not chip.isChecked())
        if self._chip_row.sizeHint().width() != before:
            self._fit()
            self._chip_row.arrange()

    def _fit(self) -> None:
        """Put the facets beside the text field if they fit, else below it."""
        facets = self._chip_row.sizeHint().width()
        row_count = max(_ROW_COUNT_WIDTH, self._row_count.width() if self._is_stale else 0)
        needed = _MIN_TEXT_WIDTH + facets + row_count + 3 * _GAP
        beside = needed <= self.width()
        if beside != self._facets_beside:
            self._facets_beside = beside
            self._layout.removeWidget(self._chip_row)
            self._first_line.removeWidget(self._chip_row)
            if beside:
                self._first_line.insertWidget(1, self._chip_row)
            else:
                self._layout.insertWidget(1, self._chip_row)
        self._chip_row.setMinimumWidth(facets if beside else 0)
        self._chip_row.setMaximumWidth(facets if beside else _QWIDGETSIZE_MAX)

    def _fit_row_count(self) -> None:
        # With a fixed size, a new text does not lay out the whole window in each frame.
        hint = self._row_count.sizeHint()
        self._row_count.setFixedSize(hint.width() + _ROW_COUNT_PADDING, hint.height())

    def _on_return_pressed(self) -> None:
        if self._debounce_timer.isActive():
            self._debounce_timer.stop()
            self.changed.emit()
        self.submitted.emit()

    def _apply_theme(self) -> None:
        self._search_icon.setIcon(icons.icon("search", SemanticColor.FAINT))
        self._fit_row_count()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move the facets beside or below the text field."""
        super().resizeEvent(event)
        self._fit()
