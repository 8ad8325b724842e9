"""The tables of the local state, and whether a file has them.

A view or a trigger in their place may do anything, such as never end.
"""

import contextlib
import functools
import sqlite3
from collections.abc import Sequence
from typing import Final

_MAX_TABLES: Final = 100

_Schema = frozenset[tuple[str, str, str]]
"""Type, name and statement of each table, view and trigger."""


def has_own_tables(connection: sqlite3.Connection, migrations: Sequence[str]) -> bool:
    """Return whether a file has the tables that migrations make, and no views and triggers.

    Args:
        connection: to the file.
        migrations: statements that make the tables.
    """
    found = _schema(connection)
    are_tables = all(kind == "table" for kind, _name, _statement in found)
    return are_tables and len(found) <= _MAX_TABLES and _own_schema(migrations) <= found


def _schema(connection: sqlite3.Connection) -> _Schema:
    """Return what there is, of too much only some."""
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type != 'index' AND sql IS NOT NULL"
        " LIMIT ?",
        (_MAX_TABLES + 1,),
    ).fetchall()
    return frozenset((kind, name, " ".join(str(sql).split())) for kind, name, sql in rows)


@functools.cache
def _own_schema(migrations: Sequence[str]) -> _Schema:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for migration in migrations:
            connection.executescript(migration)
        return _schema(connection)
