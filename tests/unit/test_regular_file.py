"""Regular files: no link is followed and no FIFO is waited for."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse_desktop.regular_file import (
    NotARegularFileError,
    open_for_append,
    open_for_overwrite,
    open_for_reading,
    overwrite_in_place,
    read_start,
)

Opener = Callable[[Path], object]


def make_folder(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    target = path.with_name("target")
    target.write_text("not ours")
    path.symlink_to(target)


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("missing"))


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_device_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


KINDS = [
    (make_folder, "it is a folder, not a file"),
    (make_link, "it is a symbolic link, not a file"),
    (make_dangling_link, "it is a symbolic link, not a file"),
    (make_fifo, "it is a FIFO, not a file"),
    (make_socket, "it is a socket, not a file"),
    (make_device_link, "it is a symbolic link, not a file"),
]


@pytest.mark.skipif(sys.platform == "win32", reason="needs FIFOs and links")
@pytest.mark.parametrize("opener", [open_for_append, open_for_overwrite, open_for_reading])
@pytest.mark.parametrize(("make", "reason"), KINDS)
def test_anything_else_than_a_regular_file_is_named_at_once(
    tmp_path: Path, make: Callable[[Path], None], reason: str, opener: Opener
) -> None:
    path = tmp_path / "f"
    make(path)
    with pytest.raises(NotARegularFileError) as caught:
        opener(path)
    assert caught.value.strerror == reason
    assert caught.value.filename == str(path)
    target = tmp_path / "target"
    assert not target.exists() or target.read_text() == "not ours"
    assert not (tmp_path / "missing").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_a_link_can_be_read_where_that_is_allowed_unless_it_leads_to_a_device(
    tmp_path: Path,
) -> None:
    make_link(tmp_path / "settings")
    assert read_start(tmp_path / "settings", 3, follow_links=True) == b"not"
    make_device_link(tmp_path / "zero")
    with pytest.raises(NotARegularFileError, match="it is a device, not a file"):
        read_start(tmp_path / "zero", 3, follow_links=True)


def test_a_new_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with open_for_overwrite(path) as file:
        file.write(b"one\n")
    with open_for_append(path) as file:
        file.write(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert sys.platform == "win32" or path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_overwritten_in_place_if_its_size_stays(tmp_path: Path) -> None:
    path = tmp_path / "state"
    assert not overwrite_in_place(path, b"new")
    assert not path.exists()
    path.write_bytes(b"old")
    inode = path.stat().st_ino
    assert overwrite_in_place(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino == inode
    assert not overwrite_in_place(path, b"longer")
    assert path.read_bytes() == b"new"
