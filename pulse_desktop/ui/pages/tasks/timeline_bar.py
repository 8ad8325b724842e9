"""The timeline of a run: when it was queued, started and finished, as text and as a bar.

Unknown times are left out of the bar, which never guesses: a worker that sends no events does not
report when it started the run.
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
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.theme import theme

BAR_HEIGHT: Final = 6
_GAP: Final = 7
_MIN_SEGMENT: Final = 4.0
_ARROW: Final = "  →  "


@dataclass(frozen=True)
class Segment:
    """A part of the bar.

    Attributes:
        color: of the event at its end.
        left: in pixels from the left edge of the bar.
        width: in pixels.
    """

    color: SemanticColor
    left: float
    width: float


class TimelineBar(QWidget):
    """Events as one line of text (more when narrow), and a thin bar below."""

    def __init__(self) -> None:
        super().__init__()
        self._events: tuple[TimelineEvent, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(_("Timeline"))
        theme().changed.connect(self.update)

    def set_events(self, events: Sequence[TimelineEvent]) -> None:
        """Show these events, earliest first; the last one of an open run is the present state."""
        new = tuple(events)
        if new == self._events:
            return
        line_count = len(self._wrap_events(self.width(), self._events))
        self._events = new
        self.setAccessibleDescription(self.text)
        if len(self._wrap_events(self.width(), new)) != line_count:
            self.updateGeometry()
        self.update()

    @property
    def text(self) -> str:
        """All events in one line."""
        return " → ".join(event.label for event in self._events)

    def fractions(self) -> list[tuple[SemanticColor, float]]:
        """Return the segments of the bar: color, and fraction of the whole (0 to 1)."""
        known = [event for event in self._events if event.at is not None]
        durations = [
            (after.color, max(0.0, (after.at or 0.0) - (before.at or 0.0)))
            for before, after in pairwise(known)
        ]
        if not durations:
            return []
        total = sum(seconds for _color, seconds in durations)
        if total <= 0:
            return [(durations[-1][0], 1.0)]
        return [(color, seconds / total) for color, seconds in durations]

    def segments(self, width: float) -> list[Segment]:
        """Return the segments of a bar of a width in pixels; even the shortest is visible."""
        fractions = self.fractions()
        widths = [max(_MIN_SEGMENT, fraction * width) for _color, fraction in fractions]
        excess = sum(widths) - width
        if widths and excess > 0:
            longest = widths.index(max(widths))
            widths[longest] = max(_MIN_SEGMENT, widths[longest] - excess)
        segments = []
        left = 0.0
        for (color, _fraction), segment_width in zip(fractions, widths, strict=True):
            segments.append(Segment(color, left, segment_width))
            left += segment_width
        return segments

    def sizeHint(self) -> QSize:
        """Return the size with all text in one line."""
        return QSize(280, self.heightForWidth(max(self.width(), 280)))

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(120, self.heightForWidth(max(self.width(), 120)))

    def heightForWidth(self, width: int) -> int:
        """Return the height of text and bar at a width."""
        line_height = QFontMetrics(self.font()).height() + 2
        return max(1, len(self._wrap_events(width, self._events))) * line_height + _GAP + BAR_HEIGHT

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the text, then the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_text(painter)
        bar = QRectF(0, self.height() - BAR_HEIGHT, self.width(), BAR_HEIGHT)
        rounded = QPainterPath()
        rounded.addRoundedRect(bar, BAR_HEIGHT / 2, BAR_HEIGHT / 2)
        painter.setClipPath(rounded)
        painter.fillRect(bar, theme().color("hover"))
        for segment in self.segments(bar.width()):
            area = QRectF(segment.left, bar.top(), segment.width, bar.height())
            muted = segment.color is SemanticColor.MUTED
            painter.fillRect(area, theme().color("crosshair" if muted else segment.color))
        painter.end()

    def _paint_text(self, painter: QPainter) -> None:
        metrics = QFontMetrics(self.font())
        top = 0
        for line in self._wrap_events(self.width(), self._events):
            left = 0
            for number, event in enumerate(line):
                if number:
                    painter.setPen(theme().color(SemanticColor.FAINT))
                    painter.drawText(left, top + metrics.ascent(), _ARROW)
                    left += metrics.horizontalAdvance(_ARROW)
                painter.setPen(theme().color(event.color))
                painter.drawText(left, top + metrics.ascent(), event.label)
                left += metrics.horizontalAdvance(event.label)
            top += metrics.height() + 2

    def _wrap_events(
        self, width: int, events: Sequence[TimelineEvent]
    ) -> list[list[TimelineEvent]]:
        """Wrap events into lines no wider than `width` pixels."""
        metrics = QFontMetrics(self.font())
        arrow = metrics.horizontalAdvance(_ARROW)
        lines: list[list[TimelineEvent]] = []
        used = 0
        for event in events:
            event_width = metrics.horizontalAdvance(event.label)
            if lines and used + arrow + event_width <= width:
                lines[-1].append(event)
                used += arrow + event_width
            else:
                lines.append([event])
                used = event_width
        return lines
