"""The factors of a score: a bar from 0 to 1 for each, ordered by weight."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.theme import theme

_LINE: Final = 22
_BAR: Final = 6
_MAX_FACTORS: Final = 24


class Factor(NamedTuple):
    """A factor of a score.

    Attributes:
        name: identifier, as the event has it.
        value: from 0 to 1.
        weight: in the score, None when unknown.
    """

    name: str
    value: float
    weight: float | None


class ScoreBreakdown(QWidget):
    """One line per factor: name, bar, value and weight."""

    def __init__(self) -> None:
        super().__init__()
        self._factors: tuple[Factor, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_("Factors of the score"))
        theme().changed.connect(self.update)

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The factors shown, the largest weight first."""
        return self._factors

    def set_factors(self, factors: Sequence[Factor]) -> None:
        """Show factors, at most 24."""
        ordered = sorted(factors, key=lambda f: (-(f.weight or 0.0), f.name))[:_MAX_FACTORS]
        if tuple(ordered) != self._factors:
            self._factors = tuple(ordered)
            texts = (f"{_label(f)} {f.value:.2f}" for f in ordered)
            self.setAccessibleDescription(", ".join(texts))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Return the height of all lines."""
        return QSize(240, _LINE * len(self._factors))

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(160, _LINE * len(self._factors))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the lines."""
        painter = QPainter(self)
        small = theme().number_font(step=-1)
        metrics = QFontMetrics(self.font())
        names = [_label(factor) for factor in self._factors]
        name_width = max((metrics.horizontalAdvance(name) for name in names), default=0)
        left = min(name_width, self.width() // 2) + 14
        numbers = QFontMetrics(small).horizontalAdvance("0.00 × 0.00") + 10
        room = max(20, self.width() - left - numbers)
        vertical = Qt.AlignmentFlag.AlignVCenter
        for number, (name, factor) in enumerate(zip(names, self._factors, strict=True)):
            top = number * _LINE
            painter.setFont(self.font())
            painter.setPen(theme().color(SemanticColor.MUTED))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, left - 10)
            painter.drawText(QRectF(0, top, left, _LINE), int(vertical), shown)
            bar = QRectF(left, top + (_LINE - _BAR) / 2, room, _BAR)
            painter.fillRect(bar, theme().color("hover"))
            bar.setWidth(room * min(max(factor.value, 0.0), 1.0))
            painter.fillRect(bar, theme().color(SemanticColor.ACCENT))
            painter.setFont(small)
            painter.setPen(theme().color(SemanticColor.TEXT))
            text = f"{factor.value:.2f}"
            if factor.weight is not None:
                text += f" × {factor.weight:.2f}"
            area = QRectF(left + room, top, numbers, _LINE)
            painter.drawText(area, int(vertical | Qt.AlignmentFlag.AlignRight), text)
        painter.end()


def _label(factor: Factor) -> str:
    return printable_cell(factor.name.replace("_", " "))
