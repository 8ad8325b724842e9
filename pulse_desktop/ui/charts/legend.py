"""The names of a chart's series, each a switch that shows or hides its line."""

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from pulse_desktop.ui.charts.colors import ChartColours

_GAP = 4
_PAD = 6
_DOT = 8
_LONGEST_NAME = 24


class Entry(NamedTuple):
    """One name in the legend: the series' name and its colour as `#rrggbb`."""

    name: str
    colour: str


class LegendKey(QAbstractButton):
    """One series: a dot (filled while it is shown, hollow while not) and its name."""

    def __init__(self, entry: Entry, colours: ChartColours, parent: QWidget) -> None:
        super().__init__(parent)
        self.entry = entry
        self._colours = colours
        self.setCheckable(True)
        self.setChecked(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setText(entry.name)
        self.setAccessibleName(f"Show {entry.name}")
        self.setToolTip(f"{entry.name}: click to show or hide")
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def recolour(self, colour: str, colours: ChartColours) -> None:
        """Take other colours."""
        self.entry = self.entry._replace(colour=colour)
        self._colours = colours
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that shows everything."""
        metrics = QFontMetrics(self.font())
        width = metrics.horizontalAdvance(_shortened(self.text())) + _DOT + 6 + 2 * _PAD
        return QSize(width, metrics.height() + 6)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self._colours
        if self.hasFocus() or self.underMouse():
            ring = colours.focus if self.hasFocus() else colours.border
            painter.setPen(QPen(QColor(ring), 1))
            painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        dot = QPointF(_PAD + _DOT / 2, self.height() / 2)
        painter.setPen(QPen(QColor(self.entry.colour), 1.4))
        painter.setBrush(QColor(self.entry.colour) if self.isChecked() else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(dot, _DOT / 2 - 1, _DOT / 2 - 1)
        painter.setPen(QColor(colours.text if self.isChecked() else colours.muted))
        font = painter.font()
        font.setStrikeOut(not self.isChecked())
        painter.setFont(font)
        area = self.rect().adjusted(_PAD + _DOT + 6, 0, -_PAD + 2, 0)
        painter.drawText(
            area,
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            _shortened(self.text()),
        )
        painter.end()


class Legend(QWidget):
    """Keys in lines, right-aligned, wrapped when they do not fit in one.

    Signals:
        toggled: name of a series and whether it is shown now.
    """

    toggled = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys: dict[str, LegendKey] = {}
        self.aligned_right = True
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_entries(self, entries: Sequence[Entry], colours: ChartColours) -> None:
        """Show these names; a name that was there before stays shown or hidden as it was."""
        names = {entry.name for entry in entries}
        for gone in self._keys.keys() - names:
            key = self._keys.pop(gone)
            key.hide()
            key.deleteLater()
        ordered: dict[str, LegendKey] = {}
        for entry in entries:
            key = self._keys.get(entry.name) or self._make(entry, colours)
            key.recolour(entry.colour, colours)
            ordered[entry.name] = key
        self._keys = ordered
        previous: QWidget = self
        for key in ordered.values():
            if previous is not self:
                QWidget.setTabOrder(previous, key)
            previous = key
        self._arrange(self.width())
        self.updateGeometry()

    def is_shown(self, name: str) -> bool:
        """Tell whether a series is switched on; one that is not listed is."""
        key = self._keys.get(name)
        return key is None or key.isChecked()

    def one_line_width(self) -> int:
        """Pixels needed to have all names in one line."""
        widths = [key.sizeHint().width() for key in self._keys.values()]
        return sum(widths) + _GAP * max(0, len(widths) - 1)

    def set_width(self, width: int) -> None:
        """Put the keys into lines for this width."""
        self._arrange(width)

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines at a width."""
        return self._arrange(width, move=False)

    def sizeHint(self) -> QSize:
        """Return the size that shows everything."""
        return QSize(self.one_line_width(), self._arrange(max(self.width(), 1), move=False))

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(40, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange for the new size."""
        self._arrange(event.size().width())

    def _make(self, entry: Entry, colours: ChartColours) -> LegendKey:
        key = LegendKey(entry, colours, self)
        key.toggled.connect(lambda shown, name=entry.name: self.toggled.emit(name, shown))
        key.show()
        return key

    def _arrange(self, width: int, *, move: bool = True) -> int:
        """Put the keys into lines and return the height that takes."""
        lines: list[list[LegendKey]] = [[]]
        used = 0
        for key in self._keys.values():
            wide = key.sizeHint().width()
            if lines[-1] and used + wide > width:
                lines.append([])
                used = 0
            lines[-1].append(key)
            used += wide + _GAP
        top = 0
        for line in lines:
            total = sum(k.sizeHint().width() for k in line) + _GAP * max(0, len(line) - 1)
            left = max(0, width - total) if self.aligned_right else 0
            for key in line:
                size = key.sizeHint()
                if move:
                    key.setGeometry(QRect(left, top, min(size.width(), width), size.height()))
                left += size.width() + _GAP
            top += line[0].sizeHint().height() + 2 if line else 0
        return max(0, top - 2)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
