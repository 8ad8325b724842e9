"""Moves the local state of a profile that gets another name.

The rows are copied into the file of the new name and removed from the former one, which from then
on says where they are. No file is renamed: SQLite's `-wal` and `-shm` belong to a name, and other
programs may have the former file open. They find the note in their next transaction and go on in
the other file, so that nothing they write is lost.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.local_state.state_file import LocalStateFile, state_file_path
from pulse_desktop.text.translation import _

_Rows = Mapping[str, Sequence[tuple[object, ...]]]
"""Of each table."""

TABLES: Final = {
    "group_marks": (
        "SELECT * FROM group_marks",
        "DELETE FROM group_marks",
        "INSERT INTO group_marks VALUES (?, ?, ?, ?, ?, ?)",
    ),
}
"""Statements that read, remove and add the rows of each table that moves."""


def move_local_state(folder: Path, former: Profile, name: str) -> None:
    """Let what this machine keeps of a profile follow it to another name. Blocks.

    Args:
        folder: of all profiles.
        former: the profile under its former name.
        name: its new name.

    Raises:
        LocalStateError: it cannot be moved, or there is something of that name already. The former
            name keeps all of it; the move can be repeated.
    """
    source = LocalStateFile(state_file_path(folder, former))
    target = LocalStateFile(state_file_path(folder, replace(former, name=name)))
    if source.path == target.path:
        return

    def move(connection: sqlite3.Connection) -> None:
        # Nobody else writes to the former file until it says where the rows are. They are stored in
        # the other one first: if the computer fails in between, they are in both.
        rows = _rows(connection)
        target.write(lambda other: _insert(other, rows, target.path))
        for _select, delete, _insert_row in TABLES.values():
            connection.execute(delete)
        connection.execute("INSERT INTO moved_to VALUES (?, ?)", (target.path.name, time.time()))

    try:
        source.write(move)
    finally:
        source.close()
        target.close()


def _rows(connection: sqlite3.Connection) -> _Rows:
    return {
        table: connection.execute(select).fetchall()
        for table, (select, _delete, _insert_row) in TABLES.items()
    }


def _insert(connection: sqlite3.Connection, rows: _Rows, path: Path) -> None:
    if not any(rows.values()):
        return
    present = _rows(connection)
    if not _is_copy(present, rows):
        raise LocalStateError(
            _("The marks of the connection stay under its former name"),
            _("{path} has marks of another connection that had this name.").format(path=path),
            _("To keep these, move that file away, rename the connection back, and then again."),
        )
    for table, values in rows.items():
        missing = set(values).difference(present[table])
        connection.executemany(TABLES[table][-1], missing)


def _is_copy(present: _Rows, rows: _Rows) -> bool:
    """Whether an earlier move that was cut off stored the rows that are present.

    Marks may have been set under the former name since then.
    """
    return all(set(present[table]) <= set(rows[table]) for table in rows)
