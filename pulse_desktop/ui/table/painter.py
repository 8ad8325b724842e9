"""Paints the visible rows of a live table in one pass.

A full table has several hundred cells and is repainted with every frame in which a row arrives.
With a Qt delegate each cell costs two calls between C++ and Python, seven calls of `data` and a
text layout. Here each row object is fetched once, and text layouts are cached (states, task names,
workers, whole rows that moved down by one).
"""

from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QStaticText

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

PADDING: Final = 8
GLYPH: Final = 14
GLYPH_GAP: Final = 6
BAR: Final = 44
BAR_GAP: Final = 8
_BAR_HEIGHT: Final = 6
_MAX_LAYOUTS: Final = 8192


@dataclass(frozen=True, slots=True)
class ColumnSpan:
    """The horizontal extent of a column, in pixels of the viewport."""

    left: int
    width: int
    column: Column[Any]


class RowPainter:
    """Paints rows: glyph, text and bar of each `Column` in its color, with a line below."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, int, bool], tuple[QStaticText, float]] = {}
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
        for span in columns:
            column = span.column
            left, room = span.left + PADDING, span.width - 2 * PADDING
            color = column.color(row) if column.color is not None else None
            color = color or SemanticColor.TEXT
            if column.glyph is not None and (glyph := column.glyph(row)):
                self._paint_glyph(painter, glyph, color, left, top + (height - 1 - GLYPH) // 2)
                left += GLYPH + GLYPH_GAP
                room -= GLYPH + GLYPH_GAP
            if column.bar is not None and room > BAR + BAR_GAP:
                room -= BAR + BAR_GAP
                fraction = column.bar(row)
                if fraction is not None:
                    self._paint_bar(painter, fraction, color, left + room + BAR_GAP, top, height)
            text = column.text(row, now)
            if not text or room <= 0:
                continue
            mono = column.mono
            layout = self._layouts.get((text, room, mono)) or self._lay_out(text, room, mono=mono)
            painter.setFont(self._fonts[mono])
            painter.setPen(self._colors[color])
            if column.align == "right":
                left += round(room - layout[1])
            painter.drawStaticText(
                left, top + (height - self._metrics[mono].height()) // 2, layout[0]
            )

    def is_cut(self, column: Column[Any], text: str, width: int) -> bool:
        """Return whether a text is cut off in a column of a width."""
        room = width - 2 * PADDING - (GLYPH + GLYPH_GAP if column.glyph is not None else 0)
        room -= BAR + BAR_GAP if column.bar is not None else 0
        return "\n" in text or self._metrics[column.mono].horizontalAdvance(text) > room

    def _lay_out(self, text: str, room: int, *, mono: bool) -> tuple[QStaticText, float]:
        if len(self._layouts) > _MAX_LAYOUTS:
            self._layouts.clear()
        elided = text
        if len(text) * self._max_char_width > room:
            elide = Qt.TextElideMode.ElideRight
            elided = self._metrics[mono].elidedText(text.replace("\n", " "), elide, room)
        layout = QStaticText(elided)
        layout.setTextFormat(Qt.TextFormat.PlainText)
        layout.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
        font: QFont = self._fonts[mono]
        layout.prepare(font=font)
        entry = self._layouts[text, room, mono] = (layout, layout.size().width())
        return entry

    def _paint_bar(
        self,
        painter: QPainter,
        fraction: float,
        color: SemanticColor,
        left: int,
        top: int,
        height: int,
    ) -> None:
        y = top + (height - 1 - _BAR_HEIGHT) // 2
        filled = round(BAR * min(max(fraction, 0.0), 1.0))
        painter.fillRect(left, y, BAR, _BAR_HEIGHT, self._bar_background)
        painter.fillRect(left, y, filled, _BAR_HEIGHT, self._colors[color])

    def _paint_glyph(
        self, painter: QPainter, glyph: str, color: SemanticColor, left: int, top: int
    ) -> None:
        if glyph in icons.GLYPHS:
            icons.paint(painter, glyph, color, left, top, GLYPH)
        else:
            painter.setFont(self._fonts[False])
            painter.setPen(self._colors[color])
            painter.drawText(left, top + GLYPH - 2, glyph)
