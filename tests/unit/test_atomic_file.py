"""A file written atomically is the old one or the new one, and leaves nothing else behind."""

import asyncio
import errno
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.atomic_file import AtomicFile, write_atomic, write_error
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.regular_file import NotARegularFileError
from tests.kit.waiting import wait_until


def test_the_new_content_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for content in (b"first", b"second"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert _names(tmp_path) == ["state.json"]


@pytest.mark.skipif(os.name == "nt", reason="modes of Windows say nothing")
def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    write_atomic(tmp_path / "private", b"", private=True)
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600


def test_a_failed_write_raises_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "none" / "file", b"content")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        write_atomic(tmp_path / "folder", b"content")
    assert _names(tmp_path) == ["folder"]


async def test_a_large_file_appears_when_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "result"
    async with AtomicFile(path) as file:
        await file.write(b"part one, ")
        await file.write(b"part two")
        assert not path.exists()
        await file.finish()
    assert path.read_bytes() == b"part one, part two"
    assert _names(tmp_path) == ["result"]


async def test_an_unfinished_file_is_removed(tmp_path: Path) -> None:
    async with AtomicFile(tmp_path / "result") as file:
        await file.write(b"part one")
    assert _names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is open")
@pytest.mark.parametrize("step", ["open", "finish"])
async def test_a_cancelled_file_is_removed_while_the_disk_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    waits, goes_on = threading.Event(), threading.Event()

    def wait_for_disk() -> None:
        waits.set()
        goes_on.wait(20)

    file = AtomicFile(tmp_path / "result")
    if step == "open":
        open_file = Path.open

        def open_slowly(path: Path, mode: str) -> Any:
            opened = open_file(path, mode)
            wait_for_disk()
            return opened

        monkeypatch.setattr(Path, "open", open_slowly)
    else:
        monkeypatch.setattr(os, "fsync", lambda _number: wait_for_disk())

    async def write() -> None:
        async with file:
            await file.finish()

    writing = asyncio.ensure_future(write())
    await wait_until(waits.is_set)
    assert _names(tmp_path) != []
    writing.cancel()
    try:
        await wait_until(lambda: _names(tmp_path) == [])
    finally:
        goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert _names(tmp_path) == []


async def _write_large(path: Path) -> None:
    async with AtomicFile(path) as file:
        await file.write(b"new")
        await file.finish()


def _write_small(path: Path) -> None:
    write_atomic(path, b"new", follow_links=True)


def _write_own(path: Path) -> None:
    write_atomic(path, b"new")


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither FIFOs nor devices in folders")
@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, stat.S_IFDIR])
@pytest.mark.parametrize("through_link", [False, True])
async def test_what_is_no_file_is_not_replaced(
    tmp_path: Path, kind: int, through_link: bool
) -> None:
    there = path = tmp_path / "there"
    if kind == stat.S_IFDIR:
        there.mkdir()
    else:
        try:
            os.mknod(there, kind | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    if through_link:
        path = tmp_path / "link"
        path.symlink_to(there)
    names = sorted(_names(tmp_path))
    with pytest.raises(UserFacingError, match="not a file") as caught:
        await _write_large(path)
    assert caught.value.advice == "Choose another name."
    for write in (_write_small,) if through_link else (_write_small, _write_own):
        with pytest.raises(NotARegularFileError):
            write(path)
    assert stat.S_IFMT(there.stat().st_mode) == kind
    assert sorted(_names(tmp_path)) == names


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs in folders")
async def test_what_appears_while_a_file_is_written_is_not_replaced(tmp_path: Path) -> None:
    async with AtomicFile(tmp_path / "there") as file:
        os.mkfifo(tmp_path / "there")
        with pytest.raises(UserFacingError, match="FIFO"):
            await file.finish()
    assert _names(tmp_path) == ["there"]


@pytest.mark.skipif(os.name == "nt", reason="only administrators link on Windows")
@pytest.mark.parametrize("content", [b"old", None])
async def test_a_link_stays_and_the_file_that_it_leads_to_is_written(
    tmp_path: Path, content: bytes | None
) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    target = folder / "target"
    link.symlink_to(Path("folder") / "target")
    for written in ("large", "small"):
        if content is not None:
            target.write_bytes(content)
        if written == "large":
            await _write_large(link)
        else:
            _write_small(link)
        assert link.is_symlink()
        assert target.read_bytes() == b"new"
        target.unlink()
    _write_own(link)
    assert not link.is_symlink()
    assert _names(folder) == []


@pytest.mark.skipif(os.name == "nt", reason="only administrators link on Windows")
async def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(UserFacingError, match="symbolic link"):
        await _write_large(link)
    with pytest.raises(NotARegularFileError):
        _write_small(link)
    assert _names(tmp_path) == ["link"]


@pytest.mark.skipif(os.name == "nt", reason="modes of Windows say nothing")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
async def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    await _write_large(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    _write_own(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


async def test_a_missing_folder_raises_a_user_facing_error(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="is not a folder"):
        async with AtomicFile(tmp_path / "none" / "result"):
            pass


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    for name in ("x" * 255, "ї" * 127):
        write_atomic(tmp_path / name, b"1")
        assert (tmp_path / name).read_bytes() == b"1"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (NotARegularFileError(Path("r"), stat.S_IFIFO), "Choose another name."),
        (OSError(errno.ENAMETOOLONG, "File name too long"), "Choose another name."),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), "Choose another name."),
        (PermissionError(errno.EACCES, "Permission denied"), "Choose another folder."),
        (OSError(errno.EIO, "Input/output error"), "Choose another folder."),
    ],
)
def test_the_advice_is_about_what_is_wrong(tmp_path: Path, error: OSError, advice: str) -> None:
    assert write_error(tmp_path / "r", error).advice == advice


def test_a_folder_that_exists_is_not_called_missing(tmp_path: Path) -> None:
    error = FileNotFoundError(errno.ENOENT, "No such file or directory")  # as in /proc
    assert write_error(tmp_path / "r", error).detail == "No such file or directory."
    assert "no is not a folder" in write_error(tmp_path / "no" / "r", error).detail
