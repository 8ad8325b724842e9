"""The work behind the preview of an import: what fails, and what is told."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.app.profile_importer import ImportedProfile, ProfileImporter
from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import Profile, SecretStorage
from pulse_desktop.profiles.profile_changes import ProfileChanges
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.profile_format import toml_of
from pulse_desktop.profiles.secret_storage import ProfileSecrets
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.memory_keyring import MemoryKeyring, memory_keyring

if TYPE_CHECKING:
    from pulse_desktop.session.supervisor import Supervisor

SHOP = Profile(
    "shop",
    ConnectionOptions("nats://shop", user="ann"),
    secret="password",
    secret_storage=SecretStorage.KEYRING,
)


class Importing:
    """An importer in a window, and what it has done."""

    def __init__(self, parent: QWidget, folder: Path) -> None:
        self.file = ProfileFile(folder / "profiles.toml")
        self.changes = ProfileChanges(self.file, ProfileSecrets(folder, self._ask, {}))
        self.imported: list[ImportedProfile] = []
        self._parent = parent
        window = ConnectionsWindow(parent)
        self.importer = ProfileImporter(
            window, self.file, self.changes, cast("Supervisor", self), self._take_imported
        )
        self.preview = self.importer.preview

    def _take_imported(self, imported: Sequence[ImportedProfile]) -> None:
        self.imported.extend(imported)

    def run(self, _name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run work at once, in place of a `Supervisor`."""
        asyncio.run(work)

    async def _ask(self, _profile: Profile, _problem: str) -> str:
        raise NotImplementedError


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    with memory_keyring() as ring:
        yield ring


@pytest.fixture
def importing(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Importing:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    theme().install(ThemeChoice.DARK)
    main = QWidget()
    qtbot.addWidget(main)
    return Importing(main, tmp_path)


def choose_file(importing: Importing, path: Path, *profiles: Profile) -> None:
    path.write_text(toml_of(*profiles))
    importing.importer._show(str(path))  # noqa: SLF001 - the file dialog is of the system


@pytest.mark.usefixtures("ring")
def test_a_file_that_cannot_be_imported_stays_in_the_preview(
    importing: Importing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_file(importing, tmp_path / "export.toml", SHOP)

    async def fail(*_arguments: Any, **_options: Any) -> None:
        raise UserFacingError("Cannot be stored", "the disk is full.")

    monkeypatch.setattr(importing.changes, "save", fail)
    preview = importing.preview
    preview.import_requested.emit(preview.chosen, SecretStorage.ASK)
    assert [each.source for each in preview.chosen] == [str(tmp_path / "export.toml")]
    assert importing.imported == []


def test_a_secret_that_is_left_is_told(
    importing: Importing, ring: MemoryKeyring, tmp_path: Path
) -> None:
    asyncio.run(importing.changes.save(SHOP, secret="s3cret"))
    elsewhere = Profile("shop", ConnectionOptions("nats://elsewhere", user="ann"))
    choose_file(importing, tmp_path / "export.toml", elsewhere)
    (planned,) = importing.preview._planned  # noqa: SLF001
    ring.is_locked = True
    importing.preview.import_requested.emit([planned], SecretStorage.ASK)
    (imported,) = importing.imported
    assert (imported.name, imported.secret) == ("shop", "")
    assert "it is locked" in str(imported.secret_left)
    assert importing.file.get("shop").options.servers == "nats://elsewhere"


def test_a_new_secret_reaches_the_window_and_no_log(
    importing: Importing, ring: MemoryKeyring, tmp_path: Path
) -> None:
    asyncio.run(importing.changes.save(SHOP, secret="before"))
    folder = tmp_path / "nats" / "context"
    folder.mkdir(parents=True)
    login = '"user": "ann", "password": "s3cret"'
    (folder / "shop.json").write_text(f'{{"url": "nats://shop", {login}}}')
    importing.importer._show("")  # noqa: SLF001
    (planned,) = importing.preview._planned  # noqa: SLF001
    importing.preview.import_requested.emit([planned], SecretStorage.KEYRING)
    (imported,) = importing.imported
    assert imported.secret == "s3cret"
    assert "s3cret" not in repr(imported)
    assert ring.passwords == {("pulse-desktop", "shop"): "s3cret"}
