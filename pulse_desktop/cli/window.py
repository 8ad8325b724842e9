"""`pulse-desktop` without a command: open the window."""

import importlib
import sys
from argparse import ArgumentParser, Namespace
from types import ModuleType

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _


def add_options(parser: ArgumentParser) -> None:
    """Add the options of the window to the parser of the program."""
    parser.set_defaults(run=run, ends_on_signal=False)
    add_theme_option(parser, default=None)


def add_theme_option(parser: ArgumentParser, default: str | None) -> None:
    """Add `--theme`."""
    parser.add_argument(
        "--theme",
        choices=("dark", "light", "system"),
        default=default,
        help=_("color theme of the window (default: as chosen last, else the system's)"),
    )


def run(arguments: Namespace) -> int:
    """Open the window.

    Raises:
        UserFacingError: the window is not installed, or its Qt is not safe to use.
    """
    code: int = load_window().open_window(arguments)
    return code


def load_window() -> ModuleType:
    """Load the window and return `window_qt`.

    Raises:
        UserFacingError: it is not installed, or its Qt is not safe to use.
    """
    try:
        from pulse_desktop.qt_guard import prepare_qt

        prepare_qt()
        window_qt = importlib.import_module("pulse_desktop.cli.window_qt")
    except ImportError as error:
        if getattr(sys, "frozen", False):
            command = "sudo apt install pulse-desktop"
        else:
            command = "pip install 'pulse-desktop[desktop]'"
        raise UserFacingError(
            _("The window is not installed here"),
            f"{error}.",
            _(
                "Install it with: {command}. All commands work without it; "
                "`pulse-desktop doctor` shows what is missing."
            ).format(command=command),
        ) from error
    return window_qt
