"""Import of profiles from a window: what its preview asks for is done here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from pulse_desktop import system_keyring
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.planned_import import PlannedImport
from pulse_desktop.profiles.profile import SecretStorage
from pulse_desktop.profiles.profile_changes import ProfileChanges
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.profile_import import (
    ALL_CONTEXTS,
    ImportOptions,
    plan_import,
    rename_planned,
)
from pulse_desktop.session.supervisor import Supervisor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.connections.import_preview import ImportPreview
from pulse_desktop.ui.window_title import set_title


@dataclass(frozen=True)
class ImportedProfile:
    """A profile that was imported.

    Attributes:
        name: of the profile.
        secret: its new secret, empty if that did not change.
        secret_left: why the secret that it had before is still stored, None if it is not.
    """

    name: str
    secret: str = field(default="", repr=False)
    secret_left: UserFacingError | None = None


class ProfileImporter:
    """The preview of an import, and the work behind it.

    Attributes:
        preview: the window.
    """

    def __init__(
        self,
        parent: ConnectionsWindow,
        file: ProfileFile,
        changes: ProfileChanges,
        work: Supervisor,
        on_imported: Callable[[Sequence[ImportedProfile]], None],
    ) -> None:
        """Create the preview; it is hidden.

        Args:
            parent: the window of the connections.
            file: the stored profiles.
            changes: stores profiles with their secrets.
            work: of the main window, in the background.
            on_imported: called with what was imported.
        """
        self._file = file
        self._changes = changes
        self._work = work
        self._on_imported = on_imported
        self._source = ALL_CONTEXTS
        self.preview = ImportPreview(parent)
        self.preview.file_requested.connect(self._choose_file)
        self.preview.contexts_requested.connect(lambda: self._show(ALL_CONTEXTS))
        self.preview.import_requested.connect(self._start_import)
        # Not while the table is still taking what was typed.
        self.preview.rename_requested.connect(self._rename, Qt.ConnectionType.QueuedConnection)

    def open(self) -> None:
        """Show the contexts of the NATS CLI."""
        self.preview.open()
        self._show(ALL_CONTEXTS)
        self._work.run("find keyring", self._find_keyring())

    def _show(self, source: str) -> None:
        self._source = source
        try:
            planned = plan_import(source, self._file, ImportOptions(replace=True))
        except UserFacingError as error:
            self.preview.show_error(error)
        else:
            self.preview.show_planned(source, planned)

    def _rename(self, planned: PlannedImport, name: str) -> None:
        try:
            renamed = rename_planned(planned, name, self._file)
        except UserFacingError as error:
            self.preview.show_error(error)
        else:
            self.preview.replace_planned(planned, renamed)

    async def _find_keyring(self) -> None:
        self.preview.show_keyring(await keyring_problem())

    def _choose_file(self) -> None:
        dialog = QFileDialog(self.preview)
        set_title(dialog, _("Import connections"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([_("Profiles (*.toml)"), _("All files (*)")])
        dialog.fileSelected.connect(self._show)
        dialog.open()

    def _start_import(self, chosen: Sequence[PlannedImport], storage: SecretStorage) -> None:
        self._work.run("import profiles", self._import(chosen, storage))

    async def _import(self, chosen: Sequence[PlannedImport], storage: SecretStorage) -> None:
        """Store what was chosen; the first that cannot be stored ends it."""
        imported: list[ImportedProfile] = []
        problem: UserFacingError | None = None
        for each in chosen:
            self.preview.show_progress(len(imported), len(chosen))
            profile, secret = each.to_store(storage)
            try:
                left = await self._changes.save(profile, old=each.old, secret=secret)
            except UserFacingError as error:
                problem = error
                break
            imported.append(ImportedProfile(profile.name, secret or "", left))
        if imported:
            self._on_imported(imported)
        if problem is None:
            self.preview.accept()
        else:
            self._show(self._source)
            self.preview.show_error(problem)


async def keyring_problem() -> str:
    """Return why the keyring of the system cannot store a secret, empty if it can."""
    try:
        await system_keyring.backend_name()
    except UserFacingError as error:
        return f"{error.title}: {error.sentence}"
    return ""
