"""What an import would do is known before, and a stored profile keeps what is its owner's."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pulse_desktop.profiles.planned_import import PlannedImport
from pulse_desktop.profiles.profile import (
    Color,
    Environment,
    Profile,
    SecretStorage,
    server_profile,
)
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.profile_format import toml_of
from pulse_desktop.profiles.profile_import import (
    ALL_CONTEXTS,
    ImportOptions,
    plan_import,
    rename_planned,
)

REPLACE = ImportOptions(replace=True)
SHOP = replace(
    server_profile("nats://old:4222", name="shop", secret="token"),
    environment=Environment.PRODUCTION,
    color=Color.PURPLE,
    read_only=True,
    secret_storage=SecretStorage.KEYRING,
)


@pytest.fixture
def stored(tmp_path: Path) -> ProfileFile:
    file = ProfileFile(tmp_path / "profiles.toml")
    file.add(SHOP)
    return file


def test_a_context_replaces_only_the_connection(
    stored: ProfileFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "nats" / "context"
    folder.mkdir(parents=True)
    context = {"url": "nats://new:4222", "token": "t0ken", "color_scheme": "red"}
    (folder / "shop.json").write_text(json.dumps(context))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (planned,) = plan_import(ALL_CONTEXTS, stored, REPLACE)
    assert (planned.action, planned.changed_fields) == ("replace", ("servers",))
    profile, secret = planned.to_store(SecretStorage.KEYRING)
    new = replace(SHOP, options=replace(SHOP.options, servers="nats://new:4222"))
    assert (profile, secret) == (new, "t0ken")


@pytest.mark.parametrize(
    ("server", "storage"),
    [("nats://old:4222", SecretStorage.KEYRING), ("nats://evil:4222", SecretStorage.ASK)],
)
def test_the_stored_secret_stays_only_with_its_server(
    server: str, storage: SecretStorage, stored: ProfileFile, tmp_path: Path
) -> None:
    given: Profile = replace(SHOP, options=replace(SHOP.options, servers=server), confirm=True)
    file = tmp_path / "colleague.toml"
    file.write_text(toml_of(given))
    (planned,) = plan_import(str(file), stored, REPLACE)
    assert "confirm" in planned.changed_fields
    profile, secret = planned.to_store(SecretStorage.KEYRING)
    assert (profile.secret_storage, secret) == (storage, None)


def test_a_name_that_is_too_long_can_be_replaced(stored: ProfileFile, tmp_path: Path) -> None:
    long = server_profile("nats://lab:4222", name="x" * 61)
    planned = PlannedImport("nats:x", long, "skip")
    assert rename_planned(planned, "y" * 61, stored).needs_name
    renamed = rename_planned(planned, "lab", stored)
    assert (renamed.action, renamed.needs_name) == ("add", False)
    assert renamed.profile == replace(long, name="lab")
    assert rename_planned(planned, "shop", stored).action == "replace"
