"""The application's icon in the sizes and containers that desktops want, drawn from one SVG."""

import os
import struct
from pathlib import Path
from typing import Final

PNG_SIZES: Final = (16, 24, 32, 48, 64, 128, 256, 512)
_ICO_SIZES: Final = (16, 24, 32, 48, 64, 128, 256)
_ICNS_TYPES: Final = {128: b"ic07", 256: b"ic08", 512: b"ic09"}
NAME: Final = "pulse-desktop"


def draw_icons(svg: Path, folder: Path) -> None:
    """Write `pulse-desktop-<size>.png`, `.ico` and `.icns` into `folder`."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Only whoever packages draws: the modules beside this one need no Qt.
    from PySide6.QtGui import QGuiApplication, QImage, QPainter  # noqa: PLC0415
    from PySide6.QtSvg import QSvgRenderer  # noqa: PLC0415

    app = QGuiApplication.instance() or QGuiApplication([NAME])
    renderer = QSvgRenderer(str(svg))
    if not renderer.isValid():
        raise ValueError(f"{svg} cannot be drawn")
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[int, bytes] = {}
    for size in PNG_SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(0)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        path = folder / f"{NAME}-{size}.png"
        image.save(str(path), "PNG")
        pictures[size] = path.read_bytes()
    (folder / f"{NAME}.ico").write_bytes(ico({size: pictures[size] for size in _ICO_SIZES}))
    (folder / f"{NAME}.icns").write_bytes(
        icns({kind: pictures[size] for size, kind in _ICNS_TYPES.items()})
    )
    del app


def ico(pictures: dict[int, bytes]) -> bytes:
    """Return a Windows icon of PNG pictures by their size in pixels (256 at most)."""
    head = struct.pack("<HHH", 0, 1, len(pictures))
    offset = len(head) + 16 * len(pictures)
    entries = b""
    for size, png in pictures.items():
        side = size % 256  # 0 stands for 256
        entries += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(png), offset)
        offset += len(png)
    return head + entries + b"".join(pictures.values())


def icns(pictures: dict[bytes, bytes]) -> bytes:
    """Return a macOS icon of PNG pictures by their type, such as `ic08`."""
    body = b"".join(kind + struct.pack(">I", 8 + len(png)) + png for kind, png in pictures.items())
    return b"icns" + struct.pack(">I", 8 + len(body)) + body
