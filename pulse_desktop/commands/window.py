"""The window itself, and what is shown in its place on a machine without a display."""

import asyncio
import contextlib
import logging
import os
from argparse import Namespace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import platformdirs

from pulse_desktop.app import Desktop
from pulse_desktop.bus.errors import CannotConnectError
from pulse_desktop.commands.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_desktop.commands.output import complain, write_text
from pulse_desktop.local.paths import DATA_DIR_VARIABLE, data_folder
from pulse_desktop.qt_loop import draw_offscreen, has_display, run_with_qt, stop_on_signals
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.remembered import LookFile

SHOWN_S: Final = 20.0
"""How long `make run` runs on a machine without a display."""

SHOWN_AS: Final = Path("build") / "pulse-desktop.png"


def open_window(arguments: Namespace) -> int:
    """Show the window until it is closed; without a display, show what it would show."""
    server = arguments.server or os.environ.get("PULSE_SERVER", "")
    shown = has_display()
    if not shown:
        draw_offscreen()
        write_text(f"No display: running offscreen for {SHOWN_S:.0f} s, then writing {SHOWN_AS}.")
    _log_to_file()
    if shown:
        look = LookFile(look_path())
        return run_with_qt(lambda: _until_closed(server, look), arguments.theme or look.theme)
    return run_with_qt(lambda: _demonstrate(server), arguments.theme or "system")


def look_path() -> Path:
    """Return where it is kept what the window looks like: with the user's other settings."""
    if os.environ.get(DATA_DIR_VARIABLE):
        return data_folder().root / "window.json"
    return platformdirs.user_config_path("pulse-desktop", appauthor=False) / "window.json"


async def _until_closed(server: str, look: LookFile) -> int:
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


async def _demonstrate(server: str) -> int:
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
        SHOWN_AS.parent.mkdir(parents=True, exist_ok=True)
        desktop.window.grab().save(str(SHOWN_AS))
        return _summary(desktop.state)
    except CannotConnectError as error:
        complain(error)
        return CANNOT_CONNECT
    finally:
        await desktop.close()


def _summary(state: SystemState) -> int:
    topics = [f"{t.topic} {t.received}" for t in state.topics.by_name.values() if t.received]
    runs = [f"{name} {count}" for name, count in state.runs.counts.items() if count]
    write_text(f"events   {', '.join(topics) or 'none'}")
    write_text(f"runs     {', '.join(runs) or 'none'}")
    write_text(f"results  {state.results.count} stored")
    write_text(f"picture  {SHOWN_AS}")
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
