"""The part of `pulse-desktop screenshot` that needs Qt: a page of the real window as a picture."""

import asyncio
import os
from argparse import Namespace
from typing import Final

from pulse_desktop.app import Desktop
from pulse_desktop.cli.connect import CONNECT_WITHIN_S, chosen_server
from pulse_desktop.cli.exit_codes import (
    CANNOT_CONNECT,
    FAILED,
    OK,
    USAGE,
)
from pulse_desktop.cli.output import (
    print_error,
    write_json,
    write_note,
    write_text,
)
from pulse_desktop.event_loop import draw_offscreen, run_with_qt
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.ui.pages.registry import PAGES

SETTLED_AFTER_S: Final = 0.5
"""How long a page takes to show what was folded, its staggered charts included."""

_SCALING: Final = ("QT_SCALE_FACTOR", "QT_SCREEN_SCALE", "QT_AUTO_SCREEN", "QT_DEVICE_PIXEL")


def take_screenshot(arguments: Namespace) -> int:
    """Render a page of the real window, offscreen, into a PNG file.

    Raises:
        CannotConnectError: no server was named and none runs here.
    """
    if arguments.page not in {page.key for page in PAGES}:
        names = ", ".join(page.key for page in PAGES)
        write_note(f"There is no page {arguments.page!r}; there are: {names}")
        return USAGE
    server, monitor_url = chosen_server(arguments)
    draw_offscreen()
    for name in [each for each in os.environ if each.startswith(_SCALING)]:
        del os.environ[name]  # a picture of 1920x1080 has just so many pixels
    return run_with_qt(lambda: _picture(arguments, server, monitor_url), arguments.theme)


async def _picture(arguments: Namespace, server: str, monitor_url: str) -> int:
    desktop = Desktop(server, monitor_url)
    desktop.window.resize(*arguments.size)
    desktop.window.show()
    desktop.start()
    desktop.window.show_page(arguments.page)
    try:
        monitor = await desktop.watched_within(CONNECT_WITHIN_S)
        await monitor.caught_up(10.0)
        await asyncio.sleep(arguments.after)
        if arguments.open:
            desktop.window.show_page(arguments.page, arguments.open)
        await asyncio.sleep(SETTLED_AFTER_S)
        picture = desktop.window.grab().toImage()
    except UserFacingError as error:
        print_error(error)
        return CANNOT_CONNECT
    finally:
        await desktop.close()
    if not picture.save(arguments.out, "PNG"):  # type: ignore[call-overload]
        write_note(f"Cannot write {arguments.out}: may you write there, and is there room?")
        return FAILED
    told = {"page": arguments.page, "theme": arguments.theme, "file": arguments.out}
    if arguments.json:
        write_json({**told, "width": picture.width(), "height": picture.height()})
    else:
        write_text(f"{arguments.out}  {picture.width()}x{picture.height()}")
    return OK
