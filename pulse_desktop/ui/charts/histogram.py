"""How many things fall into each range of a value: bars from zero, one color per range."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from pulse_desktop.text import formats
from pulse_desktop.ui.charts.chart_header import ChartHeader
from pulse_desktop.ui.charts.chart_tooltip import ChartTooltip, Line
from pulse_desktop.ui.charts.colors import ChartColours, chart_colours
from pulse_desktop.ui.charts.scale import Unit, value_ticks
from pulse_desktop.ui.theme.theme import theme

_FILL_ALPHA = 150
_GAP = 1.0


@dataclass(frozen=True)
class Bin:
    """One bar.

    Attributes:
        start: lower edge of the range.
        stop: upper edge.
        count: how many things are in it.
        colour: name of a colour of the chart.
        name: what this range is called, such as "noise".
    """

    start: float
    stop: float
    count: int
    colour: str
    name: str = ""


class Histogram(QWidget):
    """Bars over a value; the pointer or the arrow keys read one out."""

    def __init__(
        self,
        title: str,
        *,
        subtitle: str = "",
        empty_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Make an empty histogram.

        Args:
            title: short name of what is counted; the accessible name too.
            subtitle: more about it, in words.
            empty_text: sentence shown while there is nothing to count.
            parent: owner.
        """
        super().__init__(parent)
        self._colours = chart_colours(theme())
        self._header = ChartHeader(title, subtitle, self._colours)
        self._area = _Bars(empty_text, self._colours)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._header)
        layout.addWidget(self._area, 1)
        self._area.setAccessibleName(title)
        self.setAccessibleName(title)
        theme().changed.connect(self._follow_theme)

    @property
    def bins(self) -> tuple[Bin, ...]:
        """What is shown."""
        return self._area.bins

    @property
    def readout(self) -> str:
        """What is written beside the bar that is pointed at."""
        return self._area.readout.text() if not self._area.readout.isHidden() else ""

    def set_bins(self, bins: Sequence[Bin]) -> None:
        """Show other bars."""
        taken = tuple(bins)
        if taken != self._area.bins:
            self._area.bins = taken
            self._area.point_at(self._area.pointed)
            self._area.update()

    def set_subtitle(self, subtitle: str) -> None:
        """Say something else after the title."""
        self._header.set_subtitle(subtitle)

    def _follow_theme(self) -> None:
        self._colours = chart_colours(theme())
        self._header.set_colours(self._colours)
        self._area.set_colours(self._colours)


class _Bars(QWidget):
    """The drawn part.

    Attributes:
        bins: what is drawn.
        pointed: index of the bar that is read out, None for none.
        readout: the box beside it.
    """

    def __init__(self, empty_text: str, colours: ChartColours) -> None:
        super().__init__()
        self.bins: tuple[Bin, ...] = ()
        self.pointed: int | None = None
        self.readout = ChartTooltip(self)
        self._empty_text = empty_text
        self._colours = colours
        self.set_colours(colours)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def set_colours(self, colours: ChartColours) -> None:
        """Take the colours of another theme."""
        self._colours = colours
        self.readout.set_colours(colours, theme().text_font(step=-2))
        self.update()

    def point_at(self, index: int | None) -> None:
        """Read out a bar, or none."""
        if index is None or not 0 <= index < len(self.bins) or not self._total():
            self.pointed = None
            self.readout.hide()
        else:
            self.pointed = index
            chosen = self.bins[index]
            share = formats.percent(chosen.count / self._total())
            count = formats.count(chosen.count)
            line = Line(
                self._colours.resolve(chosen.colour), chosen.name or "count", f"{count} · {share}"
            )
            self.readout.show_values(f"{chosen.start:.2f} to {chosen.stop:.2f}", [line])
            area = QRectF(self.rect())
            self.readout.place(self._bar(index).center().x(), area)
            self.readout.raise_()
        self.update()

    def sizeHint(self) -> QSize:
        """Return a comfortable size."""
        return QSize(240, 120)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(120, 60)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read out the bar under the pointer."""
        x = event.position().x()
        hit = [i for i in range(len(self.bins)) if self._bar(i).left() <= x <= self._bar(i).right()]
        self.point_at(hit[0] if hit else None)

    def leaveEvent(self, event: QEvent) -> None:
        """Read out nothing."""
        super().leaveEvent(event)
        self.point_at(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Read out the bar before or after."""
        here = self.pointed
        match event.key():
            case Qt.Key.Key_Right:
                self.point_at(0 if here is None else min(here + 1, len(self.bins) - 1))
            case Qt.Key.Key_Left:
                self.point_at(len(self.bins) - 1 if here is None else max(here - 1, 0))
            case Qt.Key.Key_Escape if here is not None:
                self.point_at(None)
            case _:
                super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        colours = self._colours
        if not self._total():
            painter.setPen(QColor(colours.muted))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(16, 0, -16, 0), flags, self._empty_text)
            painter.end()
            return
        painter.setFont(theme().text_font(step=-2))
        plot = self._plot()
        metrics = QFontMetricsF(painter.font())
        for value, label in self._ticks():
            y = plot.bottom() - value / self._top() * plot.height()
            painter.setPen(QPen(QColor(colours.grid), 1))
            painter.drawLine(
                QPointF(plot.left(), round(y) + 0.5), QPointF(plot.right(), round(y) + 0.5)
            )
            painter.setPen(QColor(colours.muted))
            flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRectF(0, y - 10, plot.left() - 8, 20), flags, label)
        for index, each in enumerate(self.bins):
            colour = QColor(colours.resolve(each.colour))
            if index != self.pointed:
                colour.setAlpha(_FILL_ALPHA)
            painter.fillRect(self._bar(index), colour)
        painter.setPen(QColor(colours.muted))
        first, last = self.bins[0].start, self.bins[-1].stop
        for part in range(6):
            text = f"{first + (last - first) * part / 5:.1f}"
            x = plot.left() + plot.width() * part / 5
            x = min(
                x - metrics.horizontalAdvance(text) / 2,
                self.width() - metrics.horizontalAdvance(text),
            )
            painter.drawText(QPointF(x, self.height() - metrics.descent() - 1), text)
        painter.end()

    def _total(self) -> int:
        return sum(each.count for each in self.bins)

    def _ticks(self) -> tuple[tuple[float, str], ...]:
        most = max(2, self.height() // 40)
        return value_ticks(max(each.count for each in self.bins), Unit.COUNT, most).ticks

    def _top(self) -> float:
        return self._ticks()[-1][0]

    def _plot(self) -> QRectF:
        metrics = QFontMetricsF(theme().text_font(step=-2))
        wide = max(metrics.horizontalAdvance(label) for _, label in self._ticks()) + 12
        below = metrics.height() + 4
        return QRectF(
            wide, 7, max(1.0, self.width() - wide - 2), max(1.0, self.height() - below - 7)
        )

    def _bar(self, index: int) -> QRectF:
        plot = self._plot()
        wide = plot.width() / len(self.bins)
        high = self.bins[index].count / self._top() * plot.height()
        left = plot.left() + index * wide
        return QRectF(left + _GAP / 2, plot.bottom() - high, max(1.0, wide - _GAP), high)
