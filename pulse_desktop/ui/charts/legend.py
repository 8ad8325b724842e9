"""Legend of a chart: a toggle for each series that shows or hides its line."""

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.colors import DASHES, ChartColors
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip, without_mnemonic

_GAP = 4
_PADDING = 6
_DOT = 8
_MAX_NAME = 24


class LegendEntry(NamedTuple):
    """One series in the legend.

    Attributes:
        name: of the series.
        color: `#rrggbb`.
        dash: which of the `DASHES` its line has.
        glyph: character of an icon that is painted instead of a dot, empty for none.
        clickable: whether a click on the name filters by the series.
        has_bars: whether it is drawn as bars, each of which filters by its time as well.
    """

    name: str
    color: str
    dash: int = 0
    glyph: str = ""
    clickable: bool = False
    has_bars: bool = False


class LegendKey(QAbstractButton):
    """The toggle of one series: a dot, filled while the series is visible, and its name.

    Signals:
        chosen: the name was clicked, or Enter pressed, to filter by the series.
    """

    chosen = Signal()

    def __init__(self, entry: LegendEntry, colors: ChartColors, parent: QWidget) -> None:
        super().__init__(parent)
        self.entry = entry
        self._colors = colors
        self.setCheckable(True)
        self.setChecked(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setText(without_mnemonic(entry.name))
        self.setAccessibleName(_("Show {series}").format(series=printable_cell(entry.name)))
        text = _("{series}: click to show or hide")
        if entry.clickable:
            text = _("{series}: click to filter by it; click the dot to show or hide it")
            if entry.has_bars:
                text = _(
                    "{series}: click to filter by it, or click a bar to filter by it and its time; "
                    "click the dot to show or hide it"
                )
        set_tooltip(self, text.format(series=entry.name))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def recolor(self, entry: LegendEntry, colors: ChartColors) -> None:
        """Change the colors."""
        self.entry = entry
        self._colors = colors
        self.update()

    def sizeHint(self) -> QSize:
        """Return the preferred size."""
        metrics = QFontMetrics(self.font())
        width = metrics.horizontalAdvance(_elided(self.entry.name)) + _DOT + 6 + 2 * _PADDING
        return QSize(width, metrics.height() + 6)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint dot and name."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = self._colors
        if self.hasFocus() or self.underMouse():
            ring = colors.focus if self.hasFocus() else colors.border
            painter.setPen(QPen(QColor(ring), 1))
            painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        dot = QPointF(_PADDING + _DOT / 2, self.height() / 2)
        self._paint_sample(painter, dot)
        painter.setPen(QColor(colors.text if self.isChecked() else colors.muted))
        font = painter.font()
        font.setStrikeOut(not self.isChecked())
        painter.setFont(font)
        area = self.rect().adjusted(_PADDING + _DOT + 6, 0, -_PADDING + 2, 0)
        painter.drawText(
            area,
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            _elided(self.entry.name),
        )
        painter.end()

    def _paint_sample(self, painter: QPainter, middle: QPointF) -> None:
        """Paint how the series looks: a dot, a dashed line, or the icon of a state."""
        entry, shown = self.entry, self.isChecked()
        if entry.glyph and shown:
            icons.paint(painter, entry.glyph, entry.color, middle.x() - 6, middle.y() - 6, 12)
            return
        pen = QPen(QColor(entry.color), 1.4)
        if entry.dash and shown:
            pen.setWidthF(2.0)
            pen.setDashPattern([each / 2 for each in DASHES[entry.dash]])
            painter.setPen(pen)
            reach = QPointF(_DOT / 2 + 2, 0)
            painter.drawLine(middle - reach, middle + reach)
            return
        painter.setPen(pen)
        painter.setBrush(QColor(entry.color) if shown else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(middle, _DOT / 2 - 1, _DOT / 2 - 1)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Filter by the series on a click on its name; show or hide it on one on its dot."""
        on_name = event.position().x() > _PADDING + _DOT + 3
        inside = self.rect().contains(event.position().toPoint())
        if self.entry.clickable and on_name and inside and self.isDown():
            self.setDown(False)
            self.chosen.emit()
            return
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Filter by the series on Enter; Space shows or hides it."""
        if self.entry.clickable and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit()
        else:
            super().keyPressEvent(event)


class Legend(QWidget):
    """Toggles in lines, right-aligned, wrapped when they do not fit in one.

    Signals:
        toggled: name of a series and whether it is visible now.
        chosen: name of a series to filter by.
    """

    toggled = Signal(str, bool)
    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys: dict[str, LegendKey] = {}
        self.aligned_right = True
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_entries(self, entries: Sequence[LegendEntry], colors: ChartColors) -> None:
        """Show these series; one that was there before stays visible or hidden as it was."""
        names = {entry.name for entry in entries}
        for name in self._keys.keys() - names:
            key = self._keys.pop(name)
            key.hide()
            key.deleteLater()
        ordered: dict[str, LegendKey] = {}
        for entry in entries:
            key = self._keys.get(entry.name) or self._make(entry, colors)
            key.recolor(entry, colors)
            ordered[entry.name] = key
        self._keys = ordered
        previous: QWidget = self
        for key in ordered.values():
            if previous is not self:
                QWidget.setTabOrder(previous, key)
            previous = key
        self._lay_out(self.width())
        self.updateGeometry()

    def is_visible(self, name: str) -> bool:
        """Return whether a series is switched on; one that is not listed is."""
        key = self._keys.get(name)
        return key is None or key.isChecked()

    def one_line_width(self) -> int:
        """Return the pixels that all toggles need in one line."""
        widths = [key.sizeHint().width() for key in self._keys.values()]
        return sum(widths) + _GAP * max(0, len(widths) - 1)

    def set_width(self, width: int) -> None:
        """Break the toggles into lines of this width."""
        self._lay_out(width)

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines at a width."""
        return self._lay_out(width, move=False)

    def sizeHint(self) -> QSize:
        """Return the preferred size."""
        return QSize(self.one_line_width(), self._lay_out(max(self.width(), 1), move=False))

    def minimumSizeHint(self) -> QSize:
        """Return the minimum size."""
        return QSize(40, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out for the new size."""
        self._lay_out(event.size().width())

    def _make(self, entry: LegendEntry, colors: ChartColors) -> LegendKey:
        key = LegendKey(entry, colors, self)
        key.toggled.connect(lambda on, name=entry.name: self.toggled.emit(name, on))
        key.chosen.connect(lambda name=entry.name: self.chosen.emit(name))
        key.show()
        return key

    def _lay_out(self, width: int, *, move: bool = True) -> int:
        """Break the toggles into lines and return their height."""
        lines: list[list[LegendKey]] = [[]]
        used = 0
        for key in self._keys.values():
            key_width = key.sizeHint().width()
            if lines[-1] and used + key_width > width:
                lines.append([])
                used = 0
            lines[-1].append(key)
            used += key_width + _GAP
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


def _elided(name: str) -> str:
    """Return a name without its middle if it is long: similar names differ at one of their ends."""
    name = printable_cell(name)
    if len(name) <= _MAX_NAME:
        return name
    return f"{name[: _MAX_NAME // 2 - 1]}…{name[-_MAX_NAME // 2 :]}"
