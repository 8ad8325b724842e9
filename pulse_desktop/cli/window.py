"""The window itself, and what is shown in its place on a machine without a display."""

import asyncio
import contextlib
import logging
import os
from argparse import Namespace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from pulse_desktop.app import Desktop
from pulse_desktop.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_desktop.cli.output import print_error, write_text
from pulse_desktop.embedded.paths import DATA_DIR_VARIABLE, data_folder
from pulse_desktop.event_loop import (
    draw_offscreen,
    has_display,
    run_with_qt,
    stop_on_signals,
)
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.shell.window_state import WindowStateFile

if TYPE_CHECKING:  # Qt itself is loaded by `app`, which looks first whether it is a sound one
    from PySide6.QtGui import QPixmap

SHOWN_S: Final = 20.0
"""How long `make run` runs on a machine without a display."""

SHOWN_AS: Final = "pulse-desktop.png"


def open_window(arguments: Namespace) -> int:
    """Show the window until it is closed; without a display, show what it would show."""
    server = arguments.server or os.environ.get("PULSE_SERVER", "")
    shown = has_display()
    if not shown:
        picture = _place_for_picture()
        draw_offscreen()
        write_text(f"No display: running offscreen for {SHOWN_S:.0f} s, then writing {picture}.")
    _log_to_file()
    if shown:
        look = WindowStateFile(window_state_path())
        return run_with_qt(lambda: _until_closed(server, look), arguments.theme or look.theme)
    return run_with_qt(lambda: _demonstrate(server, picture), arguments.theme or "system")


def _place_for_picture() -> Path:
    """Return where the picture goes: into the build folder of a checkout, else right here.

    Raises:
        UserFacingError: it cannot be written there, which is better told before than after.
    """
    build = Path("build")
    picture = build / SHOWN_AS if build.is_dir() else Path(SHOWN_AS)
    fresh = not picture.exists()
    try:
        with picture.open("ab"):
            pass
        if fresh:
            picture.unlink()
    except OSError as error:
        raise UserFacingError(
            f"Cannot write {picture}",
            f"there is no display here, so a picture is drawn, and {Path.cwd()} does not take it: "
            f"{error.strerror}.",
            "Start it in a folder that you may write, or name a file: "
            "`pulse-desktop screenshot --page overview --out FILE`.",
        ) from None
    return picture


def window_state_path() -> Path:
    """Return where it is kept what the window looks like: with the user's other settings."""
    if os.environ.get(DATA_DIR_VARIABLE):
        return data_folder().root / "window.json"
    return platformdirs.user_config_path("pulse-desktop", appauthor=False) / "window.json"


async def _until_closed(server: str, look: WindowStateFile) -> int:
    desktop = Desktop(server, look=look)
    if not look.look.geometry:
        desktop.window.fit_into(desktop.window.screen().availableSize())
    stop_on_signals(desktop.stopped)
    desktop.window.show()
    desktop.start()
    await desktop.stopped.wait()
    desktop.window.hide()
    await desktop.close()
    return OK


async def _demonstrate(server: str, picture: Path) -> int:
    """Do what the window does, for a while, and say what flowed."""
    desktop = Desktop(server)
    stop_on_signals(desktop.stopped)
    desktop.window.show()
    desktop.start()
    try:
        await desktop.watched_within(10.0 if server else 60.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHOWN_S):
                await desktop.stopped.wait()
        _save(desktop.window.grab(), picture)
        return _summary(desktop.state, picture)
    except CannotConnectError as error:
        print_error(error)
        return CANNOT_CONNECT
    finally:
        await desktop.close()


def _save(drawn: "QPixmap", picture: Path) -> None:
    if not drawn.save(str(picture)):
        raise UserFacingError(
            f"Cannot write {picture}",
            "it could be written twenty seconds ago.",
            "Is the folder still there, and is there room on the disk?",
        )


def _summary(state: SystemState, picture: Path) -> int:
    topics = [f"{t.topic} {t.received}" for t in state.topics.by_name.values() if t.received]
    runs = [f"{name} {count}" for name, count in state.runs.counts.items() if count]
    write_text(f"events   {', '.join(topics) or 'none'}")
    write_text(f"runs     {', '.join(runs) or 'none'}")
    write_text(f"results  {state.results.count} stored")
    write_text(f"picture  {picture}")
    return OK if state.topics.received and state.runs.rows and state.results.count else FAILED


def _log_to_file() -> None:
    """Keep a log of bounded size beside those of the embedded stack."""
    folder = data_folder().root / "logs"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(folder / "window.log", maxBytes=1 << 20, backupCount=3)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        # A line for each look at the monitoring port would drive all else out of the log.
        logging.getLogger("httpx").setLevel(logging.WARNING)
