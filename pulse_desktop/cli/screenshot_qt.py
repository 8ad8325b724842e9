"""The part of `pulse-desktop screenshot` that needs Qt."""

import asyncio
import os
from argparse import Namespace
from collections.abc import Callable
from typing import Final

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.cli.connection import CONNECT_TIMEOUT_S
from pulse_desktop.cli.exit_codes import CANNOT_CONNECT, FAILED, OK, USAGE
from pulse_desktop.cli.output import print_error, write_json, write_note, write_text
from pulse_desktop.cli.profile_choice import chosen_profile
from pulse_desktop.cli.query_errors import print_query_error
from pulse_desktop.event_loop import draw_offscreen, run_with_qt
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.query import QueryError
from pulse_desktop.session.session import Session
from pulse_desktop.text.history_extent_text import history_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.navigation import Target, parse_target
from pulse_desktop.ui.pages.registry import PAGES

CATCH_UP_TIMEOUT_S: Final = 10.0
HISTORY_TIMEOUT_S: Final = 60.0
"""How long older messages are read before the picture is taken without the rest."""
HISTORY_QUIET_S: Final = 3.0
"""How long none are read before the rest is left out: there may be no room for them."""
FILTER_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.1

REDRAW_S: Final = 0.5
"""Time that a page needs to show what was folded, with its staggered charts."""

_SCALE_VARIABLES: Final = (
    "QT_SCALE_FACTOR",
    "QT_SCREEN_SCALE",
    "QT_AUTO_SCREEN",
    "QT_DEVICE_PIXEL",
)


def take_screenshot(arguments: Namespace) -> int:
    """Draw a page of the window offscreen into a PNG file.

    Raises:
        CannotConnectError: no server was given and no embedded stack is running.
    """
    names = [page.key for page in PAGES]
    if arguments.page not in names:
        write_note(
            _("Unknown page {page!r}; choose from: {names}").format(
                page=arguments.page, names=", ".join(names)
            )
        )
        return USAGE
    try:
        target = parse_target(arguments.page, arguments.select)
    except QueryError as error:
        print_query_error(arguments.select, error)
        return USAGE
    profile = chosen_profile(arguments)
    draw_offscreen()
    for name in [each for each in os.environ if each.startswith(_SCALE_VARIABLES)]:
        del os.environ[name]  # --size is in pixels of the picture
    return run_with_qt(lambda: _draw(arguments, profile, target), arguments.theme)


async def _wait_history(session: Session) -> None:
    """Wait until older messages have been read, or nothing more of them is."""
    read, quiet_s = -1, 0.0

    def is_reading() -> bool:
        nonlocal read, quiet_s
        extent = session.history_extent
        quiet_s = quiet_s + _POLL_S if extent.read == read else 0.0
        read = extent.read
        return not extent.is_complete and quiet_s < HISTORY_QUIET_S

    await _while(is_reading, HISTORY_TIMEOUT_S)


async def _while(condition: Callable[[], bool], timeout_s: float) -> None:
    """Wait until a condition is false, or some seconds have passed."""
    for _poll in range(round(timeout_s / _POLL_S)):
        if not condition():
            return
        await asyncio.sleep(_POLL_S)


def _is_filtering(desktop: Desktop) -> bool:
    page = desktop.window.current
    return page is not None and any(each.rows_model.filter_pending for each in page.tables())


async def _draw(arguments: Namespace, profile: Profile, target: Target) -> int:
    desktop = Desktop(profile)
    desktop.window.resize(*arguments.size)
    desktop.window.show()
    desktop.start()
    desktop.window.show_page(arguments.page)
    try:
        session = await desktop.wait_connected(CONNECT_TIMEOUT_S)
        await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
        await _wait_history(session)
        await _while(lambda: not session.has_recent, HISTORY_QUIET_S)
        await asyncio.sleep(arguments.delay)
        if arguments.select:
            desktop.window.navigate(target)
        await asyncio.sleep(REDRAW_S)
        await _while(lambda: _is_filtering(desktop), FILTER_TIMEOUT_S)
        if note := history_text(session.history_extent, session.now()):
            write_note(f"{note}.")
        image = desktop.window.grab().toImage()
    except UserFacingError as error:
        print_error(error)
        return CANNOT_CONNECT
    finally:
        await desktop.close()
    if not image.save(arguments.out, "PNG"):  # type: ignore[call-overload]
        write_note(
            _("Cannot write {file}: check its permissions and the free disk space.").format(
                file=arguments.out
            )
        )
        return FAILED
    if arguments.json:
        write_json(
            {
                "page": arguments.page,
                "theme": arguments.theme,
                "file": arguments.out,
                "width": image.width(),
                "height": image.height(),
            }
        )
    else:
        write_text(f"{arguments.out}  {image.width()}x{image.height()}")
    return OK
