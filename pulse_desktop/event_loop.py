"""Qt's part of the process: application, event loop, display, and the signals that end it.

It imports Qt: call `qt_guard.prepare_qt` before importing it.
"""

import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from pulse_desktop.resources import resource_path
from pulse_desktop.ui.qt_loop import QtLoop
from pulse_desktop.ui.theme.qt_translations import install_qt_translations
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

APP_USER_MODEL_ID: Final = "PulseDesktop.PulseDesktop"
"""Windows groups and pins windows in the taskbar by this id. The Start menu entry has it too."""


def run_with_qt(main: Callable[[], Coroutine[Any, Any, int]], theme_name: str = "system") -> int:
    """Run a coroutine on Qt's event loop and return its result."""
    set_app_user_model_id()
    QApplication.setDesktopFileName("pulse-desktop")
    app = QApplication.instance() or QApplication(["pulse-desktop"])
    if not isinstance(app, QApplication):
        raise TypeError("there is a Qt application without windows already")
    app.setApplicationName("pulse-desktop")
    app.setApplicationDisplayName("Pulse Desktop")
    app.setWindowIcon(QIcon(str(resource_path("icons", "pulse-desktop.svg"))))
    app.setQuitOnLastWindowClosed(False)
    install_qt_translations(app)
    theme().install(ThemeChoice(theme_name))
    with QtLoop(app) as loop:
        return int(loop.run_until_complete(main()))


def draw_offscreen() -> None:
    """Draw without a display, and drop the warning about what such a screen cannot do."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    logging.getLogger("pulse_desktop.bugs").addFilter(
        lambda record: "propagateSizeHints" not in record.getMessage()
    )


def has_display() -> bool:
    """Return whether there is a display; without one, Qt would end the process."""
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def stop_on_signals(stopped: asyncio.Event) -> None:
    """Let Ctrl-C and SIGTERM set an event instead of ending the process at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))


def set_app_user_model_id(shell32: Any = None) -> bool:
    """Set the application id of this process; without it, the taskbar shows Python's.

    Args:
        shell32: the library to call, None for that of this system.

    Returns:
        False if Windows refused it, or on other systems.
    """
    shell32 = shell32 or _load_shell32()
    if shell32 is None:
        return False
    name = ctypes.c_wchar_p(APP_USER_MODEL_ID)
    return int(shell32.SetCurrentProcessExplicitAppUserModelID(name)) == 0


def _load_shell32() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("shell32")
    return None
