"""Marks and files of the local state that no program of ours makes."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pulse_desktop.model.group_marks import MAX_NOTE, Mark, MarkKind
from pulse_desktop.protocol.timestamps import LATEST
from pulse_desktop.query.fingerprint import FINGERPRINT_VERSION
from pulse_desktop.session.local_state.mark_table import MAX_MARKS, MarkTable
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.local_state.state_file import LocalStateFile

ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT i AS group_id, 1 AS fingerprint_version, 'note' AS kind, 1.0 AS at, '' AS by,"
    " '' AS text, '' AS file FROM n"
)


def test_a_note_that_is_no_utf8_is_kept_as_far_as_it_can_be(tmp_path: Path) -> None:
    with closing(LocalStateFile(tmp_path / "s")) as file:
        table = MarkTable(file)
        table.put("g", MarkKind.NOTE, Mark(1.0, "me\udcff", "a\udcffb"))
        found = table.load()["g"].note
    assert found == Mark(1.0, "me?", "a?b")


def test_a_file_with_a_negative_version_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = -3")
    with closing(LocalStateFile(path)) as file, pytest.raises(LocalStateError, match="damaged"):
        MarkTable(file).load()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE group_marks SET at = 'abc'",
        "UPDATE group_marks SET at = 9e999",
        "UPDATE group_marks SET at = -9e999",
        "UPDATE group_marks SET at = -1e300",
        "UPDATE group_marks SET at = -1.0",
        "UPDATE group_marks SET at = 4102444801.0",
        "UPDATE group_marks SET text = x'ff'",
        "UPDATE group_marks SET text = CAST(x'ff' AS TEXT)",
        "DROP TABLE group_marks",
        "DROP TABLE moved_to",
        f"DROP TABLE group_marks; CREATE VIEW group_marks AS {ENDLESS}",
        f"DROP TABLE moved_to; CREATE VIEW moved_to AS {ENDLESS}",
        f"CREATE TRIGGER t BEFORE INSERT ON group_marks BEGIN SELECT max(at) FROM ({ENDLESS}); END",
        "ALTER TABLE group_marks ADD COLUMN more",
        "PRAGMA user_version = 0",
    ],
)
def test_a_file_with_other_values_or_tables_is_damaged(tmp_path: Path, change: str) -> None:
    path = tmp_path / "s"
    with closing(LocalStateFile(path)) as file:
        MarkTable(file).put("g", MarkKind.NOTE, Mark(1.0, "me", "a"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(change)
    before = path.read_bytes()
    with closing(LocalStateFile(path)) as file:
        for _again in range(2):
            with pytest.raises(LocalStateError, match="damaged") as caught:
                MarkTable(file).load()
            assert "Move the file away" in caught.value.advice
    assert path.read_bytes() == before


def test_a_table_that_becomes_another_while_it_is_open_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with closing(LocalStateFile(path)) as file:
        table = MarkTable(file)
        table.put("g", MarkKind.NOTE, Mark(1.0, "me", "a"))
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(
                f"DROP TABLE group_marks; CREATE VIEW group_marks AS {ENDLESS}"
            )
        with pytest.raises(LocalStateError, match="damaged"):
            table.load()
        with pytest.raises(LocalStateError, match="damaged"):
            table.put("g", MarkKind.NOTE, Mark(1.0, "me", "a"))


def test_a_statement_without_an_end_is_ended(tmp_path: Path) -> None:
    with closing(LocalStateFile(tmp_path / "s")) as file:
        MarkTable(file).put("g", MarkKind.NOTE, Mark(1.0, "me", "a"))
        with pytest.raises(LocalStateError, match="damaged"):
            file.read(
                lambda connection: connection.execute(f"SELECT max(at) FROM ({ENDLESS})"), None
            )
        assert MarkTable(file).load() != {}


def test_a_file_that_no_program_of_ours_makes_so_large_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with closing(LocalStateFile(path)) as file:
        MarkTable(file).put("g", MarkKind.NOTE, Mark(1.0, "me", "a"))
    os.truncate(path, 1 << 30)
    with closing(LocalStateFile(path)) as file, pytest.raises(LocalStateError, match="too large"):
        MarkTable(file).load()


def test_the_most_marks_that_are_kept_are_read_and_changed(tmp_path: Path) -> None:
    with closing(LocalStateFile(tmp_path / "s")) as file:
        MarkTable(file).put("g", MarkKind.NOTE, Mark(1.0, "me", "a"))
        rows = [
            (f"{n:032}", FINGERPRINT_VERSION, "note", 2.0, "me", "x" * 200)
            for n in range(MAX_MARKS)
        ]
        file.write(
            lambda c: c.executemany("INSERT INTO group_marks VALUES (?, ?, ?, ?, ?, ?)", rows)
        )
        MarkTable(file).put("h", MarkKind.NOTE, Mark(3.0, "me", "a"))
        assert len(MarkTable(file).load()) == MAX_MARKS


def test_what_is_longer_than_any_note_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with closing(LocalStateFile(path)) as file:
        MarkTable(file).put("g", MarkKind.NOTE, Mark(1.0, "me", "a"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE group_marks SET text = ?, by = ?", ("é" * 100_000, "b" * 9_999))
    with closing(LocalStateFile(path)) as file:
        assert MarkTable(file).load()["g"].note == Mark(1.0, "b" * 500, "é" * MAX_NOTE)


@pytest.mark.parametrize("at", [-5.0, 1e11])
def test_a_mark_of_a_clock_that_is_none_damages_no_file(tmp_path: Path, at: float) -> None:
    with closing(LocalStateFile(tmp_path / "s")) as file:
        MarkTable(file).put("g", MarkKind.MUTED, Mark(at, "me"))
        muted = MarkTable(file).load()["g"].muted
    assert muted is not None
    assert muted.at == min(max(at, 0.0), LATEST)
