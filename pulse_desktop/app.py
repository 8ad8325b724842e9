"""The desktop application: the composition root that connects sessions to windows.

Importing it has no side effects, but it imports Qt: call `qt_guard.prepare_qt` before.
"""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from pulse_desktop.embedded.data_folder import data_folder
from pulse_desktop.embedded.stack import EmbeddedStack, StackInfo, running_stack
from pulse_desktop.embedded.stack_logs import StackLogs
from pulse_desktop.model.connection_status import State
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.nats_client.client_arguments import readable_by_others
from pulse_desktop.nats_client.connection_options import ConnectionOptions
from pulse_desktop.nats_client.server_address import redact_server
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.session.session import Session, SessionConfig
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.text.translation import _
from pulse_desktop.ui.offline_session import OfflineSession
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.shell.crash_handler import CrashHandler
from pulse_desktop.ui.shell.embedded_actions import EmbeddedServerActions
from pulse_desktop.ui.shell.frame_timer import FrameTimer
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_state import WindowStateFile, WindowStateManager

_log = logging.getLogger("pulse_desktop")


class SessionWindow:
    """A window and the session that it shows.

    Attributes:
        window: the window; it shows an offline session while there is no other.
        session: None while the window is offline.
    """

    def __init__(
        self,
        on_failure: Callable[[TaskFailure], None],
        state_file: WindowStateFile | None = None,
    ) -> None:
        """Create a window that is offline.

        Args:
            on_failure: called when background work crashes.
            state_file: what is saved of the window; None saves nothing.
        """
        self._on_failure = on_failure
        self._page_work = Supervisor(on_failure)
        self.session: Session | None = None
        self.window = MainWindow(OfflineSession(), PAGES, run_in_background=self._page_work.run)
        self._state = WindowStateManager(self.window, state_file) if state_file else None
        self._frames = FrameTimer(self.window)
        self.window.names_chosen.connect(self._use_names)
        self._switch = Supervisor(on_failure)

    def start(self) -> None:
        """Show the first page and start the frames."""
        first = PAGES[0].key
        self.window.show_page(self._state.first_page(first) if self._state else first)
        self._frames.start()
        freeze_long_lived_objects()

    def set_name(self, name: str, environment: str = "") -> None:
        """Show the name of the connection, and the kind of system that it leads to."""
        self.window.top_bar.set_environment(environment)
        self.window.top_bar.set_connections([("current", name)], "current")

    def open_session(self, config: SessionConfig) -> Session:
        """Open a session and show it; the window must be offline.

        Raises:
            CannotConnectError: the server's address cannot be parsed.
        """
        if self.session is not None:
            raise RuntimeError("close the present session first")
        session = Session(config, on_failure=self._on_failure)
        session.start()
        self.session = session
        self.window.set_session(session, self._page_work.run)
        if self.window.current is not None:
            freeze_long_lived_objects()
        return session

    def show_offline(self, state: State) -> None:
        """Show that there is no session; the window must be offline.

        Args:
            state: connecting while a server is being started, or closed.
        """
        self.window.set_session(OfflineSession(state), self._page_work.run)

    async def close_session(self) -> None:
        """Close the session, if there is one, and show that the window is offline."""
        session, self.session = self.session, None
        page_work, self._page_work = self._page_work, Supervisor(self._on_failure)
        self.window.set_session(OfflineSession("closed"), self._page_work.run)
        await page_work.close()
        if session is not None:
            await session.close()

    def _use_names(self, names: TaskiqNames) -> None:
        if self.session is not None:
            config = replace(self.session.config, names=names)
            self._switch.run("switch", self._reopen(config))

    async def _reopen(self, config: SessionConfig) -> None:
        await self.close_session()
        self.open_session(config)

    async def close(self) -> None:
        """Save the window's state, close the session and destroy the window."""
        self._frames.stop()
        await self._switch.close()
        if self._state is not None:
            self._state.close()
        await self._page_work.close()
        if self.session is not None:
            await self.session.close()
        self.window.deleteLater()


