"""Window with two runs side by side: differences are marked by a word, a glyph and a color."""

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run_comparison import Difference, Row, RunComparison, Section
from pulse_desktop.state.serialize_details import comparison_to_dict
from pulse_desktop.text import formats
from pulse_desktop.text.comparison_text import (
    delta_text,
    mark_label,
    row_title,
    summary_text,
    value_text,
    values_text,
    whole_value,
)
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.clipboard import copy_json
from pulse_desktop.ui.lineage.run_card import RunCard
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import muted
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.theme.plain_text import Label, set_plain_text, set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.window_title import set_title

_SIZE: Final = (960, 620)
_MIN_SIZE: Final = (560, 360)
_MAX_VALUE: Final = 100_000


class ComparisonWindow(QDialog):
    """The window. It is not modal, closes with Esc, and deletes itself when it is closed.

    Attributes:
        table: one row per value.
        only_differences: hides equal values.
        comparison: what is shown.

    Signals:
        target_requested: the operator wants to go to a `Target`.
    """

    target_requested = Signal(object)

    def __init__(self, parent: QWidget, task_label: Callable[[str], str]) -> None:
        """Create an empty window.

        Args:
            parent: the main window.
            task_label: returns the short name of a task.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint)
        set_title(self, _("Two runs compared"))
        self.setMinimumSize(*_MIN_SIZE)
        self.resize(*_SIZE)
        self._task_label = task_label
        self.comparison: RunComparison | None = None
        self._rows: list[Row] = []
        self.cards = (RunCard(_("First run")), RunCard(_("Second run")))
        for number, card in enumerate(self.cards):
            card.requested.connect(lambda number=number: self._show_run(number))
        self.only_differences = QCheckBox(_("Only differences"))
        self.only_differences.setChecked(True)
        self.only_differences.toggled.connect(lambda _checked: self._fill())
        self._summary = Label()
        self._summary.setProperty("role", "muted")
        self.copy_button = QPushButton(_("Copy as JSON"))
        self.copy_button.clicked.connect(self._copy)
        self.table: LiveTable[Row] = LiveTable(
            RingBuffer[Row](1),
            comparison_columns(),
            name=_("Values of both runs"),
            empty_title=_("No difference"),
            empty_text=_("Arguments, result and error are the same. Times always differ."),
        )
        self.table.current_changed.connect(self._show_values)
        self.values = (_value_field(_("Value of the first run")), _value_field(_("Second run")))
        self._lay_out()
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        for number, card in enumerate(self.cards):
            grid.addWidget(card, 0, number)
            grid.setColumnStretch(number, 1)
        tools = QHBoxLayout()
        tools.setSpacing(12)
        tools.addWidget(self._summary, 1)
        tools.addWidget(self.only_differences)
        tools.addWidget(self.copy_button)
        pair = QWidget()
        side_by_side = QHBoxLayout(pair)
        side_by_side.setContentsMargins(0, 0, 0, 0)
        side_by_side.setSpacing(10)
        for field in self.values:
            side_by_side.addWidget(field)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        splitter.addWidget(self.table)
        splitter.addWidget(pair)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([380, 110])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 14)
        layout.setSpacing(10)
        layout.addLayout(grid)
        layout.addLayout(tools)
        layout.addWidget(splitter, 1)

    @property
    def summary(self) -> str:
        """How many differences there are, as shown."""
        return self._summary.text()

    def show_comparison(self, comparison: RunComparison, note: str = "") -> None:
        """Show two runs.

        Args:
            comparison: of the runs.
            note: what is not known yet or at all, such as a result that is being read.
        """
        self.comparison = comparison
        for card, run in zip(self.cards, (comparison.first, comparison.second), strict=True):
            card.show_run(run, self._task_label)
        text = summary_text(comparison)
        self._summary.setText(f"{text} · {note}" if note else text)
        self._fill()

    def _fill(self) -> None:
        comparison = self.comparison
        if comparison is None:
            return
        only = self.only_differences.isChecked()
        rows = [row for row in comparison.rows if row.difference is not Difference.SAME or not only]
        if only:
            rows.sort(key=lambda row: not row.matters)  # times are last
        if rows == self._rows and rows:
            return
        self._rows = rows
        buffer = RingBuffer[Row](max(1, len(rows)))
        for row in reversed(rows):  # a live table has the newest row on top
            buffer.append(row)
        self.table.replace_rows(buffer, lambda row: (row.section, row.path))
        self.table.refresh(0.0)
        if rows and not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.table.rows_model.index(0, 0))
        self._show_values(self.table.current_row())

    def _show_values(self, row: Row | None) -> None:
        for field, value in zip(
            self.values, (row.first, row.second) if row is not None else (None, None), strict=True
        ):
            text = ""
            if row is not None:
                text = _whole_text(row, value)
            cut = len(text) - _MAX_VALUE
            if cut > 0:
                more = _("… {count} more characters: Copy as JSON has them all")
                text = f"{text[:_MAX_VALUE]}\n{more.format(count=formats.count(cut))}"
            set_plain_text(field, text)

    def _show_run(self, number: int) -> None:
        if self.comparison is not None:
            run = (self.comparison.first, self.comparison.second)[number]
            self.target_requested.emit(ShowRun(run.task_id))

    def _copy(self) -> None:
        if self.comparison is not None:
            text = whole_value(comparison_to_dict(self.comparison), indent=True)
            copy_json(text)

    def _apply_theme(self) -> None:
        for field in self.values:
            field.setFont(theme().number_font())
        if self.comparison is not None:
            for card, run in zip(
                self.cards, (self.comparison.first, self.comparison.second), strict=True
            ):
                card.show_run(run, self._task_label)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns to the new width."""
        super().resizeEvent(event)
        self.table.measure_columns()


def comparison_columns() -> tuple[Column[Row], ...]:
    """Return the columns of a comparison."""
    return (
        Column(
            _("Mark"),
            "mark",
            lambda row, _now: mark_label(row)[0],
            width=112,
            glyph=lambda row: mark_label(row)[1],
            color=lambda row: mark_label(row)[2],
        ),
        Column(_("Value"), "value", lambda row, _now: row_title(row), width=190),
        Column(
            _("First run"),
            "first",
            lambda row, _now: values_text(row)[0],
            width=220,
            mono=True,
            color=_value_color,
            stretch=True,
        ),
        Column(
            _("Second run"),
            "second",
            lambda row, _now: values_text(row)[1],
            width=220,
            mono=True,
            color=_value_color,
        ),
        Column(
            _("Change"),
            "change",
            lambda row, _now: delta_text(row),
            width=130,
            align="right",
            mono=True,
            color=muted,
            hide_below=700,
        ),
    )


def _value_color(row: Row) -> SemanticColor | None:
    return SemanticColor.MUTED if row.difference is Difference.SAME else None


def _whole_text(row: Row, value: Any) -> str:
    """Return a whole value; what a run reports of itself is formatted as in the table."""
    if value is None or row.section is Section.RUN:
        return value_text(row, value)
    return value if isinstance(value, str) else whole_value(value, indent=True)


def _value_field(name: str) -> QPlainTextEdit:
    field = QPlainTextEdit()
    field.setProperty("kind", "code")
    field.setReadOnly(True)
    field.setTabChangesFocus(True)
    field.setAccessibleName(name)
    set_tooltip(field, name)
    return field
