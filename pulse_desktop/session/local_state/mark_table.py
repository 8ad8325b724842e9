"""The table of marks of failure groups in the local state."""

import sqlite3
from typing import Final

from pulse_desktop.model.group_marks import (
    MAX_NOTE,
    NO_GROUP_MARKS,
    GroupMarks,
    Mark,
    MarkKind,
)
from pulse_desktop.protocol.timestamps import LATEST
from pulse_desktop.query.fingerprint import FINGERPRINT_VERSION
from pulse_desktop.session.local_state.state_errors import damaged
from pulse_desktop.session.local_state.state_file import LocalStateFile
from pulse_desktop.text.translation import _

MAX_MARKS: Final = 20_000
"""Marks kept; of more than these the oldest are removed."""
_MAX_BY: Final = 500
"""Characters of user and host."""


class MarkTable:
    """The marks of one profile. Its methods block."""

    def __init__(self, file: LocalStateFile, max_marks: int = MAX_MARKS) -> None:
        """Describe the table.

        Args:
            file: of the profile.
            max_marks: number of marks kept.
        """
        self._file = file
        self._max_marks = max_marks

    def load(self) -> dict[str, GroupMarks]:
        """Return the marks of all groups by id.

        Raises:
            LocalStateError: they cannot be read.
        """
        none: list[tuple[str, str, float, str, str]] = []
        rows = self._file.read(lambda connection: _select(connection, self._max_marks), none)
        found: dict[str, GroupMarks] = {}
        for row in rows:
            if tuple(map(type, row)) != _TYPES or not 0.0 <= row[2] <= LATEST:
                raise damaged(_("{path}: a mark has other values.").format(path=self._file.path))
            group_id, kind, at, by, text = row
            if kind in _KINDS:
                marks = found.get(group_id, NO_GROUP_MARKS)
                mark = Mark(at, by[:_MAX_BY], text[:MAX_NOTE])
                found[group_id] = marks.with_mark(MarkKind(kind), mark)
        return found

    def put(self, group_id: str, kind: MarkKind, mark: Mark | None) -> None:
        """Set a mark of a group, or remove it with None.

        Raises:
            LocalStateError: it cannot be written.
        """

        def change(connection: sqlite3.Connection) -> None:
            if mark is None:
                connection.execute(
                    "DELETE FROM group_marks"
                    " WHERE group_id = ? AND fingerprint_version = ? AND kind = ?",
                    (group_id, FINGERPRINT_VERSION, kind),
                )
                return
            connection.execute(
                "INSERT OR REPLACE INTO group_marks VALUES (?, ?, ?, ?, ?, ?)",
                (
                    group_id,
                    FINGERPRINT_VERSION,
                    kind,
                    min(max(mark.at, 0.0), LATEST),
                    _storable(mark.by[:_MAX_BY]),
                    _storable(mark.text[:MAX_NOTE]),
                ),
            )
            connection.execute(
                "DELETE FROM group_marks WHERE (group_id, fingerprint_version, kind) IN"
                " (SELECT group_id, fingerprint_version, kind FROM group_marks"
                " ORDER BY at DESC LIMIT -1 OFFSET ?)",
                (self._max_marks,),
            )

        self._file.write(change)


def _storable(text: str) -> str:
    """Return a text without surrogates: an argument that is no UTF-8 has some."""
    return text.encode("utf-8", "replace").decode()


_KINDS: Final = frozenset(MarkKind)
_TYPES: Final = (str, str, float, str, str)


def _select(connection: sqlite3.Connection, limit: int) -> list[tuple[str, str, float, str, str]]:
    return connection.execute(
        "SELECT group_id, kind, at, by, text FROM group_marks WHERE fingerprint_version = ?"
        " LIMIT ?",
        (FINGERPRINT_VERSION, limit),
    ).fetchall()
