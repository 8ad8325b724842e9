"""The filter bar above a table: text, facets with counts, number of rows left, and period."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.facet import Facet, PeriodChoice
from pulse_desktop.ui.table.filter_chip import FilterChip
from pulse_desktop.ui.table.flow_layout import FlowLayout
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme

TYPING_MS: Final = 120
"""Pause in typing after which the filter is applied."""
_GAP: Final = 10
_MIN_TEXT_WIDTH: Final = 240
_COUNT_ROOM: Final = 170
"""Room for the row count beside facets: they must not move when the count becomes longer."""
_COUNT_SPARE: Final = 6
"""Extra width of the row count, for fonts whose digits differ in width."""
_ANY_WIDTH: Final = 16_777_215


class FilterBar(QWidget):
    """Text, facets, row count and period. The page applies the filter.

    The text field is at the same place on every page. The facets are beside it, or in lines of
    their own below it where they need more room.

    Attributes:
        text_field: the text to search for.
        period_box: the choice of the period.
        period_filters_rows: whether a period other than the first leaves out rows.

    Signals:
        changed: facets, text, or a period that filters rows changed.
        period_changed: index of the chosen period.
        submitted: Enter was pressed in the text field.
    """

    changed = Signal()
    period_changed = Signal(int)
    submitted = Signal()

    def __init__(
        self,
        facets: Sequence[Facet],
        *,
        hint: str,
        periods: PeriodChoice | None = None,
        format_count: Callable[[int], str] = formats.short_count,
    ) -> None:
        """Create a bar.

        Args:
            facets: parts of the rows to choose from; `add_facet` adds more.
            hint: what the text searches, such as "Filter by author, text or source".
            periods: periods to choose from, None for no such choice.
            format_count: formats the count of a facet.
        """
        super().__init__()
        self._facets_beside = False
        self._has_periods = periods is not None
        self.period_filters_rows = periods is not None and periods.filters_rows
        self._format_count = format_count
        self._facets: dict[str, Facet] = {}
        self._chips: dict[str, FilterChip] = {}
        self._counts: dict[str, int] = {}
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
        self.period_box = QComboBox()
        if periods is None:
            self.period_box.hide()  # showing it before it has a parent would open a window
        else:
            self.period_box.addItems(list(periods.titles))
            self.period_box.setAccessibleName(periods.name)
        self._typing = QTimer(self)
        self._typing.setObjectName("filter typing")
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._lines, self._line = QVBoxLayout(self), QHBoxLayout()
        self._lay_out()
        self._connect()
        for facet in facets:
            self.add_facet(facet)

    def _lay_out(self) -> None:
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(8)
        self._line.setSpacing(_GAP)
        self._line.addWidget(self.text_field, 1)
        self._line.addWidget(self._row_count)
        self._line.addWidget(self.period_box)
        middle = Qt.AlignmentFlag.AlignVCenter
        self._row_count.setAlignment(Qt.AlignmentFlag.AlignRight | middle)
        self._lines.addLayout(self._line)
        self._lines.addWidget(self._chip_row)
        # The text field stays at the top, also while the page adapts to fewer lines of facets.
        self._lines.addStretch(1)
        self._chip_row.hide()

    def _connect(self) -> None:
        self._typing.timeout.connect(self.changed)
        self.text_field.textChanged.connect(lambda _text: self._typing.start())
        self.text_field.returnPressed.connect(self._on_return_pressed)
        self.period_box.currentIndexChanged.connect(self._on_period_changed)
        theme().changed.connect(self._apply_theme)

    # Reading

    @property
    def text(self) -> str:
        """The text typed, without surrounding spaces."""
        return self.text_field.text().strip()

    @property
    def chosen(self) -> frozenset[str]:
        """Keys of the checked facets."""
        return frozenset(key for key, chip in self._chips.items() if chip.isChecked())

    @property
    def chips(self) -> Mapping[str, FilterChip]:
        """The chips by facet key."""
        return self._chips

    @property
    def period(self) -> int:
        """Index of the chosen period."""
        return self.period_box.currentIndex()

    @property
    def active(self) -> bool:
        """Whether any row may be left out."""
        period = self.period_filters_rows and self.period > 0
        return bool(self.text or self.chosen or period)

    @property
    def row_count(self) -> str:
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

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Show the number of rows of each facet, by key."""
        self._counts = dict(counts)
        self._show_counts()

    def set_row_count(self, text: str) -> None:
        """Show how many rows are left, such as "12 of 1,204 runs"."""
        if text != self._row_count.text():
            length_changed = len(text) != len(self._row_count.text())
            self._row_count.setText(text)
            if length_changed:
                self._fit_row_count()

    def set_filter(self, facets: Iterable[str] = (), text: str = "", period: int = 0) -> None:
        """Check these facets only, set the text, and choose a period if it filters rows."""
        chosen = frozenset(facets)
        with QSignalBlocker(self):
            for key, chip in self._chips.items():
                chip.setChecked(key in chosen)
            if self.period_filters_rows:
                self.period_box.setCurrentIndex(period)
            self.text_field.setText(text)
            self._typing.stop()
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
            chip.set_count(self._format_count(count))
            chip.set_color(facet.color if count else SemanticColor.MUTED)
            chip.setHidden(facet.hide_when_empty and not count and not chip.isChecked())
        if self._chip_row.sizeHint().width() != before:
            self._fit()
            self._chip_row.arrange()

    def _fit(self) -> None:
        """Put the facets beside the text field where they fit, else below it."""
        facets = self._chip_row.sizeHint().width()
        needed = _MIN_TEXT_WIDTH + facets + _COUNT_ROOM + 3 * _GAP
        if self._has_periods:
            needed += self.period_box.sizeHint().width()
        beside = needed <= self.width()
        if beside != self._facets_beside:
            self._facets_beside = beside
            self._lines.removeWidget(self._chip_row)
            self._line.removeWidget(self._chip_row)
            if beside:
                self._line.insertWidget(1, self._chip_row)
            else:
                self._lines.insertWidget(1, self._chip_row)
        self._chip_row.setMinimumWidth(facets if beside else 0)
        self._chip_row.setMaximumWidth(facets if beside else _ANY_WIDTH)

    def _fit_row_count(self) -> None:
        # A fixed size: else each frame would lay out the whole window.
        hint = self._row_count.sizeHint()
        self._row_count.setFixedSize(hint.width() + _COUNT_SPARE, hint.height())

    def _on_return_pressed(self) -> None:
        if self._typing.isActive():
            self._typing.stop()
            self.changed.emit()
        self.submitted.emit()

    def _on_period_changed(self, index: int) -> None:
        self.period_changed.emit(index)
        if self.period_filters_rows:
            self.changed.emit()

    def _apply_theme(self) -> None:
        self._search_icon.setIcon(icons.icon("search", SemanticColor.FAINT))
        self._fit_row_count()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Adapt the parts to the new width."""
        super().resizeEvent(event)
        self._fit()
