"""The real application, told by lines on stdin what to show; part of the watching benchmark.

Commands: `page KEY`, `select` (the third row of the visible table), `show`, `minimize`, `hide`,
`cover` (another window over it) and `report`. Each is answered by one line of JSON with counters
since the start.
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QRect, Qt
from PySide6.QtWidgets import QWidget

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.event_loop import run_with_qt, stop_on_signals
from pulse_desktop.profiles.profile import server_profile

if TYPE_CHECKING:
    from collections.abc import Callable

_SIZE: Final = (1440, 860)
_SELECTED_ROW: Final = 2


class PaintCounter(QObject):
    """Counts the painted frames of a window, and the widgets painted in them."""

    def __init__(self, window: QWidget) -> None:
        super().__init__()
        self._window = window
        self.frames = 0
        self.paints: Counter[str] = Counter()
        app = QCoreApplication.instance()
        if app is not None:
            app.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Count and let the event pass."""
        kind = event.type()
        if kind is QEvent.Type.Paint:
            self.paints[type(watched).__name__] += 1
        elif kind is QEvent.Type.UpdateRequest and watched is self._window:
            self.frames += 1
        return False


class Watched:
    """The application, and the commands that change what is seen of it."""

    def __init__(self, server: str, monitoring_url: str, *, counts: bool) -> None:
        self.desktop = Desktop(server_profile(server, monitoring_url))
        self._window = self.desktop.window
        self._window.resize(*_SIZE)
        self._counter = PaintCounter(self._window) if counts else None
        self._cover = QWidget(None, Qt.WindowType.Window | Qt.WindowType.FramelessWindowHint)
        self._cover.setObjectName("cover")
        self._commands: dict[str, Callable[[], object]] = {
            "show": self._show,
            "minimize": self._window.showMinimized,
            "hide": self._window.hide,
            "cover": self._show_cover,
            "select": self._select,
            "report": lambda: None,
        }

    def run(self, line: str) -> None:
        """Carry out a command and answer it."""
        name, *rest = line.split()
        if name == "page":
            self._window.show_page(rest[0])
        else:
            self._commands[name]()
        self._answer()

    def _show(self) -> None:
        self._cover.hide()
        self._window.showNormal()
        self._window.raise_()

    def _show_cover(self) -> None:
        self._cover.setGeometry(QRect(self._window.frameGeometry()).adjusted(-40, -40, 40, 40))
        self._cover.show()
        self._cover.raise_()

    def _select(self) -> None:
        for table in self._window.current.tables() if self._window.current is not None else ():
            table.selectRow(_SELECTED_ROW)

    def _answer(self) -> None:
        state = self._window.session.state
        report = {
            "cpu_s": time.process_time(),
            "frames": self._counter.frames if self._counter else 0,
            "paints": dict(self._counter.paints) if self._counter else {},
            "runs": state.runs.rows.stop,
            "ended": sum(state.runs.counts.values()),
            "waiting": self._window.session.waiting,
            "exposed": self._window.is_seen,
            "collections": [each["collections"] for each in gc.get_stats()],
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


async def watch(arguments: argparse.Namespace) -> int:
    """Show the window until stdin ends."""
    watched = Watched(arguments.server, arguments.monitoring_url, counts=arguments.count_paints)
    desktop, loop = watched.desktop, asyncio.get_running_loop()
    stop_on_signals(desktop.stopped)

    def read_commands() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(watched.run, line)
        loop.call_soon_threadsafe(desktop.stopped.set)

    desktop.window.show()
    desktop.start()
    await desktop.wait_connected(20.0)
    threading.Thread(target=read_commands, daemon=True).start()
    await desktop.stopped.wait()
    desktop.window.hide()
    await desktop.close()
    return 0


def main() -> int:
    """Run the application."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("monitoring_url")
    parser.add_argument("--count-paints", action="store_true", help="costs time itself")
    arguments = parser.parse_args()
    os.environ.setdefault("PYQTGRAPH_QT_LIB", "PySide6")
    return run_with_qt(lambda: watch(arguments))


if __name__ == "__main__":
    sys.exit(main())
