"""Titles of windows and dialogs: what is shown, its connection and environment, the program.

A title is often all that is seen of a window: in the taskbar, the window switcher, a shared screen.
"""

from typing import Final

from PySide6.QtWidgets import QDialog, QWidget

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text.printable import printable_line
from pulse_desktop.text.profile_text import environment_text

PROGRAM: Final = "Pulse Desktop"

_TITLE: Final = "titleText"
_CONNECTION: Final = "titleConnection"
"""Dynamic properties: the own words of a title, and the connection of a window and its dialogs."""


def connection_text(profile: Profile, label: str) -> str:
    """Return how titles name a connection, such as "eu (production)"; empty without a label."""
    name = printable_line(label)
    if name and profile.environment is not None:
        return f"{name} ({environment_text(profile.environment)})"
    return name


def set_title(window: QWidget, title: str, connection: str | None = None) -> None:
    """Title a window or dialog.

    Args:
        window: the window.
        title: what it shows.
        connection: as of `connection_text`; None for that of its main window, which it follows.
    """
    window.setProperty(_TITLE, title)
    if connection is not None:
        window.setProperty(_CONNECTION, connection)
    _apply(window)


def set_connection(main: QWidget, connection: str) -> None:
    """Name another connection in the titles of a main window and of its open dialogs.

    Args:
        main: the main window.
        connection: as of `connection_text`.
    """
    main.setProperty(_CONNECTION, connection)
    _apply(main)
    for dialog in main.findChildren(QDialog):
        if dialog.property(_TITLE):
            _apply(dialog)


def _apply(window: QWidget) -> None:
    parts = (window.property(_TITLE), _connection(window), PROGRAM)
    window.setWindowTitle(" · ".join(filter(None, parts)))


def _connection(window: QWidget) -> str:
    owner: QWidget | None = window
    while owner is not None:
        connection = owner.property(_CONNECTION)
        if connection is not None:
            return str(connection)
        owner = owner.parentWidget()
    return ""
