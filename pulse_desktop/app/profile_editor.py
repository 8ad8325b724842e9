"""Editing of profiles from a window: what its signals ask for is done here."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from pulse_desktop.app.profile_importer import (
    ImportedProfile,
    ProfileImporter,
    keyring_problem,
)
from pulse_desktop.app.profile_tester import ProfileTester
from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.profiles.profile_changes import ProfileChanges
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.profile_format import StoredProfiles, toml_of
from pulse_desktop.profiles.secret_storage import AskSecret, NoSecretError, ProfileSecrets
from pulse_desktop.profiles.typed_profile import field_problems, separate_login
from pulse_desktop.session.local_state.moved_state import move_local_state
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.supervisor import Supervisor
from pulse_desktop.settings_folder import profile_data_folder
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.connections.password_prompt import PasswordPrompt
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_placement import bring_to_front
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog
from pulse_desktop.ui.window_title import set_title


class ProfileEditor:
    """The window of connections of one main window, and the work behind it.

    Attributes:
        window: the window of connections.
    """

    def __init__(
        self,
        parent: MainWindow,
        file: ProfileFile,
        secrets: Callable[[AskSecret], ProfileSecrets],
        work: Supervisor,
        show_profile: Callable[[str, str], None],
        on_changed: Callable[[str, Profile | None, str], bool],
    ) -> None:
        """Create the window; it is hidden.

        Args:
            parent: the main window.
            file: the stored profiles.
            secrets: returns their secrets; what a test needs is asked for in this window.
            work: of the main window, in the background; it is finished before that is gone.
            show_profile: shows a stored profile in the main window, by its name; with the secret
                that was just typed, which may be stored nowhere.
            on_changed: called with the name that a stored profile had, the profile as it is stored
                now, or None if it was removed, and its new secret; returns whether a window shows
                the change.
        """
        self._file = file
        own_secrets = secrets(self._ask_secret)
        self._changes = ProfileChanges(file, own_secrets)
        self._work = work
        self._show_profile = show_profile
        self._on_changed = on_changed
        self.window = ConnectionsWindow(parent)
        self.window.form.use_checks(field_problems, separate_login)
        self._importer = ProfileImporter(
            self.window, file, self._changes, work, self._show_imported
        )
        self.window.import_requested.connect(self.open_import)
        self._tester = ProfileTester(self.window, own_secrets, work)
        self.window.save_requested.connect(self._start_save)
        self.window.connect_requested.connect(self._start_connect)
        self.window.remove_requested.connect(self._ask_remove)
        self.window.export_requested.connect(self._ask_export)

    def open(self, profile: Profile | None = None, *, is_new: bool = False) -> None:
        """Show the window, with a profile in the form.

        Args:
            profile: to fill the form with, a secret in it as well; the first one if it is not
                stored and not new, None for an empty form.
            is_new: whether it is to be added.
        """
        self._open(lambda: self._fill(profile, is_new=is_new))

    def _open(self, fill: Callable[[], None]) -> None:
        self.window.leave(fill)
        self._work.run("find keyring", self._find_keyring())
        bring_to_front(self.window)

    def _fill(self, profile: Profile | None, *, is_new: bool) -> None:
        try:
            stored = self._file.read()
        except UserFacingError as error:
            self.window.show_profiles([], {})
            self.window.show_error(error)
        else:
            chosen = profile.name if profile is not None else ""
            if chosen not in stored.by_name:
                chosen = next(iter(stored.by_name), "")
            self._list(stored, "" if is_new else chosen)
            if is_new:
                self.window.show_new(profile)

    def _list(self, stored: StoredProfiles, chosen: str = "") -> None:
        """Show the stored profiles, and how those that are not valid can be corrected."""
        text = _("{name} is not valid: {problem}. Correct it in {file}, or remove it.")
        problems = {
            name: text.format(name=name, problem=problem, file=self._file.path)
            for name, problem in stored.problems.items()
        }
        self.window.show_profiles(list(stored.by_name.values()), problems, chosen)

    def close(self) -> None:
        """Hide the window for the last time, and end its test; what is being saved goes on."""
        self._tester.stop()
        self.window.hide()

    def open_import(self) -> None:
        """Show what can be imported from the contexts of the NATS CLI, or from a file."""
        if not self.window.isVisible():
            self.open()
        self._importer.open()

    def _show_imported(self, imported: Sequence[ImportedProfile]) -> None:
        try:
            stored = self._file.read()
        except UserFacingError as error:
            self.window.show_error(error)
            return
        for each in imported:
            if profile := stored.by_name.get(each.name):  # else another program has removed it
                self._on_changed(each.name, profile, each.secret)
        self._list(stored, imported[0].name)
        names = ", ".join(each.name for each in imported)
        self.window.show_message(_("Imported: {names}.").format(names=names))
        if left := next((each.secret_left for each in imported if each.secret_left), None):
            self.window.show_error(_secret_left(left))

    async def _ask_secret(self, profile: Profile, problem: str) -> str:
        """Ask for the secret of a profile that is tested. Raises NoSecretError: cancelled."""
        secret = await PasswordPrompt(profile, self.window, problem).ask()
        if secret is None:
            raise NoSecretError(profile, _("Test again to be asked for it."), problem)
        return secret

    async def _find_keyring(self) -> None:
        self.window.form.show_keyring(await keyring_problem())

    def diagnose(self, profile: Profile) -> None:
        """Show the window with the profile that the main window shows, and test it.

        Args:
            profile: stored or not; its options hold the secret, if it is known.
        """
        name = profile.name
        try:
            is_stored = name in self._file.read().by_name
        except UserFacingError:
            is_stored = False
        shown = profile.without_secrets()

        def fill() -> None:
            self._fill(shown if is_stored else replace(profile, name=""), is_new=not is_stored)
            self._tester.start(profile, goes_to_field=True)

        self._open(fill)

    def _start_save(self, profile: Profile, former: str, secret: str) -> None:
        async def save() -> None:
            await self._save_and_show(profile, former, secret)

        self._work.run("save profile", save())

    def _start_connect(self, profile: Profile, former: str, secret: str) -> None:
        async def save_and_connect() -> None:
            if await self._save_and_show(profile, former, secret):
                self.window.close()
                self._show_profile(profile.name, secret)

        self._work.run("save profile", save_and_connect())

    async def _save_and_show(self, profile: Profile, former: str, secret: str) -> bool:
        self.window.set_busy(True)
        try:
            old = self._file.get(former) if former else None
            problem = await self._changes.save(profile, old=old, secret=secret or None)
            marks_left = await _move_marks(old, profile.name) if old is not None else None
            stored = self._file.read()
        except UserFacingError as error:
            self.window.show_error(error)
            return False
        finally:
            self.window.set_busy(False)
        saved = stored.by_name.get(profile.name)  # None if another program has removed it
        is_shown = bool(former and saved) and self._on_changed(former, saved, secret)
        self._list(stored, profile.name)
        self.window.show_message(
            _("Saved, and used by its window from now on.") if is_shown else _("Saved.")
        )
        if marks_left is not None:
            self.window.show_error(marks_left)
        if problem is not None:
            self.window.show_error(_secret_left(problem))
        return True

    def _ask_remove(self, name: str) -> None:
        question = QuestionDialog(
            _("Remove a connection"),
            _("Remove {name}?").format(name=name),
            _("Its stored secret is removed too. The server is not touched."),
            _("Remove"),
            _("Cancel"),
            self.window,
        )
        question.badge.show_profile(self.window.stored_profile(name), name)
        question.accepted.connect(lambda: self._work.run("remove profile", self._remove(name)))
        question.open()

    async def _remove(self, name: str) -> None:
        self.window.set_busy(True)
        try:
            problem = await self._changes.remove(name)
            stored = self._file.read()
        except UserFacingError as error:
            self.window.show_error(error)
            return
        finally:
            self.window.set_busy(False)
        self._on_changed(name, None, "")
        self._list(stored)
        if problem is not None:
            self.window.show_error(_secret_left(problem))

    def _ask_export(self, name: str) -> None:
        dialog = QFileDialog(self.window)
        set_title(dialog, _("Export without secrets"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("toml")
        dialog.selectFile("profile.toml")
        dialog.fileSelected.connect(
            lambda path: self._work.run("export profile", self._export(name, Path(path)))
        )
        dialog.open()

    async def _export(self, name: str, path: Path) -> None:
        try:
            content = toml_of(self._file.get(name)).encode()
            await asyncio.to_thread(write_atomic, path, content)
        except UserFacingError as error:
            self.window.show_error(error)
        except OSError as error:
            reason = error.strerror or str(error)
            self.window.show_error(UserFacingError(_("Cannot export"), f"{path}: {reason}."))
        else:
            self.window.show_message(_("Exported without secrets to {file}.").format(file=path))


def _secret_left(problem: UserFacingError) -> UserFacingError:
    """Return the notice that a secret that is not used any more could not be deleted."""
    title = _("Done, but the stored secret could not be deleted")
    return UserFacingError(title, f"{problem.title}: {problem.detail}", problem.advice)


async def _move_marks(former: Profile, name: str) -> LocalStateError | None:
    """Let the marks of failure groups follow a profile; return why they do not."""
    try:
        await asyncio.to_thread(move_local_state, profile_data_folder(), former, name)
    except LocalStateError as error:
        return error
    return None
