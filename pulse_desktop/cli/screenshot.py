"""`pulse-desktop screenshot`: draw a page of the window into a PNG file."""

from argparse import Namespace
from pathlib import Path
from typing import Final

from pulse_desktop.cli.argument_types import MAX_SIZE, MIN_SIZE, duration, format_size, size
from pulse_desktop.cli.connection import check_connection
from pulse_desktop.cli.parser import Subparsers, add_command, add_hidden_alias
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

PAGE_NAMES: Final = (
    "overview",
    "tasks",
    "messages",
    "knowledge",
    "agents",
    "providers",
    "monitoring",
    "metrics",
    "results",
    "events",
)
"""Keys of the pages. They are repeated here because the registry of pages needs Qt."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "screenshot",
        run,
        summary=_("draw a page of the window into a PNG file"),
        description=_("Draw a page of the window into a PNG file. No display is needed."),
        examples=(
            ("pulse-desktop screenshot --page tasks --out tasks.png", ""),
            ("pulse-desktop screenshot --page tasks --select 3f9c0e6a41… --out failed.png", ""),
            ("pulse-desktop screenshot --page tasks --select 'ran>5s' --out slow.png", ""),
            (
                "pulse-desktop screenshot --page overview --out o.png --size 1920x1080 --delay 10",
                "",
            ),
        ),
    )
    parser.add_argument(
        "--page",
        required=True,
        choices=PAGE_NAMES,
        metavar="NAME",
        help=", ".join(PAGE_NAMES),
    )
    parser.add_argument(
        "--out", required=True, metavar="FILE", help=_("a .png file; replaced if it exists")
    )
    parser.add_argument(
        "--select",
        default="",
        metavar="TEXT",
        help=_("item of the page, by its whole id; any other text is a query for the page"),
    )
    parser.add_argument(
        "--theme", choices=("dark", "light"), default="dark", help=_("color theme (default: dark)")
    )
    parser.add_argument(
        "--size",
        type=size,
        default=(1440, 900),
        metavar="WxH",
        help=_("pixels (default: 1440x900), from {smallest} to {largest}").format(
            smallest=format_size(MIN_SIZE), largest=format_size(MAX_SIZE)
        ),
    )
    parser.add_argument(
        "--delay",
        type=duration,
        default=3.0,
        metavar="SPAN",
        help=_("time of live events after history is read (default: 3s)"),
    )
    add_hidden_alias(parser, "--open", "--select")
    add_hidden_alias(parser, "--after", "--delay")


def run(arguments: Namespace) -> int:
    """Draw a page of the window offscreen into a PNG file.

    Raises:
        CannotConnectError: with the reason.
        UserFacingError: the file cannot be written, or Qt cannot be loaded.
    """
    import asyncio

    folder = Path(arguments.out).parent
    try:
        is_folder = folder.is_dir()
    except OSError:  # a name that no folder can have, or a folder that cannot be entered
        is_folder = False
    if not is_folder:
        raise UserFacingError(
            _("Cannot write {file}").format(file=arguments.out),
            _("{folder} is not a folder.").format(folder=folder),
            _("Create it first."),
        )
    asyncio.run(check_connection(arguments))
    try:
        from pulse_desktop.qt_guard import prepare_qt

        prepare_qt()
        from pulse_desktop.cli.screenshot_qt import take_screenshot
    except ImportError as error:
        raise UserFacingError(
            _("Cannot load Qt"), f"{error}.", _("`pulse-desktop doctor` shows what is missing.")
        ) from error
    return take_screenshot(arguments)
