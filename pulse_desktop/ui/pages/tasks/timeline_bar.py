"""When a run was queued, started and finished: in words, and as a bar in proportion.

What is not known (a worker that sends no events never says when it started) is left out of both;
the bar never guesses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from pulse_desktop.text.run_text import TimelineEvent
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.theme import theme

BAR_HEIGHT: Final = 6
_GAP: Final = 7
_NARROWEST: Final = 4.0
_ARROW: Final = "  →  "


@dataclass(frozen=True)
class _Segment:
    seconds: float
    color: SemanticColor


class TimelineBar(QWidget):
    """One line of words (more when narrow) and a thin bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._moments: tuple[TimelineEvent, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Timeline")
        theme().changed.connect(self.update)

    def set_moments(self, moments: Sequence[TimelineEvent]) -> None:
        """Show these moments, earliest first; a run that goes on ends with one that is now."""
        taken = tuple(moments)
        if taken == self._moments:
            return
        changed_length = len(self._lines(self.width(), taken)) != len(self._lines(self.width()))
        self._moments = taken
        self.setAccessibleDescription(self.words)
        if changed_length:
            self.updateGeometry()
        self.update()

    @property
    def words(self) -> str:
        """All that is said, in one line."""
        return " → ".join(moment.words for moment in self._moments)

    def shares(self) -> list[tuple[SemanticColor, float]]:
        """Return the stretches of the bar: color, and part of the whole (0 to 1)."""
        stretches = self._stretches()
        total = sum(stretch.seconds for stretch in stretches)
        if not stretches:
            return []
        if total <= 0:
            return [(stretches[-1].color, 1.0)]
        return [(stretch.color, stretch.seconds / total) for stretch in stretches]

    def sizeHint(self) -> QSize:
        """Return the size with all words in one line."""
        return QSize(280, self.heightForWidth(max(self.width(), 280)))

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(120, self.heightForWidth(max(self.width(), 120)))

    def heightForWidth(self, width: int) -> int:
        """Return the height of words and bar at a width."""
        line = QFontMetrics(self.font()).height() + 2
        return max(1, len(self._lines(width))) * line + _GAP + BAR_HEIGHT

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetrics(self.font())
        top = 0
        for line in self._lines(self.width()):
            left = 0
            for number, moment in enumerate(line):
                if number:
                    painter.setPen(theme().color(SemanticColor.FAINT))
                    painter.drawText(left, top + metrics.ascent(), _ARROW)
                    left += metrics.horizontalAdvance(_ARROW)
                painter.setPen(theme().color(moment.color))
                painter.drawText(left, top + metrics.ascent(), moment.words)
                left += metrics.horizontalAdvance(moment.words)
            top += metrics.height() + 2
        bar = QRectF(0, self.height() - BAR_HEIGHT, self.width(), BAR_HEIGHT)
        rounded = QPainterPath()
        rounded.addRoundedRect(bar, BAR_HEIGHT / 2, BAR_HEIGHT / 2)
        painter.setClipPath(rounded)
        painter.fillRect(bar, theme().color("hover"))
        for color, start, width in self._placed(bar.width()):
            part = QRectF(start, bar.top(), width, bar.height())
            painter.fillRect(
                part, theme().color("crosshair" if color is SemanticColor.MUTED else color)
            )
        painter.end()

    def _stretches(self) -> list[_Segment]:
        known = [moment for moment in self._moments if moment.at is not None]
        return [
            _Segment(max(0.0, (after.at or 0.0) - (before.at or 0.0)), after.color)
            for before, after in pairwise(known)
        ]

    def _placed(self, width: float) -> list[tuple[SemanticColor, float, float]]:
        """Give each stretch its place in pixels; even the shortest can be seen."""
        shares = self.shares()
        widths = [max(_NARROWEST, share * width) for _, share in shares]
        over = sum(widths) - width
        if widths and over > 0:
            longest = widths.index(max(widths))
            widths[longest] = max(_NARROWEST, widths[longest] - over)
        placed = []
        start = 0.0
        for (color, _), wide in zip(shares, widths, strict=True):
            placed.append((color, start, wide))
            start += wide
        return placed

    def _lines(
        self, width: int, moments: tuple[TimelineEvent, ...] | None = None
    ) -> list[list[TimelineEvent]]:
        metrics = QFontMetrics(self.font())
        lines: list[list[TimelineEvent]] = []
        used = 0
        for moment in self._moments if moments is None else moments:
            wide = metrics.horizontalAdvance(moment.words)
            if lines and used + metrics.horizontalAdvance(_ARROW) + wide <= width:
                lines[-1].append(moment)
                used += metrics.horizontalAdvance(_ARROW) + wide
            else:
                lines.append([moment])
                used = wide
        return lines
