"""Marks of failure groups in the local state."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pulse_desktop.model.group_marks import MAX_NOTE, GroupMarks, Mark, MarkKind
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_file import LocalStateFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LocalStateFile]:
    with closing(LocalStateFile(tmp_path / "state.sqlite3")) as file:
        yield file


def test_marks_are_set_replaced_and_removed(file: LocalStateFile) -> None:
    table = MarkTable(file)
    assert table.load() == {}
    table.put("a", MarkKind.MUTED, Mark(1.0, "bob@host"))
    table.put("a", MarkKind.NOTE, Mark(2.0, "ann@host", "waits for “ops”; 'quoted'"))
    table.put("b", MarkKind.RESOLVED, Mark(3.0, "bob@host"))
    with closing(LocalStateFile(file.path)) as other:
        assert MarkTable(other).load() == {
            "a": GroupMarks(
                muted=Mark(1.0, "bob@host"),
                note=Mark(2.0, "ann@host", "waits for “ops”; 'quoted'"),
            ),
            "b": GroupMarks(resolved=Mark(3.0, "bob@host")),
        }
    table.put("a", MarkKind.NOTE, Mark(4.0, "ann@host", "x" * (MAX_NOTE + 5)))
    table.put("a", MarkKind.MUTED, None)
    table.put("b", MarkKind.RESOLVED, None)
    assert table.load() == {"a": GroupMarks(note=Mark(4.0, "ann@host", "x" * MAX_NOTE))}
    file.close()


def test_of_too_many_marks_the_oldest_are_removed(file: LocalStateFile) -> None:
    table = MarkTable(file, max_marks=3)
    for number in range(6):
        table.put(f"g{number}", MarkKind.MUTED, Mark(float(number), "bob"))
    assert sorted(table.load()) == ["g3", "g4", "g5"]
    file.close()


def test_marks_of_another_way_of_grouping_are_kept_and_not_shown(file: LocalStateFile) -> None:
    table = MarkTable(file)
    table.put("a", MarkKind.MUTED, Mark(1.0, "bob"))
    row = "('a', 2, 'muted', 9.0, 'bob', '')"
    file.write(lambda connection: connection.execute(f"INSERT INTO group_marks VALUES {row}"))
    table.put("a", MarkKind.MUTED, None)
    assert table.load() == {}
    kept = file.read(
        lambda connection: connection.execute("SELECT count(*) FROM group_marks").fetchone(), None
    )
    assert kept == (1,)
    file.close()
