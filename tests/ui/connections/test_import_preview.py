"""The preview of an import shows what would become of each profile, and no secret."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.profiles.planned_import import PlannedImport
from pulse_desktop.profiles.profile import Environment, Profile, SecretStorage, server_profile
from pulse_desktop.ui.connections.import_preview import ImportPreview
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

SECRET = "t0ken-5b0e"
NEW = server_profile("nats://new:4222", name="new", secret="token").with_secret(SECRET)
SAME = server_profile("nats://same:4222", name="same", secret="token")
OLD = server_profile("nats://old:4222", name="old")
OTHER = replace(OLD, environment=Environment.STAGING)
PLANNED = (
    PlannedImport("nats:new", NEW, "add"),
    PlannedImport("nats:same", SAME, "replace", old=SAME),
    PlannedImport("nats:old", OLD, "replace", old=OTHER),
    PlannedImport("nats:nsc", None, "skip", "logins by nsc are not supported"),
    PlannedImport("nats:Shop", Profile("Shop"), "skip", "there is another of the name shop"),
)


@pytest.fixture
def preview(qtbot: QtBot) -> Iterator[ImportPreview]:
    theme().install(ThemeChoice.DARK)
    main = QWidget()
    qtbot.addWidget(main)
    preview = ImportPreview(main)
    preview.show()
    preview.show_planned("", PLANNED)
    yield preview
    main.close()


def column(preview: ImportPreview, number: int) -> list[str]:
    model = preview.table.model()
    return [str(model.index(row, number).data()) for row in range(model.rowCount())]


def test_each_profile_says_what_would_become_of_it(preview: ImportPreview) -> None:
    assert column(preview, 0) == ["new", "same", "old", "nsc", "Shop"]
    assert column(preview, 2) == [
        "New.",
        "The same as here.",
        "There is another of this name: would replace its Environment.",
        "Cannot be imported: logins by nsc are not supported.",
        "Cannot be imported: there is another of the name shop.",
    ]
    assert column(preview, 3) == [
        "Token: in the keyring of this system",
        "Token: as it is stored here",
        "",
        "",
        "",
    ]
    assert preview.chosen == [PLANNED[0]]


def test_the_space_key_chooses_what_can_be_imported(preview: ImportPreview) -> None:
    table = preview.table
    for row in range(len(PLANNED)):
        table.setCurrentCell(row, 0)
        QTest.keyClick(table, Qt.Key.Key_Space)
    assert preview.chosen == [PLANNED[1], PLANNED[2]]
    assert preview.import_button.text() == "Import 2"


def test_without_a_keyring_secrets_are_asked_for(preview: ImportPreview) -> None:
    preview.show_keyring("The keyring cannot be used: it is locked.")
    assert preview.storage.storage is SecretStorage.ASK
    assert column(preview, 3)[0] == "Token: asked for each time"
    asked: list[object] = []
    preview.import_requested.connect(lambda chosen, storage: asked.extend((chosen, storage)))
    preview.import_button.click()
    assert asked == [[PLANNED[0]], SecretStorage.ASK]
    texts = [text for number in range(4) for text in column(preview, number)]
    assert SECRET not in "".join(texts)


def test_a_profile_can_be_renamed(preview: ImportPreview) -> None:
    long = PlannedImport("nats:x", Profile("x" * 70), "skip", "too long", needs_name=True)
    preview.show_planned("", [long])
    assert "press F2" in column(preview, 2)[0]
    asked: list[tuple[PlannedImport, str]] = []
    preview.rename_requested.connect(lambda *given: asked.append(given))
    item = preview.table.item(0, 0)
    assert item is not None
    assert item.flags() & Qt.ItemFlag.ItemIsEditable
    item.setText("short")
    assert asked == [(long, "short")]
    preview.replace_planned(long, PlannedImport("nats:x", Profile("short"), "add"))
    assert column(preview, 2) == ["New."]
    assert [each.profile for each in preview.chosen] == [Profile("short")]


def test_it_says_how_many_are_stored(preview: ImportPreview) -> None:
    preview.show_progress(120, 406)
    assert preview.import_button.text() == "Importing: 120 of 406"
    assert not preview.import_button.isEnabled()
    preview.show_planned("", PLANNED)
    assert preview.import_button.isEnabled()
