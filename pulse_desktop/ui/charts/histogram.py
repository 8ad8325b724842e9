"""Histogram: bars from zero, with a color per bin."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.chart_header import ChartHeader
from pulse_desktop.ui.charts.chart_tooltip import ChartTooltip, TooltipLine
from pulse_desktop.ui.charts.colors import ChartColors, chart_colors
from pulse_desktop.ui.charts.scale import Unit, value_ticks
from pulse_desktop.ui.theme.theme import theme

_FILL_ALPHA = 150
_GAP = 1.0


@dataclass(frozen=True)
class Bin:
    """A range of the value and how many items are in it.

    Attributes:
        start: lower edge.
        stop: upper edge.
        count: number of items.
        color: name of a chart color.
        name: label of the range, such as "noise".
    """

    start: float
    stop: float
    count: int
    color: str
    name: str = ""


class Histogram(QWidget):
    """The chart. Pointer and arrow keys show the tooltip of a bar.

    Attributes:
        bars: the painted part.
    """

    def __init__(self, title: str, *, empty_text: str = "") -> None:
        """Create an empty histogram.

        Args:
            title: short name of what is counted; also the accessible name.
            empty_text: sentence shown while there are no items.
        """
        super().__init__()
        self._colors = chart_colors(theme())
        self._header = ChartHeader(title, "", self._colors)
        self.bars = HistogramBars(empty_text, self._colors)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._header)
        layout.addWidget(self.bars, 1)
        self.bars.setAccessibleName(title)
        self.setAccessibleName(title)
        theme().changed.connect(self._apply_theme)

    @property
    def bins(self) -> tuple[Bin, ...]:
        """The bars."""
        return self.bars.bins

    @property
    def tooltip(self) -> str:
        """Text of the tooltip, empty while there is none."""
        return self.bars.tooltip.text

    def set_bins(self, bins: Sequence[Bin]) -> None:
        """Change the bars."""
        changed = tuple(bins)
        if changed != self.bars.bins:
            self.bars.bins = changed
            self.bars.select(self.bars.selected)
            self.bars.update()

    def set_reason(self, reason: str) -> None:
        """Say why there may be no bars although there are items; "" for no such reason."""
        self.bars.set_reason(reason)

    def set_empty_text(self, text: str) -> None:
        """Change the sentence that is shown while there are no items."""
        self.bars.set_empty_text(text)

    def set_subtitle(self, subtitle: str) -> None:
        """Change the text after the title."""
        self._header.set_subtitle(subtitle)

    def _apply_theme(self) -> None:
        self._colors = chart_colors(theme())
        self._header.set_colors(self._colors)
        self.bars.set_colors(self._colors)


class HistogramBars(QWidget):
    """The painted part.

    Attributes:
        bins: the bars.
        selected: index of the bar with the tooltip, None for none.
        tooltip: the box beside it.
    """

    def __init__(self, empty_text: str, colors: ChartColors) -> None:
        super().__init__()
        self.bins: tuple[Bin, ...] = ()
        self.selected: int | None = None
        self.tooltip = ChartTooltip(self)
        self._empty_text = empty_text
        self._reason = ""
        self._colors = colors
        self.set_colors(colors)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setProperty("kind", "chart")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    def set_colors(self, colors: ChartColors) -> None:
        """Use the colors of another theme."""
        self._colors = colors
        self.tooltip.set_colors(colors, theme().text_font(step=-2))
        self.update()

    def set_reason(self, reason: str) -> None:
        """Change the reason that is painted instead of the usual sentence."""
        if reason != self._reason:
            self._reason = reason
            self.update()

    @property
    def hint(self) -> str:
        """What is painted while there are no items."""
        return self._reason or self._empty_text

    def set_empty_text(self, text: str) -> None:
        """Change the usual sentence."""
        if text != self._empty_text:
            self._empty_text = text
            self.update()

    def select(self, index: int | None) -> None:
        """Show the tooltip of a bar, or hide it."""
        if index is None or not 0 <= index < len(self.bins) or not self._total():
            self.selected = None
            self.tooltip.hide()
        else:
            self.selected = index
            chosen = self.bins[index]
            share = formats.percent(chosen.count / self._total())
            count = formats.count(chosen.count)
            line = TooltipLine(
                self._colors.resolve(chosen.color), chosen.name or _("count"), f"{count} · {share}"
            )
            self.tooltip.show_values(
                _("{start:.2f} to {stop:.2f}").format(start=chosen.start, stop=chosen.stop), [line]
            )
            area = QRectF(self.rect())
            self.tooltip.place(self.bar_rect(index).center().x(), area)
            self.tooltip.raise_()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the preferred size."""
        return QSize(240, 120)

    def minimumSizeHint(self) -> QSize:
        """Return the minimum size."""
        return QSize(120, 60)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show the tooltip of the bar under the pointer."""
        x = event.position().x()
        hit = [
            i
            for i in range(len(self.bins))
            if self.bar_rect(i).left() <= x <= self.bar_rect(i).right()
        ]
        self.select(hit[0] if hit else None)

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the tooltip."""
        super().leaveEvent(event)
        self.select(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the tooltip to the previous or next bar."""
        current = self.selected
        match event.key():
            case Qt.Key.Key_Right:
                self.select(0 if current is None else min(current + 1, len(self.bins) - 1))
            case Qt.Key.Key_Left:
                self.select(len(self.bins) - 1 if current is None else max(current - 1, 0))
            case Qt.Key.Key_Escape if current is not None:
                self.select(None)
            case _:
                super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint axes and bars."""
        painter = QPainter(self)
        colors = self._colors
        if not self._total():
            painter.setPen(QColor(colors.muted))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(16, 0, -16, 0), flags, self.hint)
            painter.end()
            return
        painter.setFont(theme().text_font(step=-2))
        plot = self.plot_rect()
        metrics = QFontMetricsF(painter.font())
        for value, label in self._ticks():
            y = plot.bottom() - value / self._top() * plot.height()
            painter.setPen(QPen(QColor(colors.grid), 1))
            painter.drawLine(
                QPointF(plot.left(), round(y) + 0.5), QPointF(plot.right(), round(y) + 0.5)
            )
            painter.setPen(QColor(colors.muted))
            flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRectF(0, y - 10, plot.left() - 8, 20), flags, label)
        for index, each in enumerate(self.bins):
            color = QColor(colors.resolve(each.color))
            if index != self.selected:
                color.setAlpha(_FILL_ALPHA)
            painter.fillRect(self.bar_rect(index), color)
        painter.setPen(QColor(colors.muted))
        first, last = self.bins[0].start, self.bins[-1].stop
        for part in range(6):
            text = f"{first + (last - first) * part / 5:.1f}"
            x = plot.left() + plot.width() * part / 5
            width = metrics.horizontalAdvance(text)
            # The first label must not touch the lowest one of the counts.
            x = max(plot.left(), min(x - width / 2, self.width() - width))
            painter.drawText(QPointF(x, self.height() - metrics.descent() - 1), text)
        painter.end()

    def _total(self) -> int:
        return sum(each.count for each in self.bins)

    def _ticks(self) -> tuple[tuple[float, str], ...]:
        max_ticks = max(2, self.height() // 40)
        return value_ticks(max(each.count for each in self.bins), Unit.COUNT, max_ticks).ticks

    def _top(self) -> float:
        return self._ticks()[-1][0]

    def plot_rect(self) -> QRectF:
        """Return the area between the axes."""
        metrics = QFontMetricsF(theme().text_font(step=-2))
        left = max(metrics.horizontalAdvance(label) for _value, label in self._ticks()) + 12
        below = metrics.height() + 4
        return QRectF(
            left, 7, max(1.0, self.width() - left - 2), max(1.0, self.height() - below - 7)
        )

    def bar_rect(self, index: int) -> QRectF:
        """Return the area of a bar."""
        plot = self.plot_rect()
        width = plot.width() / len(self.bins)
        height = self.bins[index].count / self._top() * plot.height()
        left = plot.left() + index * width
        return QRectF(left + _GAP / 2, plot.bottom() - height, max(1.0, width - _GAP), height)
