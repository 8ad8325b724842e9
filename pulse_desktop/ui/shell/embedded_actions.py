"""What can be done about the embedded server: read its logs, open the folder of its data.

Offered only where the embedded server is what the window shows. The composition root gives what
reads the files; the window never waits for a disk.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from pulse_desktop.text.translation import _
from pulse_desktop.ui.shell.actions import Action
from pulse_desktop.ui.shell.log_window import LogWindow
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.page import BackgroundRunner
from pulse_desktop.ui.shell.window import MainWindow

SHOW_LOGS: Final = Action(
    "embedded.logs",
    _("Show logs of the embedded server"),
    "Ctrl+L",
    _("Embedded server"),
    "events",
    _("nats-server worker tail errors"),
)
OPEN_FOLDER: Final = Action(
    "embedded.folder",
    _("Open data folder"),
    "",
    _("Embedded server"),
    "server",
    _("logs files jetstream"),
)


class StoredLogs(Protocol):
    """Reads logs off the loop; `pulse_desktop.embedded` has it."""

    @property
    def folder(self) -> Path:
        """The data folder."""

    async def names(self) -> Sequence[str]:
        """Return the processes that have a log."""

    async def read(self, name: str, after: Any = None) -> Any:
        """Return the lines of a log since a place: `lines`, `place`, `cut`, `problem`."""


class EmbeddedServerActions:
    """Carries out the actions about the embedded server.

    Attributes:
        logs: the window with the logs.
    """

    def __init__(self, window: MainWindow, stored: StoredLogs, start: BackgroundRunner) -> None:
        """Offer the actions in palette and connection menu.

        Args:
            window: the main window.
            stored: reads the logs.
            start: starts background work.
        """
        self._window = window
        self._folder = stored.folder
        self.logs = LogWindow(stored, start, self.open_folder, window)
        table = window.actions_table
        window.top_bar.offer(
            [table.add(SHOW_LOGS, self.show_logs), table.add(OPEN_FOLDER, self.open_folder)]
        )

    def show_logs(self) -> None:
        """Show the logs, in front."""
        if self.logs.isVisible():
            self.logs.raise_()
        self.logs.show()
        self.logs.activateWindow()

    def open_folder(self) -> None:
        """Open the data folder in a file manager; say where it is when there is none."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder))):
            self._window.tell(
                Notification(
                    "No program opened the data folder",
                    f"It is {self._folder}.",
                    "Open it with a file manager of your choice.",
                    key="embedded.folder",
                )
            )

    def close(self) -> None:
        """Look at the logs no longer."""
        self.logs.close()
