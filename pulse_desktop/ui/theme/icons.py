"""Small line icons, drawn by us in the theme's colours, sharp at every scale.

A bare Debian has one font and it has no icons; colour emoji from another font would be worse.
"""

from functools import lru_cache
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.theme import theme

_HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="{color}" '
    'stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round">'
)

# Bodies of SVG pictures on a 16 x 16 grid. `fill="{color}"` is filled in like the stroke.
_BODIES: Final = {
    "pulse": '<circle cx="8" cy="8" r="6.4"/><circle cx="8" cy="8" r="2.9" fill="{color}"/>',
    "overview": '<rect x="2" y="2" width="5" height="6.5" rx="1"/><rect x="9" y="2" width="5" '
    'height="3.5" rx="1"/><rect x="2" y="10.5" width="5" height="3.5" rx="1"/><rect x="9" y="7.5" '
    'width="5" height="6.5" rx="1"/>',
    "tasks": '<path d="M4.5 2.8v10.4l8.4-5.2z"/>',
    "messages": '<path d="M2.5 3h11a.8.8 0 0 1 .8.8v6.6a.8.8 0 0 1-.8.8H7.5L4.3 14v-2.8H2.5a.8.8 0 '
    '0 1-.8-.8V3.8a.8.8 0 0 1 .8-.8z"/><path d="M4.6 6h6.8M4.6 8.3h4.4"/>',
    "knowledge": '<path d="M8 1.8 14.2 8 8 14.2 1.8 8z"/><path d="M8 5.4 10.6 8 8 10.6 5.4 8z"/>',
    "agents": '<rect x="2.6" y="5" width="10.8" height="8.4" rx="1.8"/><path d="M8 5V2.4M5.7 '
    '8.6v1.2M10.3 8.6v1.2"/><circle cx="8" cy="2" r=".6"/><path d="M1 8.2v2.4M15 8.2v2.4"/>',
    "providers": '<path d="M2 5.2h11M10.4 2.6 13 5.2l-2.6 2.6M14 10.8H3M5.6 8.2 3 10.8l2.6 2.6"/>',
    "monitoring": '<path d="M1.5 8.5h2.8l1.8-4.4 3 8 2-3.6h3.4"/>',
    "metrics": '<path d="M2 2v12h12"/><path d="M4.8 11V8.6M8 11V4.6M11.2 11V6.6"/>',
    "results": '<path d="M8 1.8 13.8 4.7v6.6L8 14.2 2.2 11.3V4.7z"/><path d="M2.2 4.7 8 7.6l5.8-2.9'
    'M8 7.6v6.6"/>',
    "schedules": '<circle cx="8" cy="8" r="6"/><path d="M8 4.4V8l2.6 1.6"/>',
    "events": '<path d="M2.2 4h11.6M2.2 8h11.6M2.2 12h7.4"/>',
    "search": '<circle cx="7" cy="7" r="4.4"/><path d="m10.4 10.4 3.4 3.4"/>',
    "pause": '<path d="M5.6 3.4v9.2M10.4 3.4v9.2" stroke-width="1.9"/>',
    "play": '<path d="M5 3.2v9.6L12.6 8z" fill="{color}"/>',
    "plus": '<path d="M8 3v10M3 8h10" stroke-width="1.7"/>',
    "minus": '<path d="M3 8h10"/>',
    "bell": '<path d="M3.4 11.4c1-1 1.1-2.3 1.1-4.2a3.5 3.5 0 0 1 7 0c0 1.9.1 3.2 1.1 4.2z"/>'
    '<path d="M6.7 13.6a1.5 1.5 0 0 0 2.6 0"/>',
    "chevron-down": '<path d="m4.4 6.4 3.6 3.6 3.6-3.6"/>',
    "chevron-up": '<path d="m4.4 9.6 3.6-3.6 3.6 3.6"/>',
    "chevron-right": '<path d="m6.4 4.4 3.6 3.6-3.6 3.6"/>',
    "arrow-right": '<path d="M3 8h9.6M9 4.4 12.6 8 9 11.6"/>',
    "close": '<path d="m4 4 8 8M12 4l-8 8"/>',
    "copy": '<rect x="5.4" y="5.4" width="8" height="8.4" rx="1.2"/><path d="M10.6 5.4V3.2A1.2 1.2 '
    '0 0 0 9.4 2H3.8a1.2 1.2 0 0 0-1.2 1.2v6.2a1.2 1.2 0 0 0 1.2 1.2h1.6"/>',
    "save": '<path d="M8 2.2v7.6M4.8 6.8 8 9.9l3.2-3.1M2.6 11v2.2h10.8V11"/>',
    "delete": '<path d="M2.8 4.4h10.4M6.2 4.4V2.6h3.6v1.8M4.2 4.4l.6 9h6.4l.6-9"/>',
    "edit": '<path d="m10.6 2.8 2.6 2.6-7.6 7.6-3.2.6.6-3.2z"/>',
    "filter": '<path d="M2 3h12L9.4 8.4v4.2L6.6 14V8.4z"/>',
    "columns": '<rect x="2" y="2.6" width="12" height="10.8" rx="1.2"/><path d="M6 2.6v10.8M10 '
    '2.6v10.8"/>',
    "theme": '<circle cx="8" cy="8" r="5.6"/><path d="M8 2.4a5.6 5.6 0 0 1 0 11.2z" '
    'fill="{color}"/>',
    "server": '<rect x="2.2" y="2.4" width="11.6" height="4.6" rx="1"/><rect x="2.2" y="9" '
    'width="11.6" height="4.6" rx="1"/><path d="M4.6 4.7h.1M4.6 11.3h.1" stroke-width="1.8"/>',
    "info": '<circle cx="8" cy="8" r="6"/><path d="M8 7.4v3.6M8 5h.01" stroke-width="1.6"/>',
    "command": '<path d="m3 4.4 3.6 3.6L3 11.6M8.4 12h4.8"/>',
    # States. Each has its own outline, so that they differ without colour.
    "check": '<path d="m3.2 8.6 3.2 3.4 6.4-7.6" stroke-width="1.9"/>',
    "cross": '<path d="m4 4 8 8M12 4l-8 8" stroke-width="1.9"/>',
    "running": '<path d="M4.6 3.2v9.6L12.6 8z" fill="{color}"/>',
    "queued": '<circle cx="8" cy="8" r="5.2" stroke-dasharray="1.7 2.38"/>',
    "retry": '<path d="M12.8 5.6A5.3 5.3 0 1 0 13.3 8.6"/><path d="M13.2 2.4v3.4H9.8"/>',
    "warning": '<path d="M8 2.8v6.4" stroke-width="2.1"/><path d="M8 12.8h.01" '
    'stroke-width="2.4"/>',
    "question": '<path d="M5.2 5.6A2.8 2.8 0 1 1 8.6 8.3c-.5.2-.6.5-.6 1.2" stroke-width="1.7"/>'
    '<path d="M8 12.9h.01" stroke-width="2.2"/>',
    "cancelled": '<circle cx="8" cy="8" r="5.4"/><path d="m4.2 11.8 7.6-7.6"/>',
    "answered": '<circle cx="8" cy="8" r="5.2"/><circle cx="8" cy="8" r="1.6" fill="{color}"/>',
    "dot": '<circle cx="8" cy="8" r="4.6" fill="{color}" stroke="none"/>',
    "ring": '<circle cx="8" cy="8" r="4"/>',
}

