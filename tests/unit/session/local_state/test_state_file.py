"""The file with the local state: made on demand, shared, and never replaced when it is unusable."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pulse_desktop.profiles.profile import Profile, server_profile
from pulse_desktop.session.local_state import state_file
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.local_state.state_file import (
    MIGRATIONS,
    LocalStateFile,
    state_file_path,
)

INSERT = "INSERT INTO group_marks VALUES ('a', 1, 'note', 1.0, 'bob', 'text')"


def count(file: LocalStateFile) -> int:
    found: int = file.read(
        lambda connection: connection.execute("SELECT count(*) FROM group_marks").fetchone()[0], -1
    )
    return found


def insert(file: LocalStateFile) -> None:
    file.write(lambda connection: connection.execute(INSERT))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LocalStateFile]:
    with closing(LocalStateFile(tmp_path / "profiles" / "state.sqlite3")) as file:
        yield file


def test_reading_makes_no_file_and_writing_makes_a_private_one(file: LocalStateFile) -> None:
    assert count(file) == -1
    assert not file.path.parent.exists()
    insert(file)
    assert count(file) == 1
    if sys.platform != "win32":
        assert file.path.stat().st_mode & 0o777 == 0o600
        assert file.path.parent.stat().st_mode & 0o777 == 0o700
    with sqlite3.connect(file.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()
    file.close()


def test_what_is_written_is_seen_by_another_program(file: LocalStateFile) -> None:
    other = LocalStateFile(file.path)
    before = other.version()
    insert(file)
    assert other.version() != before
    assert count(other) == 1
    between = other.version()
    file.write(lambda connection: connection.execute("DELETE FROM group_marks"))
    assert other.version() != between
    assert count(other) == 0
    file.close()
    other.close()


def test_a_failed_change_leaves_nothing(file: LocalStateFile) -> None:
    def change(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT)
        raise KeyError

    with pytest.raises(KeyError):
        file.write(change)
    assert count(file) == 0
    insert(file)
    assert count(file) == 1
    file.close()


def test_two_programs_may_make_it_at_once(file: LocalStateFile) -> None:
    files = [LocalStateFile(file.path) for _number in range(4)]
    errors: list[BaseException] = []

    def write(each: LocalStateFile) -> None:
        try:
            each.write(lambda connection: connection.execute("SELECT 1"))
        except LocalStateError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(each,)) for each in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    insert(file)
    assert [count(each) for each in files] == [1] * 4
    for each in (*files, file):
        each.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"x" * 99]
)
def test_a_damaged_file_is_left_as_it_is(file: LocalStateFile, content: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    for use in (count, insert):
        with pytest.raises(LocalStateError, match="damaged") as caught:
            use(file)
        assert str(file.path) in caught.value.detail
        assert "Move the file away" in caught.value.advice
    assert file.path.read_bytes() == content


def test_a_file_of_a_newer_version_is_left_as_it_is(file: LocalStateFile) -> None:
    insert(file)
    file.close()
    with sqlite3.connect(file.path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    for use in (count, insert):
        with pytest.raises(LocalStateError, match="newer version"):
            use(file)
    with sqlite3.connect(file.path) as connection:
        assert connection.execute("SELECT count(*) FROM group_marks").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [f"PRAGMA user_version = {len(MIGRATIONS) + 1}", "CREATE TABLE group_marks (other TEXT)"],
)
def test_not_a_byte_of_a_file_is_changed_that_cannot_be_used(
    file: LocalStateFile, statement: str
) -> None:
    file.path.parent.mkdir()
    with sqlite3.connect(file.path) as connection:
        connection.execute("CREATE TABLE others (text TEXT)")
        connection.execute(statement)
    connection.close()
    before = file.path.read_bytes()
    for use in (count, insert):
        with pytest.raises(LocalStateError):
            use(file)
    assert file.path.read_bytes() == before


def test_a_locked_file_is_waited_for_and_then_reported(
    file: LocalStateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "BUSY_TIMEOUT_S", 0.05)
    insert(file)
    holder = sqlite3.connect(file.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LocalStateError, match="locked"):
        file.write(lambda connection: connection.execute("DELETE FROM group_marks"))
    assert count(file) == 1  # reading goes on
    holder.execute("ROLLBACK")
    holder.close()
    file.write(lambda connection: connection.execute("DELETE FROM group_marks"))
    assert count(file) == 0
    file.close()


def test_a_file_that_another_program_is_changing_is_opened(file: LocalStateFile) -> None:
    insert(file)
    file.close()
    holder = sqlite3.connect(file.path, isolation_level=None)
    assert holder.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    holder.execute("BEGIN IMMEDIATE")
    assert count(file) == 1
    holder.execute("ROLLBACK")
    holder.close()
    file.close()
    assert count(file) == 1
    with sqlite3.connect(file.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    file.close()


def test_something_else_in_its_place_is_reported(file: LocalStateFile) -> None:
    file.path.mkdir(parents=True)
    for use in (count, insert):
        with pytest.raises(LocalStateError):
            use(file)


def test_a_file_that_is_moved_away_begins_anew(file: LocalStateFile) -> None:
    insert(file)
    file.path.rename(file.path.with_suffix(".old"))
    assert count(file) == -1
    file.write(lambda connection: connection.execute("SELECT 1"))
    assert count(file) == 0
    file.close()


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files of a process")
def test_a_full_disk_is_reported_and_nothing_is_half_written(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.local_state.state_file import LocalStateFile

insert = "INSERT INTO group_marks VALUES (?, 1, 'note', 1.0, 'bob', ?)"
file = LocalStateFile(Path(sys.argv[1]))
file.write(lambda connection: connection.execute(insert, ("first", "x")))
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
try:
    file.write(lambda connection: connection.execute(insert, ("second", "x" * 400_000)))
except LocalStateError as error:
    print(error.title, "|", error.advice)
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
print(file.read(lambda c: c.execute("SELECT group_id FROM group_marks").fetchall(), []))
file.write(lambda connection: connection.execute(insert, ("third", "x")))
print(file.read(lambda c: c.execute("SELECT group_id FROM group_marks").fetchall(), []))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "state.sqlite3")],
        capture_output=True,
        text=True,
        check=True,
    )
    told, after, later = done.stdout.splitlines()
    assert told.startswith("The local state cannot be used | Free space on the disk of")
    assert after == "[('first',)]"
    assert later == "[('first',), ('third',)]"


def test_each_profile_has_a_file_of_its_own(tmp_path: Path) -> None:
    profiles = [
        Profile("Production"),
        Profile("production"),
        Profile("../../etc/passwd"),
        Profile("Київ"),
        server_profile("nats://host:4222"),
        server_profile("nats://other:4222"),
    ]
    paths = [state_file_path(tmp_path, each) for each in profiles]
    assert len(set(paths)) == len(paths)
    assert {path.parent for path in paths} == {tmp_path}
    assert paths[0].name.startswith("production-")
    with_login = server_profile("nats://bob:secret@host:4222")
    assert state_file_path(tmp_path, with_login) == paths[4]
    assert state_file_path(tmp_path, server_profile("HOST")) == paths[4]


def test_a_statement_may_be_repeated_for_ever(
    file: LocalStateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "_MAX_STEPS", 5_000)
    monkeypatch.setattr(state_file, "_COUNTED_STEPS", 1_000)
    insert(file)
    for _ in range(1_000):
        assert count(file) == 1
        file.version()


def test_a_transaction_that_takes_too_long_is_refused(
    file: LocalStateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "_MAX_STEPS", 5_000)
    monkeypatch.setattr(state_file, "_COUNTED_STEPS", 1_000)
    insert(file)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(LocalStateError, match="damaged"):
        file.read(lambda connection: connection.execute(endless).fetchone(), None)
    assert count(file) == 1


def test_what_another_program_wrote_while_the_file_was_locked_is_seen(
    file: LocalStateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "BUSY_TIMEOUT_S", 0.05)
    insert(file)
    before = file.version()
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute(INSERT.replace("'a'", "'b'"))
    with pytest.raises(LocalStateError, match="locked"):
        insert(file)
    other.execute("COMMIT")
    other.close()
    assert file.version() != before


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission")
@pytest.mark.parametrize("target", ["state.sqlite3", "nothing"])
def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, target: str) -> None:
    path = tmp_path / "state.sqlite3"
    path.symlink_to(target)
    for use in (count, insert, LocalStateFile.version):
        with pytest.raises(LocalStateError, match="symbolic link"):
            use(LocalStateFile(path))
    assert path.is_symlink()
