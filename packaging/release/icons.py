"""Icon of the application in the sizes and formats that desktops need, drawn from its SVG."""

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
    # Imported here because the other modules of this package need no Qt.
    from PySide6.QtGui import QGuiApplication, QImage, QPainter  # noqa: PLC0415
    from PySide6.QtSvg import QSvgRenderer  # noqa: PLC0415

    app = QGuiApplication.instance() or QGuiApplication([NAME])
    renderer = QSvgRenderer(str(svg))
    if not renderer.isValid():
        raise ValueError(f"{svg} is not a valid SVG file")
    folder.mkdir(parents=True, exist_ok=True)
    images: dict[int, bytes] = {}
    for size in PNG_SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(0)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        path = folder / f"{NAME}-{size}.png"
        image.save(str(path), "PNG")  # type: ignore[call-overload]  # the stubs want bytes
        images[size] = path.read_bytes()
    (folder / f"{NAME}.ico").write_bytes(ico({size: images[size] for size in _ICO_SIZES}))
    (folder / f"{NAME}.icns").write_bytes(
        icns({kind: images[size] for size, kind in _ICNS_TYPES.items()})
    )
    del app


def ico(images: dict[int, bytes]) -> bytes:
    """Return a Windows icon made of PNG images, by size in pixels (at most 256)."""
    head = struct.pack("<HHH", 0, 1, len(images))
    offset = len(head) + 16 * len(images)
    entries = b""
    for size, png in images.items():
        side = size % 256  # 0 means 256
        entries += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(png), offset)
        offset += len(png)
    return head + entries + b"".join(images.values())


def icns(images: dict[bytes, bytes]) -> bytes:
    """Return a macOS icon made of PNG images, by type such as `ic08`."""
    body = b"".join(kind + struct.pack(">I", 8 + len(png)) + png for kind, png in images.items())
    return b"icns" + struct.pack(">I", 8 + len(body)) + body
