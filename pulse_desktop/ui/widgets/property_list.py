"""What is known of one thing, as names and values: read at a glance, selectable, copyable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.theme.tooltips import plain_tooltip

_LONGEST: Final = 600


@dataclass(frozen=True)
class Property:
    """One line.

    Attributes:
        name: sentence case.
        value: a fact without a value is left out.
        color: None for ordinary text.
        mono: for identifiers and code.
        tooltip: more about it, such as the absolute time.
    """

    name: str
    value: str
    color: SemanticColor | None = None
    mono: bool = False
    tooltip: str = ""


class _Value(QLabel):
    """Wraps between words; a word that is wider than the line loses its middle, not its end."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._whole = ""
        self._tip = ""

    def show_text(self, text: str, tip: str) -> None:
        """Show a text, and more about it in the tooltip."""
        self._whole, self._tip = text, tip
        self._fit()

    def _fit(self) -> None:
        room, metrics = self.contentsRect().width(), self.fontMetrics()
        text = self._whole
        for word in {word for word in text.split() if metrics.horizontalAdvance(word) > room}:
            shown = metrics.elidedText(word, Qt.TextElideMode.ElideMiddle, room)
            text = text.replace(word, shown)
        if text != self.text():
            self.setText(text)
        whole = self._whole if text != self._whole else ""
        self.setToolTip(plain_tooltip("\n".join(filter(None, (whole, self._tip)))))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as much as there is room for."""
        super().resizeEvent(event)
        self._fit()


class PropertyList(QWidget):
    """Names in a quiet column, values beside them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: list[Property] = []
        self._labels: list[tuple[QLabel, _Value]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        theme().changed.connect(self._follow_theme)

    @property
    def facts(self) -> dict[str, str]:
        """What is shown, by name."""
        return {fact.name: fact.value for fact in self._shown}

    def set_facts(self, facts: Sequence[Property]) -> None:
        """Show other facts. Cheap when little changed: called while things happen."""
        shown = [fact for fact in facts if fact.value]
        if shown == self._shown:
            return
        while len(self._labels) < len(shown):
            self._add_line()
        for index, (name, value) in enumerate(self._labels):
            used = index < len(shown)
            name.setVisible(used)
            value.setVisible(used)
            if used and (index >= len(self._shown) or shown[index] != self._shown[index]):
                _fill(name, value, shown[index])
        self._shown = shown

    def _add_line(self) -> None:
        name, value = QLabel(self), _Value(self)
        name.setProperty("role", "muted")
        labels: tuple[QLabel, ...] = (name, value)
        for label in labels:
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        value.setWordWrap(True)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = len(self._labels)
        self._grid.addWidget(name, row, 0)
        self._grid.addWidget(value, row, 1)
        self._labels.append((name, value))

    def _follow_theme(self) -> None:
        for (name, value), fact in zip(self._labels, self._shown, strict=False):
            _fill(name, value, fact)


def _fill(name: QLabel, value: _Value, fact: Property) -> None:
    name.setText(fact.name)
    text = fact.value if len(fact.value) <= _LONGEST else f"{fact.value[:_LONGEST]}…"
    value.setFont(theme().number_font() if fact.mono else theme().text_font())
    value.show_text(text, fact.tooltip)
    value.setAccessibleName(f"{fact.name}: {text}")
    set_style_property(value, "color", fact.color.value if fact.color is not None else "")
