"""Files that a worker may read for a task, and those that it may not."""

import os
import socket
from pathlib import Path

import pytest
from pulse_workers.chat.records import Attachment
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.attachments import read_attachment
from pulse_workers.chat.sources.telegram_export import read_export
from pulse_workers.errors import AttachmentUnreadableError, PathNotAllowedError

from tests.kit.chat_export import write_export


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    write_export(folder / "chat")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def read(folders: AllowedFolders, path: Path) -> bytes:
    with folders.open(folders.resolve(path)) as file:
        return file.read()


def test_exports_are_read_from_allowed_folders_and_the_sample_only(exports: Path) -> None:
    folders = AllowedFolders([exports])
    assert read_export(str(exports / "chat"), folders).messages
    assert read_export("", AllowedFolders()).messages
    for path in (exports.parent / "secret.txt", exports / ".." / "secret.txt", Path("/etc")):
        with pytest.raises(PathNotAllowedError, match=r"outside.* PULSE_CHAT_FOLDERS"):
            read_export(str(path), folders)
    with pytest.raises(PathNotAllowedError, match="PULSE_CHAT_FOLDERS"):
        read_export(str(exports / "chat"), AllowedFolders())
    with pytest.raises(PathNotAllowedError, match="not a path"):
        read_export(str(exports) + "\0", folders)


def test_a_link_is_followed_as_far_as_it_stays_inside(exports: Path) -> None:
    folders = AllowedFolders([exports])
    (exports / "inside").symlink_to("chat")
    (exports / "outside").symlink_to(exports.parent)
    assert read_export(str(exports / "inside"), folders).messages
    with pytest.raises(PathNotAllowedError):
        read(folders, exports / "outside" / "secret.txt")
    linked = exports.parent / "linked"
    linked.symlink_to(exports)
    assert read_export(str(linked / "chat"), AllowedFolders([linked])).messages


def test_a_link_that_leads_outside_is_named_as_it_was_given(exports: Path) -> None:
    folders = AllowedFolders([exports])
    link = exports / "link.json"
    link.symlink_to(exports.parent / "secret.txt")
    with pytest.raises(PathNotAllowedError) as refused:
        read_export(str(link), folders)
    text = str(refused.value)
    assert text.startswith(f"{link} is or contains a symbolic link that leads outside")
    assert "secret.txt" not in text
    assert "PULSE_CHAT_FOLDERS" not in text


@pytest.mark.parametrize("swapped", ["chat", "chat/result.json"])
def test_a_link_that_is_swapped_in_after_the_check_is_not_followed(
    exports: Path, swapped: str
) -> None:
    folders = AllowedFolders([exports])
    path = folders.resolve(exports / "chat" / "result.json")
    elsewhere = exports.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "result.json").write_text("secret")
    (exports / swapped).rename(exports.parent / "moved")
    (exports / swapped).symlink_to(elsewhere / Path(swapped).relative_to("chat"))
    with pytest.raises(OSError, match=r"symbolic link|Not a directory"):
        folders.open(path)


def test_what_is_not_a_regular_file_is_refused_at_once(exports: Path) -> None:
    folders = AllowedFolders([exports, "/dev"])
    os.mkfifo(exports / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(exports / "socket"))
        for path, kind in {
            exports / "fifo": "FIFO",
            exports / "socket": "socket",
            exports / "chat": "folder",
            exports: "folder",
            Path("/dev/zero"): "device",
        }.items():
            with pytest.raises(OSError, match=kind):
                read(folders, path)


def test_the_folder_that_a_stored_message_names_is_checked_too(exports: Path) -> None:
    secret = Attachment("secret.txt")
    with pytest.raises(AttachmentUnreadableError, match="outside"):
        read_attachment(secret, str(exports.parent), AllowedFolders([exports]))
    (exports / "chat" / "secret.txt").symlink_to(exports.parent / "secret.txt")
    with pytest.raises(AttachmentUnreadableError, match="outside"):
        read_attachment(secret, str(exports / "chat"), AllowedFolders([exports]))
