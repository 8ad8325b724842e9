"""The SQLite file with the local state of one profile.

It is made with the first thing that is kept. Several programs may have it open: it is in WAL mode,
and each change is one transaction. A file that cannot be used is never replaced or changed: the
error says what is wrong with it and what to do.
"""

import contextlib
import errno
import hashlib
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.same_servers import servers_without_login
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.regular_file import check_regular
from pulse_desktop.text.translation import _

MAX_BYTES: Final = 64 << 20
BUSY_TIMEOUT_S: Final = 3.0
_PAGE_BYTES: Final = 4096
_MAX_SLUG: Final = 40
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")

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
)
"""What makes each version of the file from the one before."""

Value = TypeVar("Value")


class LocalStateError(UserFacingError):
    """The local state cannot be read or written."""


class LocalStateFile:
    """The file of one profile. Its methods block, and may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Describe a file, which may not exist yet.

        Args:
            path: of the file.
        """
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def read(self, work: Callable[[sqlite3.Connection], Value], default: Value) -> Value:
        """Read from the file.

        Args:
            work: reads; called within a transaction.
            default: returned while there is no file.

        Raises:
            LocalStateError: it cannot be read.
        """
        with self._lock, self._explained():
            if not self.path.exists():
                self._disconnect()
                return default
            return self._in_transaction("BEGIN", work)

    def write(self, work: Callable[[sqlite3.Connection], Value]) -> Value:
        """Change the file, all or nothing; make it if there is none.

        Raises:
            LocalStateError: it cannot be written.
        """
        with self._lock, self._explained():
            self._create()
            return self._in_transaction("BEGIN IMMEDIATE", work)

    def version(self) -> object:
        """Return a value that differs after another program has changed the file.

        Raises:
            LocalStateError: it cannot be read.
        """
        with self._lock, self._explained():
            if not self.path.exists():
                self._disconnect()
                return None
            connection = self._connect()
            return self._identity, connection.execute("PRAGMA data_version").fetchone()

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
        with _transaction(connection, begin):
            return work(connection)

    def _connect(self) -> sqlite3.Connection:
        check_regular(self.path)
        status = self.path.stat()
        identity = (status.st_dev, status.st_ino)
        if self._connection is not None and identity == self._identity:
            return self._connection
        self._disconnect()  # another file is in its place
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA max_page_count = {MAX_BYTES // _PAGE_BYTES}")
            self._migrate(connection)
            _set_wal_mode(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity = connection, identity
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring the file to the latest version; refuse one of a newer program."""
        if _version(connection) == len(MIGRATIONS):
            return
        with _transaction(connection, "BEGIN IMMEDIATE"):
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
        except sqlite3.Error as error:
            self._disconnect()
            raise _explain(self.path, error) from error
        except OSError as error:
            self._disconnect()
            raise LocalStateError(
                _("The local state cannot be used"),
                f"{error.filename or self.path}: {error.strerror or error}.",
                _disk_advice(self.path) if error.errno in _FULL else _access_advice(self.path),
            ) from error


_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_CODES: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED_CODES: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
)
"""SQLITE_ERROR: a table is missing, or one exists that a version would make."""


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
        if _kind(error) not in _BUSY_CODES:
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


def damaged(reason: str) -> LocalStateError:
    """Return the error of a file that no program of ours has written so."""
    return LocalStateError(
        _("The local state is damaged"),
        reason,
        _("It was left as it is. Move the file away to begin without it."),
    )


def _kind(error: sqlite3.Error) -> int:
    """Return the code of an error without what says more about it, all but the lowest byte."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _explain(path: Path, error: sqlite3.Error) -> LocalStateError:
    code = _kind(error)
    reason = _("{path}: {reason}.").format(path=path, reason=error)
    if code in _BUSY_CODES:
        return LocalStateError(
            _("The local state is locked"),
            _("Another program has held {path} for {seconds:g} s.").format(
                path=path, seconds=BUSY_TIMEOUT_S
            ),
            _("Try again; end that program if it does not answer."),
        )
    if code in _DAMAGED_CODES:
        return damaged(reason)
    if code in _FULL_CODES:
        return LocalStateError(_("The local state cannot be written"), reason, _disk_advice(path))
    return LocalStateError(_("The local state cannot be used"), reason, _access_advice(path))


def _disk_advice(path: Path) -> str:
    return _("Free space on the disk of {folder}, then try again.").format(folder=path.parent)


def _access_advice(path: Path) -> str:
    return _("Make {folder} readable and writable, or set PULSE_DATA_DIR to another one.").format(
        folder=path.parent
    )
