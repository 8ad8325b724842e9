"""What the window looked like when it was closed, so that it opens that way again.

One small JSON file. It is a convenience: a file that cannot be read or written is told in the log
and else overlooked, and only what the operator changed is kept, so that a better default reaches
everybody else.
"""

import base64
import binascii
import contextlib
import logging
import secrets
from pathlib import Path
from typing import Any, Final

import msgspec
from PySide6.QtCore import QByteArray, QObject, QTimer

from pulse_desktop.ui.shell.page import Page
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.theme import ThemeChoice

_log = logging.getLogger(__name__)

_LOOK_MS: Final = 10_000
_LARGEST: Final = 1 << 20


class WindowState(msgspec.Struct, omit_defaults=True):
    """What is remembered.

    Attributes:
        theme: "dark", "light" or "system", empty while the operator chose none.
        geometry: place and size of the window as Qt writes it, in base64.
        page: key of the page that was shown.
        rail_narrow: how the navigation is shown, None while it follows the width.
        tables: columns and order of the tables that were changed, by page and number.
    """

    theme: str = ""
    geometry: str = ""
    page: str = ""
    rail_narrow: bool | None = None
    tables: dict[str, dict[str, Any]] = {}


class WindowStateFile:
    """The file.

    Attributes:
        look: what it says, brought up to date by whoever shows the window.
    """

    def __init__(self, path: Path) -> None:
        """Read the file at a path, if there is one that can be read."""
        self._path = path
        self._written = b""
        self._complained = False
        self.look = self._read()

    @property
    def theme(self) -> ThemeChoice:
        """The theme the operator chose last, else that of the desktop."""
        try:
            return ThemeChoice(self.look.theme)
        except ValueError:
            return ThemeChoice.SYSTEM

    def save(self) -> None:
        """Write what is remembered now, if it is something else than what was written last."""
        content = msgspec.json.format(msgspec.json.encode(self.look), indent=1)
        if content == self._written:
            return
        partial = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.part")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            if not self._complained:
                self._complained = True
                _log.warning("the look of the window cannot be kept in %s: %s", self._path, error)
        else:
            self._written = content

    def _read(self) -> WindowState:
        try:
            with self._path.open("rb") as file:
                content = file.read(_LARGEST)
            look = msgspec.json.decode(content, type=WindowState)
        except FileNotFoundError:
            return WindowState()
        except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
            _log.warning("the look of the window is not remembered: %s: %s", self._path, error)
            return WindowState()
        self._written = content
        return look


class WindowStateManager(QObject):
    """Gives a window the look it had, and keeps the file up to date with the look it has."""

    def __init__(self, window: MainWindow, file: WindowStateFile) -> None:
        """Restore place and size at once, each table when its page is made."""
        super().__init__(window)
        self._window = window
        self._file = file
        self._usual: dict[str, dict[str, Any]] = {}
        look = file.look
        try:
            geometry = base64.b64decode(look.geometry, validate=True)
        except (ValueError, binascii.Error):
            geometry = b""
        if geometry:
            window.restoreGeometry(QByteArray(geometry))
        window.set_sidebar_collapsed(collapsed=look.rail_narrow)
        for page in window.pages_made():
            self._restore_tables(page)
        window.page_made.connect(self._restore_tables)
        window.session_closing.connect(self.save)
        window.theme_chosen.connect(self._note_theme)
        window.page_changed.connect(self._note_page)
        self._timer = QTimer(self)
        self._timer.setObjectName("remember the look")
        self._timer.timeout.connect(self.save)
        self._timer.start(_LOOK_MS)

    def first_page(self, usual: str) -> str:
        """Return the page to begin with: the one that was shown last, if it still exists."""
        return self._file.look.page if self._window.has_page(self._file.look.page) else usual

    def save(self) -> None:
        """Keep the look of now."""
        look = self._file.look
        geometry = self._window.saveGeometry().data()
        look.geometry = base64.b64encode(geometry).decode()
        look.rail_narrow = self._window.sidebar_preference
        for page in self._window.pages_made():
            for key, table in _tables(page):
                state = table.column_layout.state()
                if state == self._usual.get(key):
                    look.tables.pop(key, None)
                else:
                    look.tables[key] = state
        self._file.save()

    def close(self) -> None:
        """Keep the look for the last time."""
        self._timer.stop()
        self.save()

    def _restore_tables(self, page: Page) -> None:
        for key, table in _tables(page):
            self._usual[key] = table.column_layout.state()
            known = self._file.look.tables.get(key)
            if known:
                table.column_layout.restore(known)

    def _note_theme(self, choice: str) -> None:
        self._file.look.theme = choice
        self.save()

    def _note_page(self, key: str) -> None:
        self._file.look.page = key


def _tables(page: Page) -> list[tuple[str, Any]]:
    return [(f"{page.key}.{number}", table) for number, table in enumerate(page.tables())]
