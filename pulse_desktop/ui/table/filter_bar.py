"""What a table shows of all there is: facets with counts, a text filter, how many that leaves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.filter_chip import FilterChip
from pulse_desktop.ui.table.flow_layout import FlowLayout
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

RowT = TypeVar("RowT")

TYPING_MS: Final = 120
_FILTER_WIDTH: Final = 240
_WIDE_FILTER: Final = 360
_NARROW_FILTER: Final = 150
_NARROW: Final = 1000


@dataclass(frozen=True)
class Facet:
    """One part of the rows.

    Attributes:
        key: name in the program.
        word: for the operator.
        sign: name or glyph of an icon.
        color: of the sign while there are any.
        rare: whether it is offered only while there are any.
    """

    key: str
    word: str
    sign: str
    color: SemanticColor = SemanticColor.MUTED
    rare: bool = False


class FilterBar(QWidget, Generic[RowT]):
    """Facets, text and count above a table.

    With no facet on, all rows pass; with some on, theirs. Each word of the text has to be found.
    What a row's facets are and where its text is, the page says.

    Signals:
        changed: other rows pass now.
        period_chosen: index of the period the charts should show.
    """

    changed = Signal()
    period_chosen = Signal(int)

    def __init__(
        self,
        in_facets: Callable[[RowT, frozenset[str]], bool],
        finder: Callable[[Sequence[str]], Callable[[RowT], bool]],
        *,
        hint: str,
        periods: Sequence[str] = (),
        own_line: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """Make a bar.

        Args:
            in_facets: whether a row belongs to one of some facets, given by their keys.
            finder: makes a test for rows in which all of some words, in small letters, are found.
            hint: what can be typed, such as "author, text or source".
            periods: what the charts can show, as words; empty when there are no charts.
            own_line: whether the facets, being many, have a line to themselves.
            parent: owner.
        """
        super().__init__(parent)
        self._in_facets = in_facets
        self._finder = finder
        self._buttons: dict[str, FilterChip] = {}
        self._offered: dict[str, Facet] = {}
        self._facets = FlowLayout()
        self._field = QLineEdit()
        self._field.setPlaceholderText("Filter")
        self._field.setToolTip(f"Filter by {hint} ( / )")
        self._field.setAccessibleName(f"Filter by {hint}")
        self._field.setClearButtonEnabled(True)
        self._search = self._field.addAction(
            icons.icon("search", SemanticColor.FAINT), QLineEdit.ActionPosition.LeadingPosition
        )
        self._search.setText("Filter")  # its button needs a name
        self._count = QLabel()
        self._count.setProperty("role", "muted")
        self._typing = QTimer(self)
        self._typing.setObjectName("filter typing")
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self.changed)
        self._field.textChanged.connect(lambda _: self._typing.start())
        self._field.returnPressed.connect(self._typed)
        self._periods = QComboBox()
        self._periods.addItems(list(periods))
        self._periods.setAccessibleName("Period of the charts")
        if not periods:
            self._periods.hide()  # to show it before it has a parent would open a window
        self._periods.currentIndexChanged.connect(self.period_chosen)
        self._own_line = own_line
        self._lay_out(own_line=own_line)
        theme().changed.connect(self._tint)

    def _lay_out(self, *, own_line: bool) -> None:
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(10)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        if own_line:
            layout.addWidget(self._facets)
            line.addWidget(self._field)
            line.addWidget(self._count)
            line.addStretch(1)
        else:
            line.addWidget(self._facets, 1)
            line.addWidget(self._count)
            line.addWidget(self._field)
        line.addWidget(self._periods)
        layout.addLayout(line)

    @property
    def text(self) -> str:
        """What is typed."""
        return self._field.text().strip()

    @property
    def chosen(self) -> frozenset[str]:
        """Keys of the facets that are on."""
        return frozenset(key for key, button in self._buttons.items() if button.isChecked())

    @property
    def active(self) -> bool:
        """Whether any row may be left out."""
        return bool(self.text or self.chosen)

    def add_facet(self, facet: Facet, before: str = "") -> None:
        """Offer a facet, before another one or at the end."""
        button = FilterChip(facet.word, facet.sign, facet.color)
        button.setCheckable(True)
        button.setToolTip(f"Show only {facet.word}")
        button.toggled.connect(lambda _: self.changed.emit())
        self._buttons[facet.key] = button
        self._offered[facet.key] = facet
        self._facets.add(button, self._buttons.get(before))

    def has_facet(self, key: str) -> bool:
        """Tell whether a facet is offered."""
        return key in self._buttons

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Say how many rows each facet has."""
        before = self._facets.sizeHint().width()
        for key, button in self._buttons.items():
            facet, count = self._offered[key], counts.get(key, 0)
            button.set_count(formats.short_count(count))
            button.set_color(
                facet.color if count or facet.color is SemanticColor.GOOD else SemanticColor.MUTED
            )
            button.setHidden(facet.rare and not count and not button.isChecked())
        if self._facets.sizeHint().width() != before:
            self._facets.arrange()

    def set_shown(self, shown: int, total: int, noun: str) -> None:
        """Say how many rows are left of how many."""
        if self.active:
            text = f"{formats.count(shown)} of {formats.plural(total, noun)}"
        else:
            text = formats.plural(total, noun)
        if text != self._count.text():
            self._count.setText(text)
            self._give_way()

    def set_text(self, text: str) -> None:
        """Filter by a text at once."""
        self._field.setText(text)
        self._typed()

    def choose(self, *keys: str) -> None:
        """Switch these facets on and the others off."""
        for key, button in self._buttons.items():
            button.setChecked(key in keys)

    def clear(self) -> bool:
        """Let all rows pass; tell whether any was left out before."""
        was = self.active
        self.choose()
        self.set_text("")
        return was

    def focus_text(self) -> None:
        """Put the keyboard into the text."""
        self._field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._field.selectAll()

    def predicate(self) -> Callable[[RowT], bool] | None:
        """Return what rows have to fulfil now, None when all pass."""
        chosen, words = self.chosen, self.text.casefold().split()
        in_facets = self._in_facets
        if not words:
            return (lambda row: in_facets(row, chosen)) if chosen else None
        found = self._finder(words)
        return (lambda row: in_facets(row, chosen) and found(row)) if chosen else found

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the facets in one line where it can be done."""
        super().resizeEvent(event)
        self._give_way()

    def _give_way(self) -> None:
        if self._own_line:
            self._field.setFixedWidth(_WIDE_FILTER)
            return
        narrow = self.width() < _NARROW
        self._field.setFixedWidth(_NARROW_FILTER if narrow else _FILTER_WIDTH)
        self._count.setHidden(narrow and not self.active)

    def _typed(self) -> None:
        if self._typing.isActive() or not self.text:
            self._typing.stop()
            self.changed.emit()

    def _tint(self) -> None:
        self._search.setIcon(icons.icon("search", SemanticColor.FAINT))
