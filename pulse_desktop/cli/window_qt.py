"""The window, or a screenshot of it on a machine without a display."""

import asyncio
import contextlib
import logging
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_desktop.cli.output import print_error, write_note, write_text
from pulse_desktop.cli.profile_choice import names_server, requested_profile
from pulse_desktop.embedded.bounded_log import BoundedLog, BoundedLogHandler
from pulse_desktop.embedded.data_folder import cannot_write, data_folder
from pulse_desktop.event_loop import draw_offscreen, has_display, run_with_qt, stop_on_signals
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.model.log_format import LogFormatter
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.settings_folder import settings_folder
from pulse_desktop.state.system import SystemState
from pulse_desktop.text.run_text import STATE_LABELS
from pulse_desktop.text.translation import _
from pulse_desktop.ui.shell.window_state import WindowStateFile

if TYPE_CHECKING:  # Qt itself is loaded by `app`, after a check that it is safe to use
    from PySide6.QtGui import QPixmap

SCREENSHOT_DELAY_S: Final = 20.0
"""How long the window runs on a machine without a display before its screenshot is written."""

SCREENSHOT_NAME: Final = "pulse-desktop.png"

_CONNECT_TIMEOUT_S: Final = 10.0
_STACK_TIMEOUT_S: Final = 60.0
_LOG_BYTES: Final = 1 << 20
_OLD_LOGS: Final = 3


def open_window(arguments: Namespace) -> int:
    """Show the window until it is closed. Without a display, write a screenshot of it."""
    profile = requested_profile(arguments)
    if has_display():
        _log_to_file()
        state_file = WindowStateFile(window_state_path())
        theme = arguments.theme or state_file.theme
        named = profile if names_server(arguments) else None
        return run_with_qt(lambda: _show_until_closed(named, state_file), theme)
    screenshot = screenshot_path()
    draw_offscreen()
    write_text(
        _("No display: running offscreen for {seconds:.0f} s, then writing {file}.").format(
            seconds=SCREENSHOT_DELAY_S, file=screenshot
        )
    )
    _log_to_file()
    theme_choice = arguments.theme or "system"
    return run_with_qt(lambda: _write_screenshot(profile, screenshot), theme_choice)


def screenshot_path() -> Path:
    """Return the path of the screenshot: in the build folder of a checkout, else in this folder.

    Raises:
        UserFacingError: it cannot be written, which is checked before it is drawn.
    """
    build = Path("build")
    screenshot = build / SCREENSHOT_NAME if build.is_dir() else Path(SCREENSHOT_NAME)
    is_new = not screenshot.exists()
    try:
        with screenshot.open("ab"):
            pass
        if is_new:
            screenshot.unlink()
    except OSError as error:
        raise UserFacingError(
            _("Cannot write {file}").format(file=screenshot),
            _(
                "there is no display, so a screenshot is written, but {folder} is not "
                "writable: {error}."
            ).format(folder=Path.cwd(), error=error.strerror),
            _(
                "Start it in a folder that you can write to, or name a file: "
                "`pulse-desktop screenshot --page overview --out FILE`."
            ),
        ) from None
    return screenshot


def window_state_path() -> Path:
    """Return the path of the saved window state: among the user's settings."""
    return settings_folder() / "window.json"


async def _show_until_closed(profile: Profile | None, state_file: WindowStateFile) -> int:
    """Show a profile; without one, what opens at the start, which the first run asks for."""
    desktop = Desktop(profile, state_file=state_file)
    desktop.window.fit_to_screen(
        desktop.window.screen().availableGeometry(), restored=bool(state_file.state.geometry)
    )
    stop_on_signals(desktop.stopped)
    if profile is None:
        desktop.open()
    else:
        desktop.window.show()
        desktop.start()
    await desktop.stopped.wait()
    desktop.window.hide()
    await desktop.close()
    return OK


def open_recording(reader: RecordingReader, arguments: Namespace) -> int:
    """Show a recording until the window is closed.

    Raises:
        UserFacingError: there is no display.
    """
    if not has_display():
        raise UserFacingError(
            _("Cannot open the window"),
            _("there is no display."),
            _("`pulse-desktop replay FILE --check` describes the recording without one."),
        )
    _log_to_file()
    theme = arguments.theme or WindowStateFile(window_state_path()).theme
    return run_with_qt(lambda: _show_recording(reader), theme)


async def _show_recording(reader: RecordingReader) -> int:
    desktop = Desktop()
    desktop.window.fit_to_screen(desktop.window.screen().availableGeometry())
    stop_on_signals(desktop.stopped)
    desktop.window.show()
    desktop.show_recording(reader)
    await desktop.stopped.wait()
    desktop.window.hide()
    await desktop.close()
    return OK


async def _write_screenshot(profile: Profile, screenshot: Path) -> int:
    """Run the window offscreen for a while, write a screenshot of it and a summary."""
    desktop = Desktop(profile)
    stop_on_signals(desktop.stopped)
    desktop.window.show()
    desktop.start()
    try:
        await desktop.wait_connected(
            _STACK_TIMEOUT_S if profile.is_embedded else _CONNECT_TIMEOUT_S
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SCREENSHOT_DELAY_S):
                await desktop.stopped.wait()
        save_screenshot(desktop.window.grab(), screenshot)
        return _write_summary(desktop.window.session.state, screenshot)
    except CannotConnectError as error:
        print_error(error)
        return CANNOT_CONNECT
    finally:
        await desktop.close()


def save_screenshot(pixmap: "QPixmap", screenshot: Path) -> None:
    """Save a screenshot.

    Raises:
        UserFacingError: it cannot be written.
    """
    if not pixmap.save(str(screenshot)):
        raise UserFacingError(
            _("Cannot write {file}").format(file=screenshot),
            _("it was writable when the window started."),
            _("Check that the folder still exists and that the disk is not full."),
        )


def _write_summary(state: SystemState, screenshot: Path) -> int:
    """Write the number of events, runs and results; return FAILED if there are none of a kind."""
    topics = [f"{t.topic} {t.received}" for t in state.topics.by_name.values() if t.received]
    runs = [
        f"{STATE_LABELS[each][0]} {count}" for each, count in state.runs.counts.items() if count
    ]
    write_text(_("events   {counts}").format(counts=", ".join(topics) or _("none")))
    write_text(_("runs     {counts}").format(counts=", ".join(runs) or _("none")))
    write_text(_("results  {count} stored").format(count=state.results.count))
    write_text(_("picture  {file}").format(file=screenshot))
    return OK if state.topics.received and state.runs.rows and state.results.count else FAILED


def _log_to_file() -> None:
    """Write a log of bounded size beside those of the embedded stack; note when that fails."""
    folder = data_folder()
    log = BoundedLog(folder.log_of("window"), max_bytes=_LOG_BYTES, old_files=_OLD_LOGS)
    try:
        folder.prepare_logs()
        log.open()
    except UserFacingError as error:
        write_note(_("The window writes no log: {reason}").format(reason=error.sentence))
        return
    except OSError as error:
        reason = cannot_write(folder.root, error).sentence
        write_note(_("The window writes no log: {reason}").format(reason=reason))
        return
    handler = BoundedLogHandler(log)
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    # httpx logs every request to the monitoring port, which would displace everything else.
    logging.getLogger("httpx").setLevel(logging.WARNING)
