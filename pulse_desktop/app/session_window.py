"""A window and the session that it shows; it can be switched to another profile."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from pulse_desktop.app.embedded_server import EmbeddedServer
from pulse_desktop.app.long_lived_objects import LONG_LIVED
from pulse_desktop.app.recorded_session import RecordedSession
from pulse_desktop.embedded.data_folder import data_folder
from pulse_desktop.embedded.stack_logs import StackLogs
from pulse_desktop.model.connection_status import State
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.nats_client.client_arguments import readable_by_others
from pulse_desktop.nats_client.server_address import redact_server
from pulse_desktop.profiles.profile import Profile, SecretStorage, secret_noun
from pulse_desktop.profiles.secret_storage import AskSecret, NoSecretError, ProfileSecrets
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.session.session import Session
from pulse_desktop.session.session_config import SessionConfig
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connection_phase import server_text
from pulse_desktop.ui.connections.password_prompt import PasswordPrompt
from pulse_desktop.ui.offline_session import OfflineSession
from pulse_desktop.ui.page.notification import Notification, error_notification
from pulse_desktop.ui.page.page import FILE_WORK
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.shell.embedded_actions import EmbeddedServerActions
from pulse_desktop.ui.shell.frame_timer import FrameTimer
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_placement import bring_to_front, place_beside
from pulse_desktop.ui.shell.window_state import WindowStateFile, WindowStateManager
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog

_log = logging.getLogger("pulse_desktop")

_SWITCH = "switch"
_FREEZE_AFTER_S = 0.5
_FINISH_S = 5.0
"""How long a profile may still be saved after its window is closed; a keyring may not answer."""


class SessionWindow:
    """A window and the session that it shows.

    Attributes:
        window: the window; it shows an offline session while there is no other.
        session: None while the window is offline.
        read_only: whether actions are refused on the profile that is shown. What the operator has
            chosen is kept until another profile is shown, or this is changed in the stored one.
        profile: the profile that is shown, without its secret; None before the first.
        dialog_work: background work of its dialogs; it is finished before they are gone.
    """

    def __init__(
        self,
        on_failure: Callable[[TaskFailure], None],
        embedded: EmbeddedServer,
        secrets: Callable[[AskSecret], ProfileSecrets],
        state_file: WindowStateFile | None = None,
        *,
        is_first: bool = True,
    ) -> None:
        """Create a window that is offline.

        Args:
            on_failure: called when background work crashes.
            embedded: the embedded server, which the window may show.
            secrets: returns the secrets of profiles; those that are not stored are asked for here.
            state_file: what is saved of the window; None saves nothing.
            is_first: whether it is the first window of the application.
        """
        self._on_failure = on_failure
        self._embedded = embedded
        self._secrets = secrets(self._ask_secret)
        self._page_work = Supervisor(on_failure)
        self._switching = Supervisor(on_failure)
        self._closing = Supervisor(on_failure)
        self.dialog_work = Supervisor(on_failure)
        self._opened = asyncio.Event()
        self._failure: UserFacingError | None = None
        self._freeze: asyncio.TimerHandle | None = None
        self._was_asked = False
        self._question: QuestionDialog | None = None  # whether to show another session
        self._refused: Profile | None = None
        self._next: Profile | None = None  # what is shown if the operator agrees
        self.profile: Profile | None = None
        self.session: Session | None = None
        self.read_only = False
        self.window = MainWindow(
            OfflineSession(),
            PAGES,
            run_in_background=self._page_work.run,
            views=state_file.views if state_file is not None else None,
        )
        self._state = (
            WindowStateManager(self.window, state_file, is_first=is_first) if state_file else None
        )
        self._frames = FrameTimer(self.window)
        logs = StackLogs(data_folder())
        self._embedded_actions = EmbeddedServerActions(self.window, logs, self._switching.run)
        self.window.names_chosen.connect(self._use_names)
        self._retry: Callable[[], object] | None = None
        self._requested: Profile | None = None
        self.window.reconnect_requested.connect(self._try_again)
        self.window.secret_requested.connect(self._enter_secret)

    def start(self) -> None:
        """Show the first page and start the frames."""
        first = PAGES[0].key
        self.window.show_page(self._state.first_page(first) if self._state else first)
        self._frames.start()
        LONG_LIVED.freeze()

    def place(self, beside: MainWindow) -> None:
        """Restore the place of a further window; without one it is placed beside another."""
        if self._state is None or not self._state.place_window():
            place_beside(self.window, beside)
        self.window.fit_to_screen(beside.screen().availableGeometry(), restored=True)

    def leave_files(self, then: Callable[[], object], *, closes: bool = True) -> bool:
        """Do something that cancels the writing of files, after asking while one is written.

        Args:
            then: called if no file is written, or the operator agrees.
            closes: whether it closes the window; else another session is shown, and only one
                question about that is open.

        Returns:
            Whether it is done; False if the operator is asked first.
        """
        if not self._page_work.is_group_running(FILE_WORK):
            then()
            return True
        bring_to_front(self.window)
        if not closes and self._question is not None:
            return False
        question = _("Close, and cancel what is being written to a file?")
        leave, stay = _("Cancel and close"), _("Keep open")
        if not closes:
            question = _("Change the connection, and cancel what is being written to a file?")
            leave, stay = _("Cancel and change"), _("Stay")
        note, title = _("Nothing of the file is kept."), _("A file is being written")
        dialog = QuestionDialog(title, question, note, leave, stay, self.window)
        dialog.accepted.connect(then)
        if not closes:
            self._question = dialog
            dialog.finished.connect(self._forget_question)
        dialog.open()
        return False

    def _forget_question(self) -> None:
        self._question = self._next = None

    # Profiles

    @property
    def used_profile(self) -> Profile | None:
        """The profile that is shown, with the secret that its session uses."""
        return self.session.config.profile if self.session is not None else self.profile

    def is_connected_with(self, profile: Profile) -> bool:
        """Return whether the profile, as it is stored, is shown and its server is connected."""
        session, shown = self.session, self.profile
        if session is None or shown is None or not session.connection.connected:
            return False
        if shown.is_embedded and profile.is_embedded:
            return True
        return shown == profile.without_secrets()

    def show_profile(self, profile: Profile) -> None:
        """Show a profile instead of the present one; errors become notifications.

        While a file is written, the operator is asked first. What is asked for last is shown.
        """
        self._next = profile
        self.leave_files(self._show_next, closes=False)

    def _show_next(self) -> None:
        profile, self._next = self._next, None
        if profile is not None:  # else it was shown since the operator was asked
            self._show_profile(profile)

    def _show_profile(self, profile: Profile) -> None:
        self._retry, self._requested = None, profile
        profile = self._embedded.recognize(self, profile)
        if not profile.is_embedded:
            self._embedded.release(self)
        profile = self._with_secret_in_use(profile)
        is_typed = profile.can_ask and profile.is_complete
        former, chosen = self.profile, self.window.session.read_only
        is_kept = former is not None and _is_as_careful(former, profile)
        self.read_only = chosen if is_kept else profile.read_only
        self._leave_session()
        self.profile = profile.without_secrets()
        self._embedded_actions.set_available(profile.is_embedded)
        label = connection_label(profile)
        page = self._state.show_profile(profile.name or label) if self._state is not None else ""
        self.window.show_profile(self.profile, label, page)
        is_stopped = profile.is_embedded and not profile.options.servers
        if is_stopped or not profile.is_complete:
            reason = "" if is_stopped else _("waiting for the secret of {name}").format(name=label)
            self.show_offline("connecting", reason)
            self._switching.run(_SWITCH, self._open(profile))
            return
        try:
            self.open_session(SessionConfig(profile, is_login_typed=is_typed))
        except UserFacingError as error:
            self.fail(error)

    def _with_secret_in_use(self, profile: Profile) -> Profile:
        """Complete a profile by the secret of the present session, if it is for the same login.

        A secret that is asked for is so asked for once, also when the profile is edited. One that
        the server has refused is asked for again.
        """
        session = self.session
        if session is None or profile.secret_storage is not SecretStorage.ASK:
            return profile
        if profile.is_complete or session.connection_status.is_login_refused:
            return profile
        used = session.config.profile
        if _login_of(used) != _login_of(profile):
            return profile
        return profile.with_secret(getattr(used.options, profile.secret))

    def update_profile(self, profile: Profile, secret: str = "") -> bool:
        """Show what has changed in the profile that is shown; return whether that is done.

        Another name is shown at once. While a file is written, the operator is asked before
        anything else applies, and may keep the present session. What was saved last is shown,
        unless another profile is about to be.

        Args:
            profile: as it is stored now, perhaps under another name.
            secret: its new secret, empty if that did not change.
        """
        former, pending = self.profile, self._next
        if former is None:
            return False
        is_renamed = profile.name != former.name
        if is_renamed:
            self._rename(replace(former, name=profile.name))
        if pending is not None and pending.name != former.name:
            return False
        if pending is not None and not secret and profile.keeps_secret_of(pending):
            secret = pending.secret_value
        if profile == self.profile and not secret:
            if self._question is not None:
                self._question.reject()  # it was changed back
            if not is_renamed or self._page_work.is_group_running(FILE_WORK):
                return is_renamed
        self._next = profile.with_secret(secret) if secret else profile
        return self.leave_files(self._show_next, closes=False)

    def _rename(self, profile: Profile) -> None:
        """Show the present profile under another name; its session stays."""
        self.profile = profile
        if self._requested is not None:
            self._requested = replace(self._requested, name=profile.name)
        if self._state is not None:
            self._state.rename_profile(profile.name)
        if self.session is not None:
            self.session.rename(profile.name)
        self.window.rename_profile(profile, connection_label(profile))

    async def _open(self, profile: Profile) -> None:
        try:
            ready = profile
            if profile.is_embedded and not profile.options.servers:
                ready = await self._embedded.use(self, profile)
            self._was_asked = False
            complete = await self._secrets.complete(ready)
            refused = self._refused
            is_typed = self._was_asked
            if not is_typed and refused is not None and _has_secret_of(refused, complete):
                is_typed = True  # it was stored as it was typed
                if _login_of(refused) == _login_of(complete):
                    noun = secret_noun(ready.secret)
                    problem = _("The server has refused the {secret}.").format(secret=noun)
                    complete = ready.with_secret(await self._ask_secret(ready, problem))
            self.open_session(SessionConfig(complete, is_login_typed=is_typed))
        except NoSecretError as error:
            self._end_opening(error)
        except UserFacingError as error:
            choices = ((_("Try again"), lambda: self.show_profile(profile)),)
            self.fail(error, choices)

    async def _ask_secret(self, profile: Profile, problem: str) -> str:
        """Ask for the secret of a profile that this window is about to show.

        Args:
            profile: whose secret is needed.
            problem: why the stored one cannot be read; empty when none is stored.

        Raises:
            NoSecretError: the operator cancelled.
        """
        secret = await PasswordPrompt(profile, self.window, problem).ask()
        self._was_asked = True
        if secret is None:
            raise NoSecretError(profile, _("Try again to be asked for it."), problem)
        return secret

    def open_session(self, config: SessionConfig) -> Session:
        """Open a session and show it; the window must be offline.

        Raises:
            CannotConnectError: the server's address cannot be parsed.
        """
        if self.session is not None:
            raise RuntimeError("close the present session first")
        session = Session(config, on_failure=self._on_failure)
        session.set_read_only(read_only=self.read_only)
        session.start()
        self.session = session
        self._failure = None
        self._opened.set()
        self.window.set_session(session, self._page_work.run)
        if self.window.current is not None:
            self.freeze_later()
        self._page_work.run("check secret files", self._warn_of_readable_secrets(config.profile))
        return session

    def show_offline(self, state: State, problem: str = "", advice: str = "") -> None:
        """Show that there is no session; the window must be offline.

        Args:
            state: connecting while a server is being started, or closed.
            problem: why there is none, a sentence; empty if there is no reason.
            advice: what to do about it.
        """
        offline = OfflineSession(state, problem, advice, read_only=self.read_only)
        self.window.set_session(offline, self._page_work.run)

    def show_recording(self, recording: RecordedSession) -> None:
        """Show a recording instead of a server."""
        self._leave_session()
        self.profile, self.read_only = recording.profile, True
        self._embedded.release(self)
        self._embedded_actions.set_available(False)
        self.window.show_profile(recording.profile, recording.label)
        self._opened.set()
        self.window.set_session(recording, self._page_work.run)

    async def close_session(self) -> None:
        """Close the session, if there is one, and show that the window is offline."""
        self._leave_session()
        self.show_offline("closed")
        await self._closing.wait()

    async def wait_connected(self, timeout_s: float | None = None) -> Session:
        """Wait until the session is connected, and return it.

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

    def move_to(self, server: str, monitor_url: str) -> None:
        """Follow the embedded server to another address."""
        if self.session is not None:
            self._switching.run("move", self.session.move_to(server, monitor_url))

    async def close(self) -> None:
        """Save the window's state, close the session and destroy the window."""
        self._frames.stop()
        self._cancel_freeze()
        await self._switching.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                await self.dialog_work.wait()
        await self.dialog_work.close()
        self._embedded_actions.close()
        if self._state is not None:
            self._state.close()
        self._leave_session()
        await self._closing.wait()
        await self._closing.close()
        await self._page_work.close()
        self._cancel_freeze()  # another window does it, after this one is gone
        self._embedded.release(self)
        self.window.deleteLater()

    def freeze_later(self) -> None:
        """Freeze what was created once it is painted: that takes as long as several frames.

        What is needed no more, such as another window that was closed, is collected before.
        """
        self._cancel_freeze()
        loop = asyncio.get_running_loop()
        self._freeze = loop.call_later(_FREEZE_AFTER_S, LONG_LIVED.freeze)

    def _cancel_freeze(self) -> None:
        if self._freeze is not None:
            self._freeze.cancel()
            self._freeze = None

    def _leave_session(self) -> None:
        """Take the session off the window; what it still runs ends in the background.

        A profile that is still waiting, such as for its secret, is not opened any more.
        """
        self._opened.clear()
        self._switching.stop_group(_SWITCH)
        session, self.session = self.session, None
        if session is not None and session.is_typed_login_refused:
            self._refused = session.config.profile
        page_work, self._page_work = self._page_work, Supervisor(self._on_failure)
        self._closing.run(f"close session {id(page_work)}", self._end(page_work, session))

    async def _end(self, page_work: Supervisor, session: Session | None) -> None:
        """Close a session, and free its pages: only after that nothing refers to them."""
        await page_work.close()
        if session is not None:
            await session.close()
        LONG_LIVED.release()
        self.freeze_later()

    def _try_again(self) -> None:
        if self._retry is not None:
            self._retry()
        elif self._requested is not None:
            self.show_profile(self._requested)

    def _enter_secret(self) -> None:
        """Ask for the secret again; what was refused stays in use if the operator cancels."""
        if self.profile is not None and self.profile.can_ask:
            self._switching.run(f"{_SWITCH} secret", self._replace_secret(self.profile))

    async def _replace_secret(self, profile: Profile) -> None:
        secret = await PasswordPrompt(profile, self.window).ask()
        if secret is not None:
            self.show_profile(profile.with_secret(secret))

    def _use_names(self, names: TaskiqNames) -> None:
        if self.session is not None:
            profile = replace(self.session.config.profile, names=names)
            if self.session.is_typed_login_refused:
                profile = profile.without_secrets()
            self.show_profile(profile)

    def fail(
        self,
        error: UserFacingError,
        choices: Sequence[tuple[str, Callable[[], object]]] = (),
        retry: Callable[[], object] | None = None,
    ) -> None:
        """Show why there is no session.

        Args:
            error: the reason.
            choices: buttons of the notification, with what they do.
            retry: what "Try now" does, None to show the last profile again.
        """
        self._retry = retry or self._retry
        self._end_opening(error)
        self.window.notify(error_notification(error, "bad", choices, key="start"))

    def _end_opening(self, error: UserFacingError) -> None:
        """Say in the banner alone why there is no session."""
        self._failure = error
        self._opened.set()
        _log.error("%s: %s", error.title, error.detail)
        self.show_offline("closed", error.detail or error.title, error.advice)

    async def _warn_of_readable_secrets(self, profile: Profile) -> None:
        if warnings := await asyncio.to_thread(readable_by_others, profile.options):
            title = _("Other users can read a secret")
            self.window.notify(
                Notification(title, " ".join(warnings), severity="warning", key="secret files")
            )


def _login_of(profile: Profile) -> tuple[str, str, str]:
    return profile.options.servers, profile.options.user, profile.secret


def _has_secret_of(other: Profile, profile: Profile) -> bool:
    same = (other.secret, other.secret_value) == (profile.secret, profile.secret_value)
    return same and profile.can_ask


def _is_as_careful(former: Profile, profile: Profile) -> bool:
    """Return whether a profile is the former one, and read-only just as that."""
    return (former.name, former.read_only) == (profile.name, profile.read_only)


def connection_label(profile: Profile) -> str:
    """Return how the window calls a profile: its name, or its servers without a login."""
    if profile.is_embedded:
        return _("embedded server")
    return profile.name or server_text(redact_server(profile.options.servers))
