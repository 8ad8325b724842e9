"""The embedded server of the application: started for the windows that show it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from pulse_desktop.embedded.stack import EmbeddedStack, StackInfo, running_stack
from pulse_desktop.profiles.profile import Profile, recognized
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.shell.window import MainWindow

_log = logging.getLogger("pulse_desktop")


class User(Protocol):
    """A window that shows the embedded server."""

    window: MainWindow

    def move_to(self, server: str, monitor_url: str) -> None:
        """Follow the server to another address."""


class EmbeddedServer:
    """Starts the embedded stack for the first window that shows it, and stops it after the last.

    Attributes:
        stack: the stack, None while no window shows it.
    """

    def __init__(self, on_failure: Callable[[TaskFailure], None]) -> None:
        """Create it; nothing is started before `use`.

        Args:
            on_failure: called when background work crashes.
        """
        self._on_failure = on_failure
        self._stopping = Supervisor(on_failure)
        self._watching = Supervisor(on_failure)
        self._users: list[User] = []
        self._starting = asyncio.Lock()
        self._info: StackInfo | None = None
        self._unhealthy = ""
        self._warning: Notification | None = None
        self.stack: EmbeddedStack | None = None

    def recognize(self, user: User, profile: Profile) -> Profile:
        """Return the embedded profile if one leads to the stack that runs already.

        An embedded profile without an address does not: `use` joins the stack for it.

        Args:
            user: the window that shows it.
            profile: of any server.
        """
        running = running_stack()
        if running is None or not profile.options.servers:
            return profile
        profile = recognized(profile, running.server, running.monitor)
        if profile.is_embedded:
            if user not in self._users:
                self._users.append(user)
            self._info = self._info or running
        return profile

    async def use(self, user: User, profile: Profile) -> Profile:
        """Start or join the stack for a window; return the profile to connect with.

        Args:
            user: the window that shows it.
            profile: the embedded profile, without an address.

        Raises:
            UserFacingError: it cannot be started.
        """
        if user not in self._users:
            self._users.append(user)
        async with self._starting:
            if self.stack is None or self._info is None:
                self.stack = EmbeddedStack()
                self._info = await self.stack.start()
                self._watching = Supervisor(self._on_failure)
                self._watching.start("embedded stack", self._watch, restart=False)
                if self._info.state != "running":
                    self.follow(self._info)
        return recognized(profile, self._info.server, self._info.monitor)

    def release(self, user: User) -> None:
        """Stop the stack when no other window shows it. Unknown windows are ignored."""
        if user in self._users:
            self._users.remove(user)
            if not self._users:
                self._stopping.run("stop embedded stack", self._stop())

    async def _stop(self) -> None:
        """Stop the stack, unless a window shows it again."""
        async with self._starting:
            if self._users:
                return
            stack, self.stack, self._info = self.stack, None, None
            if stack is not None:
                await self._watching.close()
                await stack.stop()

    async def close(self) -> None:
        """Stop the stack, also when windows show it."""
        self._users.clear()
        await self._stopping.wait()
        await self._stop()

    def follow(self, info: StackInfo) -> None:
        """Follow the stack when it restarts at another address; notify when it has a problem."""
        if info.state == "failed":
            self._warn(_("The embedded server has stopped"), info)
        elif info.state == "unhealthy":
            self._warn(_("The embedded server is not healthy"), info)
        elif info.state == "recovering":
            self._warn(_("The embedded server is being restarted"), info)
        elif info.state == "running":
            self._end_warning()
            if self._info is not None and info.server != self._info.server:
                for user in self._users:
                    user.move_to(info.server, info.monitor)
            self._info = info

    async def _watch(self) -> None:
        if self.stack is not None:
            await self.stack.watch(self.follow)

    def _warn(self, title: str, info: StackInfo) -> None:
        warning = Notification(title, info.problem, info.advice, "bad", key="stack")
        if warning == self._warning:
            return  # another process of the stack has changed
        self._warning = warning
        if info.state != "failed" and not self._unhealthy:
            self._unhealthy = info.problem  # the cause of what follows
        _log.error("%s: %s", title, info.problem)
        self._notify(warning)

    def _end_warning(self) -> None:
        """Replace the warning of a server that was not healthy by one that says that it recovered.

        It stays until it is closed: meanwhile tasks and events may have been refused.
        """
        if self._warning is not None:
            for user in self._users:
                user.window.notifications.dismiss("stack")
        if self._unhealthy:
            title = _("The embedded server is healthy again")
            _log.warning("%s: %s", title, self._unhealthy)
            detail = _("Before: {problem}").format(problem=self._unhealthy)
            advice = _("What was confirmed is kept. Enqueue again what was refused meanwhile.")
            self._notify(Notification(title, detail, advice, "warning", key="stack"))
        self._unhealthy = ""
        self._warning = None

    def _notify(self, notification: Notification) -> None:
        for user in self._users:
            user.window.notify(notification)
