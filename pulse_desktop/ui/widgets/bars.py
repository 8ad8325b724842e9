"""A small histogram without axes."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QPainter

_MIN_HEIGHT: Final = 2


def paint_bars(painter: QPainter, values: Sequence[int], color: QColor, area: QRect) -> None:
    """Paint a histogram: the highest bar fills the area, and none with a value is invisible."""
    most = max(values, default=0)
    if not most or area.width() <= 0:
        return
    step, bottom = area.width() / len(values), area.bottom()
    for number, value in enumerate(values):
        if value:
            left, right = round(number * step), round((number + 1) * step)
            high = max(_MIN_HEIGHT, round(value / most * area.height()))
            width = max(1, right - left - 1)
            painter.fillRect(area.x() + left, bottom - high + 1, width, high, color)
