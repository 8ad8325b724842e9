"""The running application: its windows, the embedded server and the crash handler."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pulse_desktop.app.embedded_server import EmbeddedServer
from pulse_desktop.app.first_run import FirstRun, FirstRunChoices
from pulse_desktop.app.profile_editor import ProfileEditor
from pulse_desktop.app.recorded_session import RecordedSession
from pulse_desktop.app.session_window import SessionWindow
from pulse_desktop.app.start_connection import StartConnection
from pulse_desktop.model.errors import NoSuchProfileError, UserFacingError
from pulse_desktop.profiles.nats_contexts import NatsContexts
from pulse_desktop.profiles.profile import (
    Profile,
    embedded_profile,
)
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.profiles.profile_lookup import find_profile
from pulse_desktop.profiles.secret_storage import AskSecret, ProfileSecrets
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.session.session import Session
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.settings_folder import settings_folder
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.profile_list import ProfilesInUse
from pulse_desktop.ui.page.notification import Notification, error_notification
from pulse_desktop.ui.shell.crash_handler import CrashHandler
from pulse_desktop.ui.shell.rerun_menu import open_rerun_menu
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_placement import bring_to_front
from pulse_desktop.ui.shell.window_state import WindowStateFile

_MAX_WINDOWS: Final = 20


def _notification(error: UserFacingError) -> Notification:
    return error_notification(error, "bad", key="profiles")


def _diagnose(window: SessionWindow, editor: ProfileEditor) -> None:
    """Test the connection of a window step by step; the embedded server has none to edit."""
    profile = window.used_profile
    if profile is None or profile.is_embedded:
        window.window.dialogs.show_connection()
    else:
        editor.diagnose(profile)


class Desktop:
    """The running application.

    Attributes:
        windows: the windows, the first one first.
        embedded: the embedded server.
        first_run: the question of the first run, None once it is answered.
        start_connection: what opens next time.
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
            profile: what the first window shows; None for the embedded server. Only its secret may
                be in an environment variable.
            state_file: what is saved of the windows; None saves nothing.
            settings: folder of the profiles; the user's by default.
        """
        self._profile = profile or embedded_profile()
        folder = settings or settings_folder()
        self._profiles = ProfileFile(folder / FILE_NAME)
        self._state_file = state_file
        self._is_named = True
        named = profile.name if profile is not None else ""

        def secrets(ask: AskSecret) -> ProfileSecrets:
            return ProfileSecrets(folder, ask, os.environ, named)

        self._secrets = secrets
        self.stopped = asyncio.Event()
        self.windows: list[SessionWindow] = []
        self._unread_windows: list[str] = []
        self._editors: dict[SessionWindow, ProfileEditor] = {}
        self._crash_handler = CrashHandler(self._notify)
        self._crash_handler.install(asyncio.get_running_loop())
        self._supervisor = Supervisor(self._report)
        self._closing = Supervisor(self._report)
        self.embedded = EmbeddedServer(self._report)
        self.first_run: FirstRun | None = None
        self.start_connection = StartConnection(state_file, self._show_start)
        self._first = self.new_window()

    @property
    def window(self) -> MainWindow:
        """The first window."""
        return self.windows[0].window

    @property
    def session(self) -> Session | None:
        """The session of the first window, None until there is a server to connect to."""
        return self.windows[0].session

    def new_window(self) -> SessionWindow:
        """Create a window that is offline, beside those there are."""
        window = SessionWindow(
            self._report,
            self.embedded,
            self._secrets,
            self._state_file,
            is_first=not self.windows,
        )
        self.windows.append(window)
        window.window.close_requested.connect(lambda: self._on_close_requested(window))
        window.window.quit_requested.connect(lambda: self._leave(self.windows, self.stopped.set))
        menu = window.window.connections
        menu.about_to_show.connect(lambda: self._list_profiles(window.window))
        menu.connection_chosen.connect(lambda name: self._switch(window, name))
        menu.window_requested.connect(lambda name: self.open_window(name, window))
        editor = ProfileEditor(
            window.window,
            self._profiles,
            self._secrets,
            window.dialog_work,
            lambda name, secret: self._switch(window, name, secret),
            self._follow_change,
        )
        self._editors[window] = editor
        editor.window.list.find_in_use = self._profiles_in_use
        menu.add_requested.connect(lambda: editor.open(is_new=True))
        menu.manage_requested.connect(lambda: editor.open(window.profile))
        menu.save_requested.connect(lambda: editor.open(window.used_profile, is_new=True))
        menu.start_chosen.connect(self.start_connection.choose)
        menu.show_start(self.start_connection.chosen)
        window.window.diagnose_requested.connect(lambda: _diagnose(window, editor))
        window.window.rerun_elsewhere_requested.connect(
            lambda run: self._choose_connection(window, run)
        )
        self._list_profiles(window.window)
        return window

    # Profiles

    def _list_profiles(self, window: MainWindow) -> None:
        try:
            profiles = self._profiles.read()
        except UserFacingError as error:
            window.notify(replace(_notification(error), outlives_session=True))
            return
        contexts = NatsContexts().read()
        usable = [each.profile.without_secrets() for each in contexts.by_name.values()]
        window.connections.show_profiles([*profiles.by_name.values(), *usable], contexts.problems)

    def _find(self, name: str) -> Profile:
        try:
            return find_profile(name, self._profiles)
        except NoSuchProfileError as error:
            error.advice = _("Choose another connection, or add it again.")
            raise

    def _switch(self, window: SessionWindow, name: str, secret: str = "") -> None:
        """Show another profile in a window, or the window that has it; errors are notified.

        What has changed in a profile since it was shown applies from now on.

        Args:
            window: the window.
            name: of the profile.
            secret: that was just typed, empty to read the stored one or to ask for it.
        """
        if window not in self.windows:  # it was closed while the profile was saved
            if window is self._first and self.first_run is not None:
                self.start_connection.answer(name)
            return
        try:
            if window is self._first and self.first_run is not None:
                self._end_first_run(name, secret)
                return
            profile = self._find(name)
            used = profile.with_secret(secret) if secret else profile
            shown = self._window_of(name)
            if shown is window and not secret and window.is_connected_with(profile):
                return
            if shown is None or shown is window:
                window.show_profile(used)
                self._remember_windows()
                self._forget_missing_start(window)
                return
            if not profile.is_embedded and shown.profile != profile.without_secrets():
                shown.show_profile(used)
            bring_to_front(shown.window)
        except UserFacingError as error:
            window.window.notify(_notification(error))

    def _profiles_in_use(self) -> ProfilesInUse:
        names = {each.profile.name for each in self.windows if each.profile is not None}
        return ProfilesInUse(names, self.start_connection.chosen)

    def _follow_change(self, former: str, profile: Profile | None, secret: str = "") -> bool:
        """Follow a stored profile that was changed; return whether a window shows the change.

        Args:
            former: the name that it had.
            profile: as it is stored now, None if it was removed.
            secret: its new secret, empty if that did not change.
        """
        self.start_connection.rename(former, profile.name if profile is not None else "")
        if profile is not None and self._state_file is not None:
            problem = self._state_file.views.rename_profile(former, profile.name)
            if problem:
                title = _("The views of {name} are not saved").format(name=profile.name)
                self._notify(Notification(title, problem, key="views", outlives_session=True))
        shown = self._window_of(former)
        return shown is not None and profile is not None and shown.update_profile(profile, secret)

    def _window_of(self, name: str) -> SessionWindow | None:
        shown = (each for each in self.windows if each.profile and each.profile.name == name)
        return next(shown, None)

    # Start

    def open(self) -> None:
        """Show what opens at the start, with further windows; the first run asks what that is."""
        self._is_named = False
        if self._is_first_run():
            self.start_connection.ask_again()
            editor = self._editors[self._first]
            choices = FirstRunChoices(
                open_profile=self._end_first_run,
                enter_server=editor.open,
                preview_import=editor.open_import,
                leave=self.stopped.set,
            )
            self.first_run = FirstRun(NatsContexts(), choices)
            self.first_run.window.show()
            return
        self.window.show()
        self._show_start_connection()
        self._first.start()
        self.open_former_windows()

    def _show_start_connection(self) -> None:
        """Show what opens at the start; while there is none of its name, it can be tried again."""
        try:
            self._profile = self._find_start()
        except UserFacingError as error:
            self._first.fail(error, retry=self._show_start_connection)
        else:
            self._first.show_profile(self._profile)

    def _find_start(self) -> Profile:
        """Return the profile that opens at the start.

        Raises:
            UserFacingError: there is none of its name, or it cannot be read which one was chosen.
        """
        problem = self._state_file.problem if self._state_file is not None else ""
        if self.start_connection.is_new:
            try:
                self._profiles.read()
            except UserFacingError as error:
                problem = error.detail
        if problem:
            self.start_connection.ask_again()
            title = _("It is not known which connection to open")
            raise UserFacingError(title, problem, _("Choose one in the menu of connections."))
        return self._find(self.start_connection.name)

    def _forget_missing_start(self, window: SessionWindow) -> None:
        """Open no more at the start what is gone, now that another connection was chosen."""
        name = self.start_connection.chosen
        if not name or not self._is_gone(name):
            return
        self.start_connection.choose("")
        title = _("{name} does not open at the start any more").format(name=name)
        detail = _("There is no such connection. The one that was shown last opens.")
        window.window.notify(Notification(title, detail, key="profiles", outlives_session=True))

    def _is_gone(self, name: str) -> bool:
        """Whether there is certainly no profile of this name."""
        try:
            self._find(name)
        except NoSuchProfileError:
            return True
        except UserFacingError:
            return False  # it cannot be read
        return False

    def _is_first_run(self) -> bool:
        try:
            is_first = self.start_connection.is_new and not self._profiles.content
        except UserFacingError:
            is_first = False  # there is a file, which cannot be read
        return is_first or self.start_connection.is_undecided

    def _end_first_run(self, name: str, secret: str = "") -> None:
        """Show the chosen profile, now and next time. Raises UserFacingError: it is not usable."""
        profile = self._find(name)
        if self.first_run is not None:
            self.first_run.close()
            self.first_run = None
        self.start_connection.answer(name)
        self._profile = profile.with_secret(secret) if secret else profile
        self.window.show()
        self.start()

    def _show_start(self, name: str) -> None:
        for window in self.windows:
            window.window.connections.show_start(name)

    def open_window(self, name: str, asked_in: SessionWindow | None = None) -> SessionWindow | None:
        """Show a profile in the window that has it, else in a new one; None if there is none.

        Args:
            name: of the profile.
            asked_in: the window in which it was asked for, where errors are notified.
        """
        shown = self._window_of(name)
        if shown is not None:
            bring_to_front(shown.window)
            return shown
        try:
            profile = self._find(name)
        except UserFacingError as error:
            (asked_in or self.windows[0]).window.notify(_notification(error))
            return None
        window = self.new_window()
        window.show_profile(profile)
        window.start()
        window.place(beside=self.window)
        window.window.show()
        self._remember_windows()
        return window

    def open_former_windows(self) -> None:
        """Open the windows again that were open besides the first one when the program ended.

        A file that was damaged may name very many. Those whose profile cannot be read now are
        remembered for the next time.
        """
        if self._state_file is None:
            return
        names = self._state_file.state.windows[:_MAX_WINDOWS]
        for name in names:
            if self.open_window(name) is None and not self._is_gone(name):
                self._unread_windows.append(name)
        bring_to_front(self.window)

    def _remember_windows(self) -> None:
        """Remember which profiles are shown, to open them again.

        What the first window shows because it was named at the start opens no other time.
        """
        if self._state_file is None:
            return
        names = [each.profile.name if each.profile is not None else "" for each in self.windows]
        state = self._state_file.state
        if names and not self._is_named:
            state.shown = names[0] or state.shown
            state.undecided = state.undecided and not names[0]
        if len(names) == 1 or self.windows[:1] == [self._first]:
            del names[:1]
        unread = [name for name in self._unread_windows if self._window_of(name) is None]
        state.windows = [name for name in [*names, *unread] if name]

    def _choose_connection(self, window: SessionWindow, run: TaskRun) -> None:
        """Ask on which other connection a run is enqueued, and open the run form there."""
        present = window.profile.name if window.profile is not None else ""
        try:
            profiles = [*self._profiles.read().by_name.values(), embedded_profile()]
        except UserFacingError as error:
            window.window.notify(_notification(error))
            return
        others = [self._as_shown(each) for each in profiles if each.name != present]
        open_rerun_menu(window.window, others, lambda name: self._rerun_on(name, run, window))

    def _as_shown(self, profile: Profile) -> Profile:
        """Return a profile, read-only as its window is now, if it has one."""
        shown = self._window_of(profile.name)
        if shown is None:
            return profile
        return replace(profile, read_only=shown.window.session.read_only)

    def _rerun_on(self, name: str, run: TaskRun, asked_in: SessionWindow) -> None:
        """Open the run form of another connection with the arguments of a run, to be edited.

        What was typed there for another task is kept.
        """
        target = self.open_window(name, asked_in)
        if target is not None:
            target.window.run_form.open_copy(run, asked_in.window.connection_name)

    def show_recording(self, reader: RecordingReader) -> None:
        """Show a recording in the first window. The caller closes it after the window."""
        self.windows[0].start()
        self.windows[0].show_recording(RecordedSession(reader))

    def start(self) -> None:
        """Start the first window, and open its session as soon as there is a server."""
        self._first.show_profile(self._profile)
        self._first.start()

    async def close(self) -> None:
        """Close everything in order: windows with their sessions, background work, stack."""
        if self.first_run is not None:
            self.first_run.close()
        self._remember_windows()
        for window in self.windows:
            self._editors.pop(window).close()
            window.window.hide()
        # What is still being saved is followed by none of them.
        windows, self.windows = self.windows, []
        await asyncio.gather(*(window.close() for window in windows))
        await self._closing.wait()
        await self.embedded.close()
        await self._supervisor.close()
        self._crash_handler.uninstall()

    async def wait_connected(self, timeout_s: float | None = None) -> Session:
        """Wait until the first window's session is connected; see `SessionWindow`."""
        return await self._first.wait_connected(timeout_s)

    def _on_close_requested(self, window: SessionWindow) -> None:
        """Close a window and its session; the last one ends the application."""
        self._leave([window], lambda: self._close_window(window))

    def _leave(self, windows: Sequence[SessionWindow], then: Callable[[], object]) -> None:
        """Do something that closes windows; what would be lost is asked about first.

        That is unsaved changes of profiles, and files that are being written.
        """
        for form in (self._editors[window].window for window in windows):
            if form.form.is_changed and form.form.isEnabled():  # else it is being saved
                bring_to_front(form)
                form.leave(lambda: self._leave(windows, then))
                return
        if not windows:
            then()
            return
        first, *others = windows
        first.leave_files(lambda: self._leave(others, then))

    def _close_window(self, window: SessionWindow) -> None:
        if len(self.windows) == 1:
            self.stopped.set()
            return
        self._editors.pop(window).close()
        window.window.hide()
        self.windows.remove(window)
        self._remember_windows()
        self._closing.run(f"close window {id(window)}", self._end_window(window))

    async def _end_window(self, window: SessionWindow) -> None:
        await window.close()
        for other in self.windows[:1]:
            other.freeze_later()

    def _notify(self, notification: Notification) -> None:
        """Show a notification in the window that the operator works in, if there still is one."""
        windows = [each.window for each in self.windows]
        active = [each for each in windows if each.isActiveWindow()]
        for window in (active or windows)[:1]:
            window.notify(notification)

    def _report(self, failure: TaskFailure) -> None:
        self._crash_handler.report(failure.error, f"background work: {failure.name}")
