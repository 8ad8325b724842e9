"""Safety of the data folder: other users, and other things in place of its files."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse_desktop.cli.machine_checks import check_machine
from pulse_desktop.embedded.bounded_log import BoundedLog
from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.folder_safety import open_parent
from pulse_desktop.embedded.stack import EmbeddedStack, running_stack
from pulse_desktop.embedded.stack_state import read_state, state_problem
from pulse_desktop.embedded.usage_locks import UsageLock, file_lock, live_users, try_acquire

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")

OTHER_USER = 65_534

FILES = (
    "start.lock",
    "guardian.lock",
    "stack.json",
    "server/address.json",
    "server/nats-server.conf",
    "server/ports/nats-server_1.ports",
    "clients/4711-1.lock",
    "logs/guardian.log",
    "logs/guardian-crash.log",
    "logs/nats-server.log",
    "logs/worker-1.log.1",
)


def put_folder(path: Path) -> None:
    path.mkdir()
    (path / "entry").touch()


def put_link(path: Path) -> None:
    target = path.parents[-2] / "elsewhere"
    path.symlink_to(target)


def put_fifo(path: Path) -> None:
    os.mkfifo(path)


async def check_start_fails(folder: DataFolder, path: Path, reason: str) -> None:
    with pytest.raises(EmbeddedStackError) as caught:
        await EmbeddedStack(folder.root).start()
    assert caught.value.title == "The data folder cannot be used"
    assert caught.value.detail == f"{path}: {reason}."
    assert caught.value.advice == "Remove it or move it away, then try again."
    assert running_stack(folder.root) is None


@pytest.mark.parametrize("name", FILES)
async def test_a_folder_a_link_or_a_fifo_in_place_of_a_file_is_named(
    folder: DataFolder, name: str
) -> None:
    path = folder.root / name
    path.unlink(missing_ok=True)
    put_fifo(path)
    await check_start_fails(folder, path, "it is a FIFO, not a file")
    path.unlink()
    put_link(path)
    await check_start_fails(folder, path, "it is a symbolic link, not a file")
    path.unlink()
    put_folder(path)
    await check_start_fails(folder, path, "it is a folder, not a file")


@pytest.mark.parametrize("name", ["logs", "clients", "server"])
def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path, name: str) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.root.mkdir(mode=0o700)
    (folder.root / name).write_text("a file")
    with pytest.raises(EmbeddedStackError, match=f"data/{name}"):
        folder.prepare()


@pytest.mark.parametrize("name", ["", "logs", "clients", "server", "server/ports"])
def test_the_permission_of_others_to_write_is_taken_away(folder: DataFolder, name: str) -> None:
    (folder.root / name).chmod(0o777)
    folder.prepare()
    assert (folder.root / name).stat().st_mode & 0o777 == 0o755


def test_a_shared_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    sticky, shared = tmp_path / "sticky", tmp_path / "shared"
    sticky.mkdir()
    sticky.chmod(0o1777)
    shared.mkdir()
    shared.chmod(0o775)
    (shared / "report.txt").touch()
    advised = {sticky: f"such as {sticky}/pulse-desktop.", shared: f"chmod go-w {shared}`"}
    for folder in (sticky, shared):
        before = folder.stat().st_mode
        with pytest.raises(EmbeddedStackError) as caught:
            DataFolder(folder).prepare()
        assert caught.value.title == "The data folder is not private"
        assert caught.value.detail == f"Other users can write to {folder}."
        assert advised[folder] in caught.value.advice
        assert folder.stat().st_mode == before


def test_a_parent_that_others_can_write_to_is_named_unless_it_has_the_sticky_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tmp_path / "parent"
    monkeypatch.setenv("PULSE_DATA_DIR", str(parent / "data"))
    (parent / "data").mkdir(parents=True)
    parent.chmod(0o1777)
    assert open_parent(parent / "data") is None
    parent.chmod(0o777)
    assert open_parent(parent / "data") == parent
    (result,) = (each for each in check_machine() if each.check == "data folder")
    assert result.status == "warning"
    assert f"they can write to {parent}" in result.detail


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)
@pytest.mark.parametrize("name", ["", "logs", "stack.json", "start.lock", "logs/guardian.log"])
def test_what_belongs_to_another_user_is_refused(folder: DataFolder, name: str) -> None:
    path = folder.root / name
    if not path.is_dir():
        path.touch()
    os.chown(path, OTHER_USER, OTHER_USER)
    with pytest.raises(EmbeddedStackError, match="belongs to another user"):
        folder.prepare()


@pytest.mark.parametrize("put", [put_folder, put_link, put_fifo])
def test_what_appears_while_the_stack_runs_is_no_user_and_is_not_followed(
    folder: DataFolder, put: Callable[[Path], None]
) -> None:
    user = UsageLock(folder)
    assert user.try_acquire()
    put(folder.usage_locks / "0-1.lock")
    assert live_users(folder) == [user.name]
    user.release()
    put(folder.start_lock)
    with pytest.raises(EmbeddedStackError, match="The data folder cannot be used"):
        try_acquire(file_lock(folder.start_lock))
    put(folder.state_file)
    assert read_state(folder.state_file) is None
    assert state_problem(folder.state_file).startswith(f"{folder.state_file}: it is a ")
    log = BoundedLog(folder.log_of("worker-1"))
    put(log.path)
    log.write(b"a line\n")
    assert log.lost_bytes == len(b"a line\n")
    log.close()


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", b"[]", b"[" * 100_000, b'{"a":' * 100_000, b"{}", b'"text"']
)
def test_a_state_file_with_garbage_is_no_state(folder: DataFolder, content: bytes) -> None:
    folder.state_file.write_bytes(content)
    assert read_state(folder.state_file) is None
    assert state_problem(folder.state_file) == f"{folder.state_file}: it cannot be understood"
    folder.prepare()
