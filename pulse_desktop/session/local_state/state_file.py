"""The SQLite file with the local state of one profile.

It is made with the first thing that is kept. Several programs may have it open: it is in WAL mode,
and each change is one transaction. A file that cannot be used is never replaced or changed: the
error says what is wrong with it and what to do.

When the profile gets another name, its rows move to the file of that name, and the former file says
so: programs that had it open go on with the other one (see `moved_state`).
"""

import contextlib
import hashlib
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pulse_desktop.model.same_servers import servers_without_login
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.regular_file import check_regular
from pulse_desktop.session.local_state.state_errors import (
    BUSY_TIMEOUT_S,
    LocalStateError,
    damaged,
    explain,
    is_busy,
)
from pulse_desktop.session.local_state.state_schema import has_own_tables
from pulse_desktop.text.translation import _

MAX_BYTES: Final = 64 << 20
_MAX_FILE_BYTES: Final = 2 * MAX_BYTES
"""SQLite may be somewhat above `MAX_BYTES`; a larger file is none of ours."""
_MAX_STEPS: Final = 20_000_000
"""Of a transaction; one that changes as many marks as are kept takes less than a tenth."""
_COUNTED_STEPS: Final = 100_000
"""SQLite reports so many at a time. It counts those of a statement over all of its uses."""
_PAGE_BYTES: Final = 4096
_MAX_SLUG: Final = 40
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_FILE_NAME: Final = re.compile(r"[a-z0-9-]+\.sqlite3")
_MAX_MOVES: Final = 100
_READ: Final = "BEGIN"
_WRITE: Final = "BEGIN IMMEDIATE"

MIGRATIONS: Final[Sequence[str]] = (
    """
    CREATE TABLE group_marks (
        group_id TEXT NOT NULL,
        fingerprint_version INTEGER NOT NULL,
        kind TEXT NOT NULL,
        at REAL NOT NULL,
        by TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (group_id, fingerprint_version, kind)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE moved_to (file TEXT NOT NULL, at REAL NOT NULL);
    """,
)
"""What makes each version of the file from the one before."""

Value = TypeVar("Value")


