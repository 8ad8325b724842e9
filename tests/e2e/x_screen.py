"""Captures an X screen from another process until something is drawn on it.

Usage: python -m tests.e2e.x_screen FILE SECONDS
"""

import sys
import time

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QImage

MIN_COLORS = 200
"""Minimum number of different colors on a screen that shows a window; a bare screen has a few."""


def colors(image: QImage) -> int:
    """Count different colors in every fourth pixel each way."""
    seen = {
        image.pixel(x, y) for y in range(0, image.height(), 4) for x in range(0, image.width(), 4)
    }
    return len(seen)


def main(path: str, timeout_s: float) -> int:
    """Return 0 when something was drawn in time."""
    app = QGuiApplication([])
    deadline = time.monotonic() + timeout_s

    def check() -> None:
        image = app.primaryScreen().grabWindow(0).toImage()
        if colors(image) >= MIN_COLORS or time.monotonic() > deadline:
            image.save(path)
            app.exit(0 if colors(image) >= MIN_COLORS else 1)

    timer = QTimer(interval=100)
    timer.timeout.connect(check)
    timer.start()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