class Desktop:
    """The running application: its windows, the embedded server and the crash handler.

    Attributes:
        windows: the windows, the first one first.
        stack: the embedded stack, None when a server was named.
        embedded: actions about the embedded server; None when the first window shows another one.
        stopped: set when the operator has closed the last window.
    """

    def __init__(
        self,
        server: str,
        monitor_url: str = "",
        *,
        names: TaskiqNames | None = None,
        options: ConnectionOptions | None = None,
        state_file: WindowStateFile | None = None,
    ) -> None:
        """Create the application and its first window, inside a running event loop.

        Args:
            server: NATS address; empty starts, or joins, the embedded stack.
            monitor_url: the server's HTTP monitoring port, empty when unknown.
            names: of the TaskIQ system on the server; None for the defaults.
            options: credentials, TLS and the like of a named server.
            state_file: what is saved of the first window; None saves nothing.
        """
        self._names = names or TaskiqNames()
        self.stopped = asyncio.Event()
        self.windows: list[SessionWindow] = []
        self.stack: EmbeddedStack | None = None if server else EmbeddedStack()
        self._server = server
        running = running_stack() if server else None
        is_embedded = not server or (running is not None and running.server == server)
        self._options = None if is_embedded else options
        self._monitor_url = running.monitor if running and is_embedded else monitor_url
        self._opened = asyncio.Event()
        self._failure: UserFacingError | None = None
        self._unhealthy = ""
        self._stack_warning: Notification | None = None
        self._crash_handler = CrashHandler(self._notify)
        self._crash_handler.install(asyncio.get_running_loop())
        self._supervisor = Supervisor(self._report)
        self._first = self.new_window(state_file)
        self.embedded: EmbeddedServerActions | None = None
        if is_embedded:
            logs = StackLogs(data_folder())
            self.embedded = EmbeddedServerActions(self.window, logs, self._supervisor.run)

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
        window = SessionWindow(self._report, state_file)
        self.windows.append(window)
        window.window.close_requested.connect(lambda: self._on_close_requested(window))
        return window

    def start(self) -> None:
        """Start the first window, and open its session as soon as there is a server."""
        if self.embedded is not None:
            self._first.set_name(_("embedded server"), _("local"))
        else:
            address = redact_server(self._server).rpartition("@")[2]
            self._first.set_name(address.removeprefix("nats://"))
        if self._server:
            self._open_session(self._server, self._monitor_url)
        self._first.start()
        if self.stack is not None:
            self._supervisor.start("embedded stack", self._run_stack, restart=False)

    async def close(self) -> None:
        """Close everything in order: windows with their sessions, background work, stack."""
        if self.embedded is not None:
            self.embedded.close()
        for window in self.windows:
            await window.close()
        self.windows.clear()
        await self._supervisor.close()
        if self.stack is not None:
            await self.stack.stop()
        self._crash_handler.uninstall()

    async def wait_connected(self, timeout_s: float | None = None) -> Session:
        """Wait until the first window's session is connected, and return it.

        Args:
            timeout_s: seconds until giving up, None for never.

        Raises:
            CannotConnectError: with the reason.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._opened.wait()
                if self.session is not None:
                    await self.session.connection.wait_connected()
                    return self.session
        if self._failure is not None:
            failure = self._failure
            raise CannotConnectError(failure.title, failure.detail, failure.advice)
        status = self.window.session.connection_status
        raise CannotConnectError(_("Cannot connect"), status.problem, status.advice)

    async def _run_stack(self) -> None:
        if self.stack is None:
            return
        try:
            info = await self.stack.start()
        except UserFacingError as error:
            self._fail(error, ((_("Try again"), self._retry_stack),))
            return
        self._server = info.server
        self._open_session(info.server, info.monitor)
        if info.state != "running":
            self.follow_stack(info)
        await self.stack.watch(self.follow_stack)

    def _retry_stack(self) -> None:
        self._first.show_offline("connecting")
        self._supervisor.run("embedded stack", self._run_stack())

    def follow_stack(self, info: StackInfo) -> None:
        """Follow the stack when it restarts at another address; notify when it has a problem."""
        if info.state == "failed":
            self._warn_of_stack(_("The embedded server has stopped"), info)
        elif info.state == "unhealthy":
            self._warn_of_stack(_("The embedded server is not healthy"), info)
        elif info.state == "recovering":
            self._warn_of_stack(_("The embedded server is being restarted"), info)
        elif info.state == "running":
            self._end_stack_warning()
            if info.server != self._server and self.session is not None:
                self._server = info.server
                self._supervisor.run("move", self.session.move_to(info.server, info.monitor))

    def _warn_of_stack(self, title: str, info: StackInfo) -> None:
        warning = Notification(title, info.problem, info.advice, "bad", key="stack")
        if warning == self._stack_warning:
            return  # another process of the stack has changed
        self._stack_warning = warning
        if info.state != "failed" and not self._unhealthy:
            self._unhealthy = info.problem  # the cause of what follows
        _log.error("%s: %s", title, info.problem)
        self.window.notify(warning)

    def _end_stack_warning(self) -> None:
        """Replace the warning of a server that was not healthy by one that says that it recovered.

        It stays until it is closed: meanwhile tasks and events may have been refused.
        """
        if self._stack_warning is not None:
            self.window.notifications.dismiss("stack")
        if self._unhealthy:
            title = _("The embedded server is healthy again")
            _log.warning("%s: %s", title, self._unhealthy)
            detail = _("Before: {problem}").format(problem=self._unhealthy)
            advice = _("What was confirmed is kept. Enqueue again what was refused meanwhile.")
            self.window.notify(Notification(title, detail, advice, "warning", key="stack"))
        self._unhealthy = ""
        self._stack_warning = None

    def _open_session(self, server: str, monitor_url: str) -> None:
        try:
            self._first.open_session(
                SessionConfig(
                    server, options=self._options, monitor_url=monitor_url, names=self._names
                )
            )
        except UserFacingError as error:
            self._fail(error)
        else:
            self._opened.set()
            self._warn_of_readable_secrets()

    def _warn_of_readable_secrets(self) -> None:
        warnings = readable_by_others(self._options) if self._options is not None else []
        if warnings:
            title = _("Other users can read a secret")
            self.window.notify(
                Notification(title, " ".join(warnings), severity="warning", key="secret files")
            )

    def _fail(
        self, error: UserFacingError, choices: Sequence[tuple[str, Callable[[], object]]] = ()
    ) -> None:
        self._failure = error
        self._opened.set()
        _log.error("%s: %s", error.title, error.detail)
        self._first.show_offline("closed")
        self.window.notify(
            Notification(error.title, error.detail, error.advice, "bad", choices, key="start")
        )

    def _on_close_requested(self, window: SessionWindow) -> None:
        """Close a window; without a visible one left, let the owner close the application."""
        window.window.hide()
        if window is not self._first:  # which the embedded server's actions belong to
            self.windows.remove(window)
            self._supervisor.run(f"close window {id(window)}", window.close())
        if not any(each.window.isVisible() for each in self.windows):
            self.stopped.set()

    def _notify(self, notification: Notification) -> None:
        self.window.notify(notification)

    def _report(self, failure: TaskFailure) -> None:
        self._crash_handler.report(failure.error, f"background work: {failure.name}")


def freeze_long_lived_objects() -> None:
    """Exempt the present objects from garbage collection: code and pages live long.

    A full collection walks them all, which takes tens of milliseconds: a visible stutter. What was
    frozen before is collected first, such as the pages of a session that was closed.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
