"""The file of a recording replaces nothing unasked, and has one writer at a time."""

import os
from pathlib import Path

import pytest

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.session.recording.recording_file import FileInUseError, RecordingFile


def start(file: RecordingFile, content: bytes) -> None:
    file.start().write(content)


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_is_never_started_is_removed(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / "r"
    with RecordingFile(path, replace=replace):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_a_file_that_is_not_started_keeps_its_content(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes(b"old, and longer")
    with RecordingFile(path, replace=True) as file:
        assert path.read_bytes() == b"old, and longer"
        start(file, b"new")
    assert path.read_bytes() == b"new"


def test_a_file_that_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes(b"old")
    with (
        pytest.raises(UserFacingError, match="the file exists"),
        RecordingFile(path, replace=False),
    ):
        pass
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("replace", [False, True])
def test_a_second_writer_is_refused(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / "r"
    with RecordingFile(path, replace=True) as file:
        start(file, b"first")
        with pytest.raises(FileInUseError), RecordingFile(path, replace=replace):
            pass
    assert path.read_bytes() == b"first"
    with RecordingFile(path, replace=True) as file:
        start(file, b"later")
    assert path.read_bytes() == b"later"


def test_a_file_that_another_program_put_in_its_place_stays(tmp_path: Path) -> None:
    path = tmp_path / "r"
    with RecordingFile(path, replace=False):
        path.unlink()
        path.write_bytes(b"")
    assert path.exists()


@pytest.mark.parametrize(
    ("kind", "detail", "advice"),
    [
        ("fifo", "FIFO", "Choose another name."),
        ("folder", "folder", "Choose another name."),
        ("link", "symbolic link", "Choose another name."),
        ("long", "name too long", "Choose another name."),
        ("no folder", "is not a folder", "Choose another folder."),
    ],
)
@pytest.mark.parametrize("replace", [False, True])
def test_what_cannot_be_written_is_named(
    tmp_path: Path, kind: str, detail: str, advice: str, replace: bool
) -> None:
    path = tmp_path / "r"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(tmp_path / "other")
        case "long":
            path = tmp_path / ("x" * 300)
        case _:
            path = tmp_path / "no" / "r"
    with pytest.raises(UserFacingError) as raised, RecordingFile(path, replace=replace):
        pass
    assert detail in raised.value.detail
    assert raised.value.advice == advice
