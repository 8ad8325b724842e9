"""Convert the screen of Xvfb to a PNG file. Fails if nothing was drawn on it.

Usage: screen_dump.py FILE.xwd FILE.png
"""

import struct
import sys
from pathlib import Path

from PySide6.QtGui import QImage

MIN_COLORS = 200
"""Minimum number of different colors on a screen that shows a window; a bare screen has a few."""

_COLOR_BYTES = 12


def decode_dump(dump: bytes) -> QImage:
    """Return the image in a little-endian X window dump of 32 bits per pixel.

    Raises:
        ValueError: the version or the bits per pixel differ.
    """
    fields = struct.unpack(">25I", dump[:100])
    header, version, width, height = fields[0], fields[1], fields[4], fields[5]
    bits_per_pixel, bytes_per_line, colors = fields[11], fields[12], fields[19]
    if version != 7 or bits_per_pixel != 32:
        raise ValueError("not a dump of 32 bits per pixel")
    pixels = dump[header + colors * _COLOR_BYTES :]
    image = QImage(pixels, width, height, bytes_per_line, QImage.Format.Format_RGB32)
    return image.copy()  # the original refers to `pixels`


def main(source: str, target: str) -> int:
    """Convert, and return 0 when there is something to see."""
    image = decode_dump(Path(source).read_bytes())
    seen = {
        image.pixel(x, y) for y in range(0, image.height(), 4) for x in range(0, image.width(), 4)
    }
    image.save(target)
    print(f"    {Path(target).name}: {image.width()}x{image.height()}, {len(seen)} colors")
    return 0 if len(seen) >= MIN_COLORS else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
