"""Usage locks: a user counts as long as its lock file is locked."""

import subprocess
import sys

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.usage_locks import UsageLock, live_users, remove_stale_locks


def test_a_user_counts_until_it_releases_its_lock(folder: DataFolder) -> None:
    one, other = UsageLock(folder), UsageLock(folder)
    assert one.try_acquire()
    assert other.try_acquire()
    assert sorted(live_users(folder)) == sorted([one.name, other.name])
    one.release()
    assert live_users(folder) == [other.name]
    remove_stale_locks(folder)
    assert [each.name for each in folder.usage_locks.iterdir()] == [other.name]
    assert one.try_acquire()
    assert len(live_users(folder)) == 2
    one.release()
    other.release()
    assert live_users(folder) == []


def test_an_acquired_lock_without_references_is_held_until_its_process_exits(
    folder: DataFolder,
) -> None:
    code = (
        "import gc, sys\n"
        "from pathlib import Path\n"
        "from pulse_desktop.embedded.data_folder import DataFolder\n"
        "from pulse_desktop.embedded.usage_locks import UsageLock, live_users\n"
        "folder = DataFolder(Path(sys.argv[1]))\n"
        "assert UsageLock(folder).try_acquire()\n"
        "gc.collect()\n"
        "print(len(live_users(folder)))\n"
    )
    command = [sys.executable, "-c", code, str(folder.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert live_users(folder) == []


def test_a_lock_file_of_a_user_that_was_killed_is_stale(folder: DataFolder) -> None:
    (folder.usage_locks / "4711-1.lock").touch(mode=0o600)
    assert live_users(folder) == []
    remove_stale_locks(folder)
    assert list(folder.usage_locks.iterdir()) == []
