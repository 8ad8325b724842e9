"""Actions about the embedded server: show its logs, open its data folder.

They are available only when the window shows the embedded server.
"""

from typing import Final

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import BackgroundRunner
from pulse_desktop.ui.shell.log_window import LogSource, LogWindow
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


class EmbeddedServerActions:
    """The actions.

    Attributes:
        logs: the log window.
    """

    def __init__(self, window: MainWindow, source: LogSource, start: BackgroundRunner) -> None:
        """Offer the actions in palette and connection menu.

        Args:
            window: the main window.
            source: reads the logs.
            start: starts background work.
        """
        self._window = window
        self._folder = source.folder
        self.logs = LogWindow(source, start, self.open_folder, window)
        self._available = False
        table = window.actions_table
        self._actions = [
            table.add(SHOW_LOGS, self.show_logs, lambda: self._available),
            table.add(OPEN_FOLDER, self.open_folder, lambda: self._available),
        ]

    def set_available(self, available: bool) -> None:
        """Offer the actions while the window shows the embedded server."""
        self._available = available
        self._window.connections.set_more(self._actions if available else ())
        if not available:
            self.logs.hide()

    def show_logs(self) -> None:
        """Show the log window in front."""
        if self.logs.isVisible():
            self.logs.raise_()
        self.logs.show()
        self.logs.activateWindow()

    def open_folder(self) -> None:
        """Open the data folder in a file manager, or show its path if that fails."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder))):
            self._window.notify(
                Notification(
                    _("Cannot open the data folder"),
                    _("No program opened {folder}.").format(folder=self._folder),
                    _("Open it with your file manager."),
                    key="embedded.folder",
                )
            )

    def close(self) -> None:
        """Close the log window."""
        self.logs.close()
