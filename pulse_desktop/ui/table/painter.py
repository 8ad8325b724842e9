"""Paints the visible rows of a live table in one pass.

A full table has several hundred cells and is repainted with every frame in which a row arrives.
With a Qt delegate each cell costs two calls between C++ and Python, seven calls of `data` and a
text layout. Here each row object is fetched once, and text layouts are cached (states, task names,
workers, whole rows that moved down by one).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QStaticText, QTextLayout

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.semantic_color import SemanticColor, subdued
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import static_text
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.bars import paint_bars

PADDING: Final = 8
GLYPH: Final = 14
GLYPH_GAP: Final = 6
BAR: Final = 44
BAR_GAP: Final = 8
_BAR_HEIGHT: Final = 6
_BARS_MARGIN: Final = 5
_MAX_LAYOUTS: Final = 8192
_MAX_MEASURED: Final = 300
_ANY_WIDTH: Final = 1 << 20
_MAX_NEEDED: Final = 1200
_NEED_STEP: Final = 8
"""Needed widths are rounded up to this, so that columns rarely change their width."""


@dataclass(frozen=True, slots=True)
class ColumnSpan:
    """The horizontal extent of a column, in pixels of the viewport."""

    left: int
    width: int
    column: Column[Any]


class TextLayout(NamedTuple):
    """A text as it is painted: its width, its offset from the top, and whether it is cut."""

    text: QStaticText
    width: float
    offset: int
    cut: bool


class RowPainter:
    """Paints rows: glyph, text and bar of each `Column` in its color, with a line below.

    Attributes:
        needed: width in pixels at which no text painted so far would be cut, by column key.
        needs_changed: whether `needed` has grown for a column that cuts texts; reset by the view.
        is_stale: whether the rows may have changed since: no color judges them.
    """

    def __init__(self) -> None:
        self.is_stale = False
        self.needed: dict[str, int] = {}
        self.needs_changed = False
        self._layouts: dict[tuple[str, int, bool], TextLayout] = {}
        self.apply_theme()

    def apply_theme(self) -> None:
        """Read fonts and colors from the theme."""
        self._layouts.clear()
        self._fonts = (theme().text_font(), theme().number_font())
        self._metrics = tuple(QFontMetrics(font) for font in self._fonts)
        self._max_char_width = max(1, self._metrics[0].horizontalAdvance("W"))
        self._colors: dict[SemanticColor, QColor] = {
            color: theme().color(color) for color in SemanticColor
        }
        self._surface = theme().color("surface")
        self._row_line = theme().color("row_line")
        self._bar_background = theme().color("hover")
        self._bar_background_selected = self._surface  # in contrast to selection and bar
        self._selected = theme().color("selection")
        self._selected_idle = theme().color("selection_idle")
        self._accent = theme().color("accent")

    def clear(self, painter: QPainter, rect: QRect) -> None:
        """Paint the background."""
        painter.fillRect(rect, self._surface)

    def paint(
        self,
        painter: QPainter,
        row: object,
        rect: QRect,
        columns: list[ColumnSpan],
        now: float,
        *,
        selected: bool = False,
        current: bool = False,
        focused: bool = False,
    ) -> None:
        """Paint one row.

        Args:
            painter: on the viewport.
            row: the row object.
            rect: of the whole row.
            columns: the visible columns.
            now: Unix seconds.
            selected: whether the row is selected.
            current: whether the cursor is on it.
            focused: whether the table has the keyboard focus.
        """
        top, height = rect.y(), rect.height()
        if selected:
            painter.fillRect(rect, self._selected if focused else self._selected_idle)
        painter.fillRect(rect.x(), top + height - 1, rect.width(), 1, self._row_line)
        if current and selected and focused:
            painter.fillRect(rect.x(), top, 2, height - 1, self._accent)
        elif current and focused:
            painter.setPen(self._accent)
            painter.drawRect(rect.adjusted(0, 0, -1, -2))
        for span in columns:
            column = span.column
            left, room = span.left + PADDING, span.width - 2 * PADDING
            color = column.color(row) if column.color is not None else None
            color = color or SemanticColor.TEXT
            if self.is_stale:
                color = subdued(color)
            if column.glyph is not None and (glyph := column.glyph(row)):
                self._paint_glyph(painter, glyph, color, left, top + (height - 1 - GLYPH) // 2)
                left += GLYPH + GLYPH_GAP
                room -= GLYPH + GLYPH_GAP
            if column.bar is not None and room > BAR + BAR_GAP:
                room -= BAR + BAR_GAP
                bar = QRect(left + room + BAR_GAP, top + (height - 1 - _BAR_HEIGHT) // 2, BAR, 0)
                self._paint_bar(painter, column.bar(row), color, bar, selected=selected)
            if column.bars is not None:
                area = QRect(left, top + _BARS_MARGIN, room, height - 2 * _BARS_MARGIN)
                self._paint_bars(painter, column.bars(row), color, area)
                continue
            text = column.text(row, now)
            if not text or room <= 0:
                continue
            mono = column.mono
            layout = self._layouts.get((text, room, mono))
            if layout is None:
                layout = self.lay_out(text, room, mono=mono)
                self._note_need(column, text, layout, span.width - room)
            painter.setFont(self._fonts[mono])
            painter.setPen(self._colors[color])
            if column.align == "right":
                left += round(room - layout.width)
            line = top + (height - self._metrics[mono].height()) // 2
            painter.drawStaticText(left, line + layout.offset, layout.text)

    def is_cut(self, column: Column[Any], text: str, width: int) -> bool:
        """Return whether a text is cut off in a column of a width."""
        if column.bars is not None:
            return True
        room = width - 2 * PADDING - (GLYPH + GLYPH_GAP if column.glyph is not None else 0)
        room -= BAR + BAR_GAP if column.bar is not None else 0
        return (
            "\n" in text
            or self._metrics[column.mono].horizontalAdvance(printable_cell(text)) > room
        )

    def measure(self, row: object, columns: Sequence[Column[Any]], now: float) -> None:
        """Note the widths that the columns need for a row."""
        for column in columns:
            if column.bars is not None:
                self._note_width(column, column.width)
            elif text := column.text(row, now):
                around = 2 * PADDING
                around += GLYPH + GLYPH_GAP if column.glyph is not None else 0
                around += BAR + BAR_GAP if column.bar is not None else 0
                self._note_width(column, around + self._advance(column, text))

    def _note_need(self, column: Column[Any], text: str, layout: TextLayout, around: int) -> None:
        """Note the width that a column needs for a text, with what is around the text."""
        advance = self._advance(column, text) if layout.cut else round(layout.width)
        if self._note_width(column, around + advance):
            self.needs_changed = self.needs_changed or layout.cut

    def _advance(self, column: Column[Any], text: str) -> int:
        return self._metrics[column.mono].horizontalAdvance(printable_cell(text[:_MAX_MEASURED]))

    def _note_width(self, column: Column[Any], width: int) -> bool:
        """Note a width that a column needs; return whether it is the largest so far."""
        needed = min(_MAX_NEEDED, width + _NEED_STEP - width % _NEED_STEP)
        if needed <= self.needed.get(column.key, 0):
            return False
        self.needed[column.key] = needed
        return True

    def lay_out(self, text: str, room: int, *, mono: bool) -> TextLayout:
        """Lay out a text in a room of some pixels, with the monospaced font or not."""
        if len(self._layouts) > _MAX_LAYOUTS:
            self._layouts.clear()
        elided = line = printable_cell(text)
        if len(line) * self._max_char_width > room:
            elide = Qt.TextElideMode.ElideRight
            elided = self._metrics[mono].elidedText(line, elide, room)
        layout = static_text(elided)
        layout.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
        font: QFont = self._fonts[mono]
        layout.prepare(font=font)
        # A substituted font, as for emoji or Chinese, may be higher: keep the base line.
        offset = 0 if elided.isascii() else self._baseline_offset(elided, font, mono=mono)
        cut = elided != line or "\n" in text
        entry = TextLayout(layout, layout.size().width(), offset, cut)
        self._layouts[text, room, mono] = entry
        return entry

    def _baseline_offset(self, text: str, font: QFont, *, mono: bool) -> int:
        """Return how much higher a text has to be painted than its layout would put it."""
        layout = QTextLayout(text, font)
        layout.beginLayout()
        line = layout.createLine()
        line.setLineWidth(_ANY_WIDTH)
        layout.endLayout()
        return round(self._metrics[mono].ascent() - line.ascent())

    def _paint_bar(
        self,
        painter: QPainter,
        fraction: float | None,
        color: SemanticColor,
        area: QRect,
        *,
        selected: bool,
    ) -> None:
        if fraction is None:
            return
        left, top = area.x(), area.y()
        filled = round(BAR * min(max(fraction, 0.0), 1.0))
        background = self._bar_background_selected if selected else self._bar_background
        painter.fillRect(left, top, BAR, _BAR_HEIGHT, background)
        painter.fillRect(left, top, filled, _BAR_HEIGHT, self._colors[color])

    def _paint_bars(
        self, painter: QPainter, values: Sequence[int], color: SemanticColor, area: QRect
    ) -> None:
        """Paint a histogram on a line."""
        painter.fillRect(area.x(), area.bottom(), area.width(), 1, self._row_line)
        paint_bars(painter, values, self._colors[color], area)

    def _paint_glyph(
        self, painter: QPainter, glyph: str, color: SemanticColor, left: int, top: int
    ) -> None:
        if glyph in icons.GLYPHS:
            icons.paint(painter, glyph, color, left, top, GLYPH)
        else:
            painter.setFont(self._fonts[False])
            painter.setPen(self._colors[color])
            painter.drawText(left, top + GLYPH - 2, glyph)
