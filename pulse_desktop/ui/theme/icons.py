"""Line icons in the colors of the theme, sharp at every scale.

They are the SVG files of `resources/icons`, on a grid of 16 x 16, in which `currentColor` is
replaced. Icons from a font are no alternative: a bare Debian has one font, and that has none.
"""

from functools import lru_cache
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton

from pulse_desktop.resources import resource_path
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.theme import theme

GLYPHS: Final = {
    "✔": "check",
    "✖": "cross",
    "▶": "running",
    "◌": "queued",
    "↻": "retry",
    "!": "warning",
    "?": "question",
    "⊘": "cancelled",
    "◉": "circle-dot",
    "●": "dot",
    "○": "ring",
    "⇄": "providers",
    "■": "cancelled",
    "‖": "pause",
    "⤓": "save",
}
"""The characters that stand for a state in text, and the icons that are painted for them."""

_RATIOS: Final = (1.0, 1.25, 1.5, 2.0, 2.5)
"""The usual scale factors."""


@lru_cache(maxsize=1)
def _sources() -> dict[str, str]:
    """Return the SVG text of every icon, read at once so that painting touches no file."""
    files = resource_path("icons").glob("*.svg")
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


@lru_cache(maxsize=512)
def _render_pixmap(name: str, color: str, size: int, ratio: float) -> QPixmap:
    """Render an icon of `size` device-independent pixels at a pixel ratio.

    Raises:
        KeyError: there is no such icon.
    """
    svg = _sources()[name].replace("currentColor", color)
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    renderer.render(painter, QRectF(0, 0, pixmap.width(), pixmap.height()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def pixmap(name: str, color: str | SemanticColor, size: int = 16, ratio: float = 1.0) -> QPixmap:
    """Return an icon as a pixmap.

    Args:
        name: of the icon, or one of the characters in `GLYPHS`.
        color: a semantic color, a token of the theme, or `#rrggbb`.
        size: width and height in device-independent pixels.
        ratio: pixels per device-independent pixel of what it is painted on.

    Raises:
        KeyError: there is no such icon or color.
    """
    value, _disabled = _shades(color)
    return _render_pixmap(GLYPHS.get(name, name), value, size, ratio)


def icon(name: str, color: str | SemanticColor = SemanticColor.MUTED, size: int = 16) -> QIcon:
    """Return an icon for a button or menu, sharp at the usual scale factors."""
    return QIcon(_icon(GLYPHS.get(name, name), *_shades(color), size))


@lru_cache(maxsize=512)
def _icon(name: str, color: str, disabled: str, size: int, gap: int = 0, left: int = 0) -> QIcon:
    """Make an icon that is `gap` wider than high, and drawn `left` from its left edge."""
    result = QIcon()
    for ratio in _RATIOS:
        for mode, shade in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, disabled)):
            result.addPixmap(_widened(_render_pixmap(name, shade, size, ratio), gap, left), mode)
    return result


def _widened(narrow: QPixmap, gap: int, left: int) -> QPixmap:
    if not gap:
        return narrow
    ratio, size = narrow.devicePixelRatio(), narrow.deviceIndependentSize()
    wide = QPixmap(round((size.width() + gap) * ratio), narrow.height())
    wide.setDevicePixelRatio(ratio)
    wide.fill(Qt.GlobalColor.transparent)
    painter = QPainter(wide)
    painter.drawPixmap(left, 0, narrow)
    painter.end()
    return wide


def _shades(color: str | SemanticColor) -> tuple[str, str]:
    """Return a color, and that of what is disabled, as `#rrggbb`."""
    colors = theme().tokens.colors
    return color if color.startswith("#") else colors[color], colors["disabled"]


def set_button_icon(
    button: QAbstractButton, name: str, color: str | SemanticColor, size: int = 14
) -> None:
    """Give a button an icon, with a wider gap to its text than Qt's styles leave."""
    gap = 4 if button.text() else 0
    mirrored = button.layoutDirection() is Qt.LayoutDirection.RightToLeft
    left = gap if mirrored else 0
    button.setIcon(_icon(GLYPHS.get(name, name), *_shades(color), size, gap, left))
    button.setIconSize(QSize(size + gap, size))


def paint(
    painter: QPainter, name: str, color: str | SemanticColor, x: float, y: float, size: int = 16
) -> None:
    """Paint an icon with its top left corner at x, y (device-independent pixels)."""
    ratio = painter.device().devicePixelRatio()
    painter.drawPixmap(round(x), round(y), pixmap(name, color, size, ratio))
