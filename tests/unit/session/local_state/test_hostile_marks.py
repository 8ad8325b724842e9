"""Marks and files of the local state that no program of ours makes."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pulse_desktop.model.group_marks import MAX_NOTE, Mark, MarkKind
from pulse_desktop.protocol.timestamps import LATEST
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.local_state.state_file import LocalStateFile


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
        "DROP TABLE group_marks",
        "PRAGMA user_version = 0",
    ],
)
def test_a_file_with_other_values_or_tables_is_damaged(tmp_path: Path, change: str) -> None:
    path = tmp_path / "s"
    with closing(LocalStateFile(path)) as file:
        MarkTable(file).put("g", MarkKind.NOTE, Mark(1.0, "me", "a"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)
    with closing(LocalStateFile(path)) as file, pytest.raises(LocalStateError, match="damaged"):
        MarkTable(file).load()


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
