"""Which runs to see: states with their counts, how far back, and words to look for."""

from collections.abc import Iterable, Mapping
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from pulse_desktop.query.run_filter import RunFilter
from pulse_desktop.state.run import RunState
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import STATE_LABELS, STATE_MEANINGS
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.filter_chip import FilterChip
from pulse_desktop.ui.table.flow_layout import FlowLayout
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

_TYPING_MS: Final = 120
_SPANS: Final = (
    ("all kept", 0.0),
    ("last 15 min", 900.0),
    ("last hour", 3600.0),
    ("last 24 h", 86_400.0),
)
_SPARE: Final = 6
"""Room beside the count, for fonts whose digits are not of one width."""
_RARE: Final = frozenset({RunState.CANCELLED, RunState.RESULT_UNREADABLE})
_GAP: Final = 10


class RunFilterBar(QWidget):
    """Two lines above the table of runs.

    Attributes:
        facets: a button per state.
        field: the words to look for.
        span: how far back.

    Signals:
        changed: other runs are wanted now.
        left: Enter was pressed in the field: on to the table.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: dict[RunState, int] = {}
        self.facets: dict[RunState, FilterChip] = {}
        self._row = FlowLayout()
        for state, (word, glyph, color) in STATE_LABELS.items():
            button = FilterChip(word, glyph, color)
            button.setCheckable(True)
            button.setToolTip(f"{STATE_MEANINGS[state]}. Press to show only these.")
            button.toggled.connect(lambda _: self.changed.emit())
            self.facets[state] = button
            self._row.add(button)
        self.span = QComboBox()
        self.span.addItems([title for title, _ in _SPANS])
        self.span.setAccessibleName("How far back")
        self.span.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.field = QLineEdit()
        self.field.setPlaceholderText("Filter by task, argument, id, worker or error")
        self.field.setAccessibleName("Filter runs")
        self.field.setClearButtonEnabled(True)
        self._search = self.field.addAction(
            icons.icon("search", SemanticColor.FAINT), QLineEdit.ActionPosition.LeadingPosition
        )
        self._shown = QLabel()
        self._shown.setProperty("role", "muted")
        self._shown.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._typing = QTimer(self)
        self._typing.setObjectName("run filter typing")
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(self.changed)
        self.field.textChanged.connect(lambda _: self._typing.start())
        self.field.returnPressed.connect(self._typed)
        theme().changed.connect(self._tint)
        self._top = QHBoxLayout()
        self._top.setSpacing(_GAP)
        self._top.addWidget(self._row, 1)
        self._top.addWidget(self.span, 0, Qt.AlignmentFlag.AlignTop)
        self._line = QHBoxLayout()
        self._line.setSpacing(12)
        self._line.addWidget(self.field, 1)
        self._line.addWidget(self._shown)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_GAP)
        layout.addLayout(self._top)
        layout.addLayout(self._line)

    @property
    def wanted(self) -> RunFilter:
        """What was asked for."""
        states = (state for state, button in self.facets.items() if button.isChecked())
        return RunFilter(frozenset(states), self.field.text(), _SPANS[self.span.currentIndex()][1])

    def choose(self, states: Iterable[RunState] = (), text: str = "") -> None:
        """Ask for these states and words, of any time."""
        chosen = frozenset(states)
        self.blockSignals(True)
        for state, button in self.facets.items():
            button.setChecked(state in chosen)
        self.span.setCurrentIndex(0)
        self.field.setText(text)
        self._typing.stop()
        self.blockSignals(False)
        self._show_counts()
        self.changed.emit()

    def focus_field(self) -> None:
        """Put the keyboard into the field."""
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def set_counts(self, counts: Mapping[RunState, int]) -> None:
        """Say how many runs are in each state."""
        self._counts = dict(counts)
        self._show_counts()

    def set_shown(self, shown: int, total: int) -> None:
        """Say how many runs are left of how many."""
        text = formats.plural(total, "run")
        text = f"{formats.count(shown)} of {text}" if self.wanted.active else text
        if text != self._shown.text():
            longer = len(text) != len(self._shown.text())
            self._shown.setText(text)
            if longer:
                self._fit_shown()

    def _fit_shown(self) -> None:
        """Give the count a fixed size: else each frame would lay out the whole window."""
        hint = self._shown.sizeHint()
        self._shown.setFixedSize(hint.width() + _SPARE, hint.height())

    def _show_counts(self) -> None:
        moved = False
        for state, button in self.facets.items():
            number = self._counts.get(state, 0)
            width = button.sizeHint().width()
            button.set_count(formats.count(number))
            spare = not number and not button.isChecked() and state in _RARE
            moved = moved or spare != button.isHidden() or width != button.sizeHint().width()
            button.setHidden(spare)
        if moved:
            self._make_room()
            self._row.arrange()

    def _make_room(self) -> None:
        """Let the span go down to the field where the states need the whole of their line."""
        beside = self._row.sizeHint().width() + _GAP + self.span.sizeHint().width() <= self.width()
        if beside != (self._top.indexOf(self.span) >= 0):
            (self._line if beside else self._top).removeWidget(self.span)
            if beside:
                self._top.addWidget(self.span, 0, Qt.AlignmentFlag.AlignTop)
            else:
                self._line.addWidget(self.span)

    def _typed(self) -> None:
        if self._typing.isActive():
            self._typing.stop()
            self.changed.emit()
        self.left.emit()

    def _tint(self) -> None:
        self._search.setIcon(icons.icon("search", SemanticColor.FAINT))
        self._fit_shown()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share out the lines anew."""
        super().resizeEvent(event)
        self._make_room()
