"""`pulse-desktop screenshot`, as far as it needs no Qt: what can be refused is refused at once."""

import asyncio
from argparse import Namespace
from pathlib import Path

from pulse_desktop.cli.connect import try_to_connect
from pulse_desktop.model.errors import UserFacingError


def screenshot(arguments: Namespace) -> int:
    """Render a page of the real window, offscreen, into a PNG file.

    Raises:
        CannotConnectError: with the reason.
        UserFacingError: the picture cannot be written, or Qt cannot be loaded.
    """
    folder = Path(arguments.out).parent
    if not folder.is_dir():
        raise UserFacingError(
            f"Cannot write {arguments.out}", f"{folder} is not a folder.", "Make it first."
        )
    asyncio.run(try_to_connect(arguments))
    try:
        from pulse_desktop.cli.screenshot_page import take_screenshot  # noqa: PLC0415 - Qt only where it is shown
    except ImportError as error:
        raise UserFacingError(
            "Qt cannot be loaded", f"{error}.", "`pulse-desktop doctor` says what it needs."
        ) from error
    return take_screenshot(arguments)
