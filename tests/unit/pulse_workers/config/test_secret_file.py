"""Files with a secret: which are read, and which are refused without waiting."""

import os
from pathlib import Path

import pytest
from pulse_workers.config.secret_file import MAX_SECRET, read_secret_file
from pulse_workers.errors import SettingsError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files, and FIFOs")


def secret_file(folder: Path, content: bytes = b"hush", mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_file_of_the_user_and_its_group_is_read_also_through_a_link(
    tmp_path: Path, mode: int
) -> None:
    path = secret_file(tmp_path, mode=mode)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read_secret_file("KEY", path) == read_secret_file("KEY", link) == "hush"


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o610, 0o601, 0o666])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingsError, match="run chmod 600 on it") as raised:
        read_secret_file("KEY", secret_file(tmp_path, mode=mode))
    assert "hush" not in str(raised.value)


def test_what_is_no_readable_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path, reason in (
        (fifo, "it is a FIFO"),
        (Path("/dev/zero"), "it is a device"),
        (tmp_path, "it is a folder"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(SettingsError, match=rf"KEY='{path}'.*{reason}"):
            read_secret_file("KEY", path)


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not a text"):
        read_secret_file("KEY", secret_file(tmp_path, b"\xff"))
    with pytest.raises(SettingsError, match="at most 16384 bytes"):
        read_secret_file("KEY", secret_file(tmp_path, b"a" * (MAX_SECRET + 1)))
