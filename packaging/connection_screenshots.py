"""Draw the pictures of connections into docs/images, with the server of PULSE_SERVER.

The window shows a profile of a production system whose server is reached through a relay, so that
the connection can be lost without stopping anything.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from PySide6.QtCore import QPoint
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QDialog

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.event_loop import draw_offscreen, run_with_qt
from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.settings_folder import CONFIG_DIR_VARIABLE
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.window import MainWindow

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1440, 900)
NAME = "shop eu"
TIMEOUT_S = 20.0
LIVE_S = 10.0
"""Seconds of live events before the first picture."""
DRAWN_S = 1.5
"""Seconds until a change is drawn, charts included."""
PROFILES = (
    Profile(
        "shop us",
        ConnectionOptions("tls://nats.us.shop.example", user="monitor", tls_ca="/etc/ssl/ca.pem"),
        environment=Environment.PRODUCTION,
        secret="password",
        read_only=True,
    ),
    Profile(
        "shop staging",
        ConnectionOptions("tls://nats.staging.shop.example", user="ann"),
        environment=Environment.STAGING,
        secret="password",
    ),
    Profile(
        "laptop", ConnectionOptions("nats://127.0.0.1:4222"), environment=Environment.DEVELOPMENT
    ),
)


class Relay:
    """Passes connections on to a server, until it is closed."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> int:
        """Listen on a free port and return it."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """End all connections and accept no others."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(*self._target)
        self._writers += (writer, other_writer)
        await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


def main() -> int:
    """Draw the pictures."""
    draw_offscreen()
    with tempfile.TemporaryDirectory(prefix="pulse-screenshots-") as folder:
        os.environ[CONFIG_DIR_VARIABLE] = folder
        return run_with_qt(lambda: _draw(os.environ["PULSE_SERVER"], Path(folder)), "dark")


async def _draw(server: str, settings: Path) -> int:
    address = urlsplit(server)
    relay = Relay(address.hostname or "", address.port or 4222)
    port = await relay.start()
    file = ProfileFile(settings / FILE_NAME)
    options = ConnectionOptions(f"nats://127.0.0.1:{port}")
    profile = Profile(NAME, options, environment=Environment.PRODUCTION, secret="token")
    for each in (profile, *PROFILES):
        file.add(each)
    desktop = Desktop(profile.with_secret(address.username or ""), settings=settings)
    window = desktop.window
    window.resize(*SIZE)
    window.show()
    desktop.start()
    try:
        session = await desktop.wait_connected(TIMEOUT_S)
        await session.wait_caught_up(TIMEOUT_S)
        await asyncio.sleep(LIVE_S)
        await _draw_question(window)
        window.show_page("overview")
        await _draw_connections(window)
        relay.close()
        await _wait(lambda: window.session.connection_status.state == "reconnecting")
        await asyncio.sleep(2 * DRAWN_S)
        await _save(window, "connection-lost")
    finally:
        relay.close()
        await desktop.close()
    return 0


async def _draw_question(window: MainWindow) -> None:
    window.show_page("tasks")
    page = window.current
    if not isinstance(page, TasksPage):
        raise TypeError("the tasks page is not shown")
    runs = page.runs
    await _wait(lambda: runs.table.rows_model.rowCount() > 5)
    runs.table.selectRow(2)
    window.actions_table.run("runs.rerun")
    await _wait(lambda: bool(_dialogs(window)))
    await _save(window, "connection-production")
    _dialogs(window)[0].reject()
    await _wait(lambda: not _dialogs(window))


async def _draw_connections(window: MainWindow) -> None:
    """Draw the stored connections, then the form of one that is to be added."""
    window.connections.manage_requested.emit()
    await _save(window, "connections")
    (dialog,) = window.findChildren(ConnectionsWindow)
    dialog.show_new(replace(PROFILES[0], name="orders eu", read_only=False))
    await _save(window, "connection-form")
    dialog.close()


def _dialogs(window: MainWindow) -> list[QDialog]:
    return [each for each in window.findChildren(QDialog) if each.isVisible()]


async def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the window does not come that far")
        await asyncio.sleep(0.05)


async def _save(window: MainWindow, name: str) -> None:
    """Save a picture of a window with its open dialog in the middle."""
    await asyncio.sleep(DRAWN_S)
    picture = window.grab()
    painter = QPainter(picture)
    for dialog in _dialogs(window):
        place = window.rect().center() - dialog.rect().center()
        painter.fillRect(dialog.rect().translated(place).adjusted(-1, -1, 1, 1), "#3a4354")
        painter.drawPixmap(QPoint(place.x(), place.y()), dialog.grab())
    painter.end()
    path = IMAGES / f"{name}-dark.png"
    if not picture.save(str(path)):
        raise OSError(f"cannot write {path}")
    print(path.relative_to(IMAGES.parents[1]))


if __name__ == "__main__":
    sys.exit(main())
