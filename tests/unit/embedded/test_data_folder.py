"""Data folder: its place, its permissions, a disk without space."""

import shutil
from pathlib import Path

import pytest

from pulse_desktop.embedded.data_folder import DataFolder, data_folder
from pulse_desktop.embedded.errors import EmbeddedStackError


def test_an_environment_variable_sets_the_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULSE_DATA_DIR", str(tmp_path / "elsewhere"))
    assert data_folder().root == tmp_path / "elsewhere"
    assert data_folder(tmp_path / "given").root == tmp_path / "given"


def test_only_the_owner_can_access_the_folders(folder: DataFolder) -> None:
    for each in (folder.root, folder.logs, folder.usage_locks, folder.server):
        assert each.stat().st_mode & 0o777 == 0o700


def test_the_error_names_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EmbeddedStackError) as caught:
        DataFolder(tmp_path / "file" / "data").prepare()
    assert caught.value.title == "The data folder cannot be written"
    assert str(tmp_path / "file") in caught.value.detail
    assert caught.value.detail.endswith(".")
    assert "PULSE_DATA_DIR" in caught.value.advice


def test_a_full_disk_is_an_error_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=5 << 20))
    with pytest.raises(EmbeddedStackError, match=r"The disk is full.*5 MiB are left"):
        DataFolder(tmp_path / "data").prepare()


def test_the_files_have_the_names_that_earlier_versions_gave_them(folder: DataFolder) -> None:
    """A stack of an earlier version must find the same files, and its data must be found."""
    paths = (
        folder.logs,
        folder.usage_locks,
        folder.jetstream,
        folder.server_config,
        folder.server_endpoint,
        folder.server_ports,
        folder.state_file,
        folder.start_lock,
        folder.guardian_lock,
    )
    assert [str(path.relative_to(folder.root)) for path in paths] == [
        "logs",
        "clients",
        "jetstream",
        "server/nats-server.conf",
        "server/address.json",
        "server/ports",
        "stack.json",
        "start.lock",
        "guardian.lock",
    ]
