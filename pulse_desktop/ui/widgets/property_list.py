"""Property list: names and values of one item, selectable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from pulse_desktop.text.printable import printable
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.wrapped_label import WrappedLabel

_MAX_VALUE: Final = 600


@dataclass(frozen=True)
class Property:
    """A line of the list.

    Attributes:
        name: label, sentence case.
        value: text; a property with an empty value is not shown.
        color: color of the value, None for ordinary text.
        mono: whether the value is monospaced, as identifiers and code are.
        tooltip: more about the value, such as the absolute time.
    """

    name: str
    value: str
    color: SemanticColor | None = None
    mono: bool = False
    tooltip: str = ""


class PropertyList(QWidget):
    """The list: muted names with the values beside them."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[Property] = []
        self._labels: list[tuple[Label, WrappedLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        theme().changed.connect(self._apply_theme)

    @property
    def values(self) -> dict[str, str]:
        """The values shown, by name."""
        return {each.name: each.value for each in self._shown}

    def label(self, name: str) -> Label:
        """Return the label with the value of a property. Raises KeyError."""
        for each, (_name, value) in zip(self._shown, self._labels, strict=False):
            if each.name == name:
                return value
        raise KeyError(name)

    def set_properties(self, properties: Sequence[Property]) -> None:
        """Change the properties. Cheap when few changed: it is called every frame."""
        shown = [each for each in properties if each.value]
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
        name, value = Label(parent=self), WrappedLabel(self)
        name.setProperty("role", "muted")
        labels: tuple[Label, ...] = (name, value)
        for label in labels:
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        value.setWordWrap(True)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = len(self._labels)
        self._grid.addWidget(name, row, 0)
        self._grid.addWidget(value, row, 1)
        self._labels.append((name, value))

    def _apply_theme(self) -> None:
        for (name, value), each in zip(self._labels, self._shown, strict=False):
            _fill(name, value, each)


def _fill(name: Label, value: WrappedLabel, shown: Property) -> None:
    name.setText(shown.name)
    text = shown.value if len(shown.value) <= _MAX_VALUE else f"{shown.value[:_MAX_VALUE]}…"
    value.setFont(theme().number_font() if shown.mono else theme().text_font())
    value.show_text(text, shown.tooltip)
    value.setAccessibleName(f"{name.text()}: {printable(text)}")
    set_style_property(value, "color", shown.color.value if shown.color is not None else "")