class _MovedError(Exception):
    """The rows are in another file now."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path


class LocalStateFile:
    """The file of one profile. Its methods block, and may be called from any thread.

    Attributes:
        path: of the file; another one after the profile was renamed.
    """

    def __init__(self, path: Path) -> None:
        """Describe a file, which may not exist yet.

        Args:
            path: of the file.
        """
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._opened = 0  # times that the file was opened
        self._steps = 0  # of SQLite in the present transaction
        self._used: tuple[int, int] | None = None
        """Identity of the file that was in use by this object before it moved."""
        self._described_at = time.time()

    def read(self, work: Callable[[sqlite3.Connection], Value], default: Value) -> Value:
        """Read from the file.

        Args:
            work: reads; called within a transaction.
            default: returned while there is no file.

        Raises:
            LocalStateError: it cannot be read.
        """

        def attempt() -> Value:
            if not os.path.lexists(self.path):  # a broken link is refused
                self._disconnect()
                return default
            return self._in_transaction(_READ, work)

        with self._lock, self._explained():
            return self._followed(attempt)

    def write(self, work: Callable[[sqlite3.Connection], Value]) -> Value:
        """Change the file, all or nothing; make it if there is none.

        Raises:
            LocalStateError: it cannot be written.
        """

        def begin_anew(connection: sqlite3.Connection) -> Value:
            if _moved_row(connection) is not None:  # a new profile of the former name
                connection.execute("DELETE FROM moved_to")
            return work(connection)

        def attempt() -> Value:
            self._create()
            return self._in_transaction(_WRITE, begin_anew)

        with self._lock, self._explained():
            return self._followed(attempt)

    def version(self) -> object:
        """Return a value that differs after another program has changed the file.

        Raises:
            LocalStateError: it cannot be read.
        """

        def attempt() -> object:
            if not os.path.lexists(self.path):  # a broken link is refused
                self._disconnect()
                return None
            self._in_transaction(_READ, lambda _connection: None)
            connection = self._connect()
            # The number is of the connection: another one begins to count anew.
            data_version = connection.execute("PRAGMA data_version").fetchone()
            return self._identity, self._opened, data_version

        with self._lock, self._explained():
            return self._followed(attempt)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._disconnect()

    def _create(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _in_transaction(self, begin: str, work: Callable[[sqlite3.Connection], Value]) -> Value:
        connection = self._connect()
        self._steps = 0
        with _transaction(connection, begin):
            self._check_tables(connection)
            is_moved = self._check_moved(connection)
            value = work(connection)
        if not is_moved or begin == _WRITE:
            self._used = self._identity
        return value

    def _followed(self, attempt: Callable[[], Value]) -> Value:
        """Return what an attempt returns, in another file if the rows have moved there."""
        for _number in range(_MAX_MOVES):
            try:
                return attempt()
            except _MovedError as moved:
                self._disconnect()
                self.path = moved.path
        raise damaged(_("{path}: it has moved too often.").format(path=self.path))

    def _check_moved(self, connection: sqlite3.Connection) -> bool:
        """Return whether the rows of a former profile have moved from here to another file.

        Raises:
            _MovedError: they are those of this profile. An object that was made and has used the
                file only since then is of a new profile that has the former name.
        """
        row = _moved_row(connection)
        if row is None:
            return False
        name, at = row
        if type(name) is not str or type(at) is not float or not _FILE_NAME.fullmatch(name):
            raise damaged(_("{path}: it has moved to no file.").format(path=self.path))
        if self._used == self._identity or self._described_at <= at:
            raise _MovedError(self.path.with_name(name))
        return True

    def _check_tables(self, connection: sqlite3.Connection) -> None:
        """Refuse a file that has other tables than the migrations make."""
        if not has_own_tables(connection, MIGRATIONS):
            raise damaged(
                _("{path}: its tables are not those of this program.").format(path=self.path)
            )

    def _connect(self) -> sqlite3.Connection:
        check_regular(self.path)
        status = self.path.stat()
        if status.st_size > _MAX_FILE_BYTES:
            raise damaged(_("{path}: it is too large.").format(path=self.path))
        identity = (status.st_dev, status.st_ino)
        if self._connection is not None and identity == self._identity:
            return self._connection
        self._disconnect()  # another file is in its place
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._steps = 0
            connection.set_progress_handler(self._takes_too_long, _COUNTED_STEPS)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA max_page_count = {MAX_BYTES // _PAGE_BYTES}")
            self._migrate(connection)
            _set_wal_mode(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity = connection, identity
        self._opened += 1
        return connection

    def _takes_too_long(self) -> bool:
        """Return whether SQLite should end a transaction, after some more steps of it."""
        self._steps += _COUNTED_STEPS
        return self._steps > _MAX_STEPS

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring the file to the latest version; refuse one of a newer program."""
        if _version(connection) == len(MIGRATIONS):
            return
        with _transaction(connection, _WRITE):
            version = _version(connection)  # another program may have been faster
            _check_version(self.path, version)
            for number in range(version, len(MIGRATIONS)):
                for statement in MIGRATIONS[number].split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1}")

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = self._identity = None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise errors of the file with a text for the operator."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            raise explain(self.path, error) from error


def _moved_row(connection: sqlite3.Connection) -> tuple[object, object] | None:
    row: tuple[object, object] | None = connection.execute(
        "SELECT file, at FROM moved_to"
    ).fetchone()
    return row


def state_file_path(folder: Path, profile: Profile) -> Path:
    """Return the path of a profile's file: it has the profile's name, else that of its server.

    Args:
        folder: of all profiles.
        profile: of a connection; a login in an address makes no difference.
    """
    name = profile.name or servers_without_login(profile.options.servers)
    slug = _NOT_IN_NAMES.sub("-", name.casefold()).strip("-")[:_MAX_SLUG] or "profile"
    kind = "profile" if profile.name else "server"
    subject_prefix = profile.names.subject_prefix
    text = "\x1f".join((kind, name, subject_prefix)).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=4).hexdigest()
    return folder / f"{slug}-{digest}.sqlite3"


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _set_wal_mode(connection: sqlite3.Connection) -> None:
    """Set the mode, which is kept in the file: call it only for one that can be used.

    SQLite waits for no other program here, and works in the mode before as well: the next time that
    the file is opened sets it.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _check_version(path: Path, version: int) -> None:
    if version < 0:
        raise damaged(_("{path} has the version {version}.").format(path=path, version=version))
    if version > len(MIGRATIONS):
        raise LocalStateError(
            _("The local state is of a newer version"),
            _("{path} was written by a newer version of this program.").format(path=path),
            _("Use that version, or move the file away to begin without it."),
        )
