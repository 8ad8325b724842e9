"""Paints the visible rows of a live table in one pass.

A full table is several hundred cells and is painted anew with every frame in which a row arrives.
Through Qt's delegate each cell costs two calls across the language border, seven questions to the
model and a fresh layout of its text. Here a row is asked once, and texts that were laid out before
(states, task names, workers, whole rows that moved down by one) are laid out no more.
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
_MOST_TEXTS: Final = 8192


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column is painted, in pixels of the viewport."""

    left: int
    width: int
    column: Column[Any]


class RowPainter:
    """Draws rows of cells: glyph and text of each `Column` in its color, with a line below."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, int, bool], tuple[QStaticText, float]] = {}
        self.learn()

    def learn(self) -> None:
        """Take fonts and colours from the theme."""
        self._texts.clear()
        self._fonts = (theme().text_font(), theme().number_font())
        self._metrics = tuple(QFontMetrics(font) for font in self._fonts)
        self._widest = max(1, self._metrics[0].horizontalAdvance("W"))
        self._colors: dict[SemanticColor, QColor] = {
            color: theme().color(color) for color in SemanticColor
        }
        self._surface = theme().color("surface")
        self._line = theme().color("row_line")
        self._trough = theme().color("hover")
        self._selected = theme().color("selection")
        self._selected_idle = theme().color("selection_idle")
        self._accent = theme().color("accent")

    def clear(self, painter: QPainter, rect: QRect) -> None:
        """Paint what shows where no row is."""
        painter.fillRect(rect, self._surface)

    def paint(
        self,
        painter: QPainter,
        row: object,
        rect: QRect,
        places: list[Place],
        now: float,
        *,
        selected: bool = False,
        current: bool = False,
        focused: bool = False,
    ) -> None:
        """Paint one row.

        Args:
            painter: on the viewport.
            row: what to show.
            rect: of the whole row.
            places: of the visible columns.
            now: Unix seconds.
            selected: whether the row is selected.
            current: whether the cursor is on it.
            focused: whether the table has the keyboard.
        """
        top, height = rect.y(), rect.height()
        if selected:
            painter.fillRect(rect, self._selected if focused else self._selected_idle)
        painter.fillRect(rect.x(), top + height - 1, rect.width(), 1, self._line)
        if current and selected and focused:
            painter.fillRect(rect.x(), top, 2, height - 1, self._accent)
        for place in places:
            column = place.column
            left, room = place.left + PADDING, place.width - 2 * PADDING
            color = column.color(row) if column.color is not None else None
            color = color or SemanticColor.TEXT
            if column.glyph is not None and (glyph := column.glyph(row)):
                self._paint_glyph(painter, glyph, color, left, top + (height - 1 - GLYPH) // 2)
                left += GLYPH + GLYPH_GAP
                room -= GLYPH + GLYPH_GAP
            if column.bar is not None and room > BAR + BAR_GAP:
                room -= BAR + BAR_GAP
                share = column.bar(row)
                if share is not None:
                    self._paint_bar(painter, share, color, left + room + BAR_GAP, top, height)
            text = column.value(row, now)
            if not text or room <= 0:
                continue
            mono = column.mono
            laid = self._texts.get((text, room, mono)) or self._lay_out(text, room, mono=mono)
            painter.setFont(self._fonts[mono])
            painter.setPen(self._colors[color])
            if column.align == "right":
                left += round(room - laid[1])
            painter.drawStaticText(
                left, top + (height - self._metrics[mono].height()) // 2, laid[0]
            )

    def is_cut(self, column: Column[Any], text: str, width: int) -> bool:
        """Tell whether a text does not fit into a column."""
        room = width - 2 * PADDING - (GLYPH + GLYPH_GAP if column.glyph is not None else 0)
        room -= BAR + BAR_GAP if column.bar is not None else 0
        return "\n" in text or self._metrics[column.mono].horizontalAdvance(text) > room

    def _lay_out(self, text: str, room: int, *, mono: bool) -> tuple[QStaticText, float]:
        if len(self._texts) > _MOST_TEXTS:
            self._texts.clear()
        shown = text
        if len(text) * self._widest > room:
            elide = Qt.TextElideMode.ElideRight
            shown = self._metrics[mono].elidedText(text.replace("\n", " "), elide, room)
        laid = QStaticText(shown)
        laid.setTextFormat(Qt.TextFormat.PlainText)
        laid.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
        font: QFont = self._fonts[mono]
        laid.prepare(font=font)
        known = self._texts[text, room, mono] = (laid, laid.size().width())
        return known

    def _paint_bar(
        self,
        painter: QPainter,
        share: float,
        color: SemanticColor,
        left: int,
        top: int,
        height: int,
    ) -> None:
        at = top + (height - 1 - _BAR_HEIGHT) // 2
        filled = round(BAR * min(max(share, 0.0), 1.0))
        painter.fillRect(left, at, BAR, _BAR_HEIGHT, self._trough)
        painter.fillRect(left, at, filled, _BAR_HEIGHT, self._colors[color])

    def _paint_glyph(
        self, painter: QPainter, glyph: str, color: SemanticColor, left: int, top: int
    ) -> None:
        if glyph in icons.GLYPHS:
            icons.paint(painter, glyph, color, left, top, GLYPH)
        else:
            painter.setFont(self._fonts[False])
            painter.setPen(self._colors[color])
            painter.drawText(left, top + GLYPH - 2, glyph)
