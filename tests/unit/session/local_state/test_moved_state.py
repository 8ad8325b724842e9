"""What is kept of a profile follows it to another name, whichever programs have it open."""

import itertools
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pulse_desktop.model.group_marks import Mark, MarkKind
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.session.local_state import moved_state, state_file
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.moved_state import move_local_state
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.local_state.state_file import (
    MIGRATIONS,
    LocalStateFile,
    state_file_path,
)

SHOP, EU = Profile("shop"), Profile("shop eu")
MARK = Mark(1.0, "ann@host", "a note")
OTHER_PROGRAM = """
import sys
from pathlib import Path
from pulse_desktop.model.group_marks import Mark, MarkKind
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_file import LocalStateFile
table = MarkTable(LocalStateFile(Path(sys.argv[1])))
table.load()
print("ready", flush=True)
for line in sys.stdin:
    first, last = map(int, line.split())
    for number in range(first, last):
        table.put(f"{number:012x}", MarkKind.MUTED, Mark(2.0, "other"))
        print(number, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profiles"


def marks(folder: Path, profile: Profile) -> set[str]:
    with closing(LocalStateFile(state_file_path(folder, profile))) as file:
        return set(MarkTable(file).load())


def put(folder: Path, profile: Profile, group_id: str) -> None:
    with closing(LocalStateFile(state_file_path(folder, profile))) as file:
        MarkTable(file).put(group_id, MarkKind.NOTE, MARK)


class OtherProgram:
    """A process that has the file of a profile open, and sets marks when it is told to."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", OTHER_PROGRAM, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "ready"

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def begin(self, first: int, last: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{first} {last}\n")
        self._process.stdin.flush()

    def end(self) -> None:
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


@pytest.fixture
def other(folder: Path) -> Iterator[OtherProgram]:
    program = OtherProgram(state_file_path(folder, SHOP))
    yield program
    program.end()


def test_marks_follow_a_profile_to_another_name_and_back(folder: Path) -> None:
    put(folder, SHOP, "a" * 12)
    move_local_state(folder, SHOP, "shop eu")
    assert (marks(folder, EU), marks(folder, SHOP)) == ({"a" * 12}, set())
    with closing(LocalStateFile(state_file_path(folder, EU))) as file:
        assert MarkTable(file).load()["a" * 12].of(MarkKind.NOTE) == MARK
    move_local_state(folder, EU, "shop")
    assert (marks(folder, EU), marks(folder, SHOP)) == (set(), {"a" * 12})
    move_local_state(folder, SHOP, "shop")
    assert marks(folder, SHOP) == {"a" * 12}


def test_a_program_that_has_the_file_open_goes_on_in_the_other_one(
    folder: Path, other: OtherProgram
) -> None:
    put(folder, SHOP, "a" * 12)
    other.begin(0, 1)
    assert other.line() == "0"
    move_local_state(folder, SHOP, "shop eu")
    other.begin(1, 2)
    assert other.line() == "1"
    assert marks(folder, EU) == {"a" * 12, f"{0:012x}", f"{1:012x}"}
    move_local_state(folder, EU, "europe")
    other.begin(2, 3)
    assert other.line() == "2"
    assert len(marks(folder, Profile("europe"))) == 4
    assert marks(folder, SHOP) == marks(folder, EU) == set()


def test_a_program_that_had_no_file_yet_sets_its_first_mark_under_the_new_name(
    folder: Path, other: OtherProgram
) -> None:
    assert not state_file_path(folder, SHOP).exists()
    move_local_state(folder, SHOP, "shop eu")
    other.begin(0, 1)
    assert other.line() == "0"
    assert (marks(folder, EU), marks(folder, SHOP)) == ({f"{0:012x}"}, set())


def test_nothing_is_lost_that_is_written_while_the_profile_is_renamed(
    folder: Path, other: OtherProgram
) -> None:
    many, names = 150, ["shop", "shop eu", "europe", "shop", "shop us"]
    other.begin(0, many)
    assert other.line() == "0"
    for former, name in itertools.pairwise(names):
        while int(other.line()) % 25:
            pass
        move_local_state(folder, Profile(former), name)
    while other.line() != str(many - 1):
        pass
    assert marks(folder, Profile("shop us")) == {f"{number:012x}" for number in range(many)}


def test_a_window_sees_the_marks_after_the_rename(folder: Path) -> None:
    put(folder, SHOP, "a" * 12)
    with closing(LocalStateFile(state_file_path(folder, SHOP))) as window:
        before = window.version()
        move_local_state(folder, SHOP, "shop eu")
        put(folder, EU, "b" * 12)
        assert window.version() != before
        assert set(MarkTable(window).load()) == {"a" * 12, "b" * 12}
        assert window.path == state_file_path(folder, EU)


def test_a_new_profile_of_the_former_name_begins_without_marks(folder: Path) -> None:
    put(folder, SHOP, "a" * 12)
    move_local_state(folder, SHOP, "shop eu")
    with closing(LocalStateFile(state_file_path(folder, SHOP))) as new:
        for _time in range(2):  # looking at it twice makes it no program from before
            new.version()
            assert MarkTable(new).load() == {}
        MarkTable(new).put("c" * 12, MarkKind.MUTED, MARK)
        assert set(MarkTable(new).load()) == {"c" * 12}
    assert (marks(folder, SHOP), marks(folder, EU)) == ({"c" * 12}, {"a" * 12})


def test_marks_of_the_new_name_are_not_overwritten(folder: Path) -> None:
    put(folder, SHOP, "a" * 12)
    put(folder, EU, "b" * 12)
    with pytest.raises(LocalStateError) as error:
        move_local_state(folder, SHOP, "shop eu")
    assert str(state_file_path(folder, EU)) in error.value.detail
    assert (marks(folder, SHOP), marks(folder, EU)) == ({"a" * 12}, {"b" * 12})


def test_a_file_that_cannot_be_used_changes_nothing(folder: Path) -> None:
    put(folder, SHOP, "a" * 12)
    target = state_file_path(folder, EU)
    target.write_bytes(b"no database" * 1000)
    with pytest.raises(LocalStateError, match="damaged"):
        move_local_state(folder, SHOP, "shop eu")
    assert marks(folder, SHOP) == {"a" * 12}
    assert target.read_bytes() == b"no database" * 1000


def test_a_move_that_was_cut_off_can_be_repeated(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, SHOP, "a" * 12)
    select, _delete, insert = moved_state.TABLES["group_marks"]
    broken = {"group_marks": (select, "DELETE FROM nothing", insert)}
    monkeypatch.setattr(moved_state, "TABLES", broken)
    with pytest.raises(LocalStateError):
        move_local_state(folder, SHOP, "shop eu")
    assert marks(folder, SHOP) == marks(folder, EU) == {"a" * 12}

    monkeypatch.undo()
    put(folder, SHOP, "b" * 12)
    move_local_state(folder, SHOP, "shop eu")
    assert (marks(folder, SHOP), marks(folder, EU)) == (set(), {"a" * 12, "b" * 12})


def test_a_copy_that_has_changed_since_is_not_overwritten(folder: Path) -> None:
    put(folder, SHOP, "a" * 12)
    with closing(LocalStateFile(state_file_path(folder, EU))) as file:
        MarkTable(file).put("a" * 12, MarkKind.NOTE, replace(MARK, text="another note"))
    with pytest.raises(LocalStateError, match="former name"):
        move_local_state(folder, SHOP, "shop eu")
    assert marks(folder, SHOP) == {"a" * 12}


def test_profiles_of_other_systems_stay_apart(folder: Path) -> None:
    acme = replace(SHOP, names=replace(SHOP.names, subject_prefix="acme."))
    put(folder, SHOP, "a" * 12)
    put(folder, acme, "b" * 12)
    move_local_state(folder, acme, "shop eu")
    assert marks(folder, SHOP) == {"a" * 12}
    assert marks(folder, replace(acme, name="shop eu")) == {"b" * 12}


@pytest.mark.parametrize("name", ["../other.sqlite3", "", "/etc/passwd", 5, b"a.sqlite3"])
def test_a_file_that_moved_to_no_file_of_ours_is_damaged(folder: Path, name: object) -> None:
    put(folder, SHOP, "a" * 12)
    path = state_file_path(folder, SHOP)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO moved_to VALUES (?, ?)", (name, time.time()))
    with closing(LocalStateFile(path)) as file, pytest.raises(LocalStateError, match="damaged"):
        MarkTable(file).load()


def test_files_that_lead_to_each_other_are_damaged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [state_file_path(folder, profile) for profile in (SHOP, EU)]
    for profile, path in zip((SHOP, EU), reversed(paths), strict=True):
        put(folder, profile, "a" * 12)
        with closing(sqlite3.connect(state_file_path(folder, profile))) as connection, connection:
            connection.execute("INSERT INTO moved_to VALUES (?, ?)", (path.name, 1e12))
    with closing(LocalStateFile(paths[0])) as file, pytest.raises(LocalStateError, match="damaged"):
        MarkTable(file).load()


def test_a_file_from_before_files_could_move_is_moved(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(state_file, "MIGRATIONS", MIGRATIONS[:1])
        before.setattr(state_file, "_moved_row", lambda _connection: None)
        put(folder, SHOP, "a" * 12)
    move_local_state(folder, SHOP, "shop eu")
    assert marks(folder, EU) == {"a" * 12}


def test_every_table_moves(folder: Path) -> None:
    put(folder, SHOP, "a" * 12)
    with closing(sqlite3.connect(state_file_path(folder, SHOP))) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert {name for (name,) in found} - {"moved_to"} == set(moved_state.TABLES)