GLYPHS: Final = {
    "✔": "check",
    "✖": "cross",
    "▶": "running",
    "◌": "queued",
    "↻": "retry",
    "!": "warning",
    "?": "question",
    "⊘": "cancelled",
    "◉": "answered",
    "●": "dot",
    "○": "ring",
    "⇄": "providers",
    "■": "cancelled",
    "‖": "pause",
    "⤓": "save",
}
"""The characters that stand for a state in text, and the pictures drawn for them."""


@lru_cache(maxsize=512)
def _picture(name: str, color: str, size: int, ratio: float) -> QPixmap:
    """Return a picture of `size` device-independent pixels at a pixel ratio.

    Raises:
        KeyError: there is no such icon.
    """
    svg = (_HEAD + _BODIES[name] + "</svg>").replace("{color}", color)
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
        KeyError: there is no such icon or colour.
    """
    value = color if color.startswith("#") else theme().tokens.colors[color]
    return _picture(GLYPHS.get(name, name), value, size, ratio)


def icon(name: str, color: str | SemanticColor = SemanticColor.MUTED, size: int = 16) -> QIcon:
    """Return an icon for a button or menu, sharp at the usual scales."""
    result = QIcon()
    for ratio in (1.0, 1.25, 1.5, 2.0, 2.5):
        result.addPixmap(pixmap(name, color, size, ratio))
        result.addPixmap(pixmap(name, "disabled", size, ratio), QIcon.Mode.Disabled)
    return result


def set_button_icon(
    button: QAbstractButton, name: str, color: str | SemanticColor, size: int = 14
) -> None:
    """Give a button an icon, with the gap to its text that Qt's styles are too mean for."""
    gap = 4 if button.text() else 0
    mirrored = button.layoutDirection() is Qt.LayoutDirection.RightToLeft
    result = QIcon()
    for ratio in (1.0, 1.25, 1.5, 2.0, 2.5):
        for mode, shade in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, "disabled")):
            wide = QPixmap(round((size + gap) * ratio), round(size * ratio))
            wide.setDevicePixelRatio(ratio)
            wide.fill(Qt.GlobalColor.transparent)
            painter = QPainter(wide)
            painter.drawPixmap(gap if mirrored else 0, 0, pixmap(name, shade, size, ratio))
            painter.end()
            result.addPixmap(wide, mode)
    button.setIcon(result)
    button.setIconSize(QSize(size + gap, size))


def paint(
    painter: QPainter, name: str, color: str | SemanticColor, x: float, y: float, size: int = 16
) -> None:
    """Paint an icon with its top left corner at x, y (device-independent pixels)."""
    ratio = painter.device().devicePixelRatio()
    painter.drawPixmap(round(x), round(y), pixmap(name, color, size, ratio))
