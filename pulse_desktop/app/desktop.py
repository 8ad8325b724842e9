"""The running application: its windows, the embedded server and the crash handler."""

import asyncio
from pathlib import Path

from pulse_desktop.app.embedded_server import EmbeddedServer
from pulse_desktop.app.session_window import SessionWindow
from pulse_desktop.profiles.profile import Profile, embedded_profile
from pulse_desktop.profiles.secret_storage import NoSecretError, ProfileSecrets
from pulse_desktop.session.session import Session
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.settings_folder import settings_folder
from pulse_desktop.text.translation import _
from pulse_desktop.ui.shell.crash_handler import CrashHandler
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_state import WindowStateFile


async def _ask_nobody(profile: Profile) -> str:
    raise NoSecretError(profile, _("Store it with `pulse-desktop profiles edit`."))


class Desktop:
    """The running application.

    Attributes:
        windows: the windows, the first one first.
        embedded: the embedded server.
        stopped: set when the operator has closed the last window.
    """

    def __init__(
        self,
        profile: Profile | None = None,
        *,
        state_file: WindowStateFile | None = None,
        settings: Path | None = None,
    ) -> None:
        """Create the application and its first window, inside a running event loop.

        Args:
            profile: what the first window shows; None for the embedded server.
            state_file: what is saved of the first window; None saves nothing.
            settings: folder of the profiles; the user's by default.
        """
        self._profile = profile or embedded_profile()
        self._secrets = ProfileSecrets(settings or settings_folder(), _ask_nobody)
        self.stopped = asyncio.Event()
        self.windows: list[SessionWindow] = []
        self._crash_handler = CrashHandler(self._notify)
        self._crash_handler.install(asyncio.get_running_loop())
        self._supervisor = Supervisor(self._report)
        self.embedded = EmbeddedServer(self._report)
        self._first = self.new_window(state_file)

    @property
    def window(self) -> MainWindow:
        """The first window."""
        return self._first.window

    @property
    def session(self) -> Session | None:
        """The session of the first window, None until there is a server to connect to."""
        return self._first.session

    def new_window(self, state_file: WindowStateFile | None = None) -> SessionWindow:
        """Create a window that is offline, beside those there are."""
        window = SessionWindow(self._report, self.embedded, self._secrets, state_file)
        self.windows.append(window)
        window.window.close_requested.connect(lambda: self._on_close_requested(window))
        return window

    def start(self) -> None:
        """Start the first window, and open its session as soon as there is a server."""
        self._first.show_profile(self._profile)
        self._first.start()

    async def close(self) -> None:
        """Close everything in order: windows with their sessions, background work, stack."""
        for window in self.windows:
            await window.close()
        self.windows.clear()
        await self.embedded.close()
        await self._supervisor.close()
        self._crash_handler.uninstall()

    async def wait_connected(self, timeout_s: float | None = None) -> Session:
        """Wait until the first window's session is connected; see `SessionWindow`."""
        return await self._first.wait_connected(timeout_s)

    def _on_close_requested(self, window: SessionWindow) -> None:
        """Close a window; without a visible one left, let the owner close the application."""
        window.window.hide()
        if window is not self._first:
            self.windows.remove(window)
            self._supervisor.run(f"close window {id(window)}", window.close())
        if not any(each.window.isVisible() for each in self.windows):
            self.stopped.set()

    def _notify(self, notification: Notification) -> None:
        self.window.notify(notification)

    def _report(self, failure: TaskFailure) -> None:
        self._crash_handler.report(failure.error, f"background work: {failure.name}")
