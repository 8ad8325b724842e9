"""Data folder of the embedded stack: its data, logs and locks, one folder per user."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.folder_safety import (
    NotAFolderError,
    check_own_file,
    create_folder,
    make_private,
)
from pulse_desktop.regular_file import NotARegularFileError
from pulse_desktop.settings_folder import DATA_DIR_VARIABLE, PROFILE_DATA
from pulse_desktop.text.translation import _

MIN_FREE_BYTES: Final = 64 << 20
"""With less, JetStream could not store the data of the first minutes."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class DataFolder:
    """The data folder of one embedded stack and the paths in it."""

    root: Path

    @property
    def logs(self) -> Path:
        """Output of every process of the stack, kept between runs, limited in size."""
        return self.root / "logs"

    @property
    def usage_locks(self) -> Path:
        """One lock file per window or command that uses the stack."""
        return self.root / "clients"

    @property
    def jetstream(self) -> Path:
        """Store of nats-server for streams and buckets, kept between runs."""
        return self.root / "jetstream"

    @property
    def server(self) -> Path:
        """Other files of nats-server: configuration, endpoint, ports."""
        return self.root / "server"

    @property
    def server_config(self) -> Path:
        """Configuration file of nats-server; contains the token."""
        return self.server / "nats-server.conf"

    @property
    def server_endpoint(self) -> Path:
        """Endpoint of the last run, so that the next one has the same token and ports."""
        return self.server / "address.json"

    @property
    def server_ports(self) -> Path:
        """Folder of the `*.ports` file in which nats-server writes its URLs."""
        return self.server / "ports"

    @property
    def state_file(self) -> Path:
        """State of the running stack, written by the guardian; contains the token."""
        return self.root / "stack.json"

    @property
    def start_lock(self) -> Path:
        """Held while a process joins, starts or ends the stack."""
        return self.root / "start.lock"

    @property
    def guardian_lock(self) -> Path:
        """Held by the guardian as long as it runs."""
        return self.root / "guardian.lock"

    def log_of(self, process: str) -> Path:
        """Return the current log file of a process such as `worker-1`."""
        return self.logs / f"{process}.log"

    def prepare(self) -> None:
        """Create what is missing, accessible to the owner only, and check that it can be used.

        Raises:
            EmbeddedStackError: the folder cannot be created or written, is not private, holds
                something else in place of a file or folder of ours, or its disk is full.
        """
        try:
            self.prepare_logs()
            for folder in (self.usage_locks, self.server, self.server_ports):
                create_folder(folder)
                make_private(folder)
            if os.path.lexists(self.jetstream):
                create_folder(self.jetstream)
                make_private(self.jetstream)
            for file in self._files():
                check_own_file(file)
            self._probe(self.root, 1)
            free = shutil.disk_usage(self.root).free
        except OSError as error:
            raise cannot_write(self.root, error) from error
        if free < MIN_FREE_BYTES:
            raise _disk_full(self.root, _("{size} MiB are left").format(size=free >> 20))

    def check_writable(self, size: int) -> None:
        """Check that so many bytes can be written to the store of the server.

        Raises:
            EmbeddedStackError: they cannot.
        """
        try:
            self._probe(self.jetstream if self.jetstream.is_dir() else self.root, size)
        except OSError as error:
            raise cannot_write(self.root, error) from error

    def store_identity(self) -> tuple[int, int] | None:
        """Return what tells the store of the server from another one; None without a store."""
        try:
            status = self.jetstream.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _probe(self, folder: Path, size: int) -> None:
        probe = folder / f".probe-{secrets.token_hex(4)}"
        write_atomic(probe, bytes(size), private=True)
        probe.unlink(missing_ok=True)

    def prepare_logs(self) -> None:
        """Create the folder and that of the logs, accessible to the owner only.

        Raises:
            EmbeddedStackError: they are not private.
            OSError: they cannot be created.
        """
        create_folder(self.root, parents=True)
        make_private(self.root, self._entries())
        create_folder(self.logs)
        make_private(self.logs)

    def _entries(self) -> list[str]:
        """Return the names that entries of the folder have."""
        folders = (self.logs, self.usage_locks, self.jetstream, self.server)
        files = (self.state_file, self.start_lock, self.guardian_lock)
        return [*(each.name for each in (*folders, *files)), PROFILE_DATA]

    def _files(self) -> Iterator[Path]:
        """Yield the files that the stack writes, whether they exist or not."""
        yield from (self.start_lock, self.guardian_lock, self.state_file)
        yield from (self.server_config, self.server_endpoint)
        yield from self.server_ports.glob("*.ports")
        yield from self.usage_locks.glob("*.lock")
        yield from self.logs.glob("*.log")
        yield from self.logs.glob("*.log.[0-9]")


def data_folder(path: Path | str | None = None) -> DataFolder:
    """Return the given folder, else that of PULSE_DATA_DIR, else the default of the platform."""
    chosen = path or os.environ.get(DATA_DIR_VARIABLE)
    if chosen:
        return DataFolder(Path(chosen).expanduser().absolute())
    return DataFolder(platformdirs.user_data_path("pulse-desktop", appauthor=False))


def cannot_write(path: Path, error: OSError) -> EmbeddedStackError:
    """Return the error of a failed write in the data folder."""
    if isinstance(error, (NotARegularFileError, NotAFolderError)):
        return EmbeddedStackError(
            _("The data folder cannot be used"),
            f"{error.filename}: {error.strerror}.",
            _("Set {variable} to a folder.").format(variable=DATA_DIR_VARIABLE)
            if error.filename == str(path)  # which may be a device, such as /dev/null
            else _("Remove it or move it away, then try again."),
        )
    if error.errno in _FULL:
        return _disk_full(path, error.strerror or str(error))
    return EmbeddedStackError(
        _("The data folder cannot be written"),
        f"{error.filename or path}: {error.strerror or error}.",
        _("Make {folder} writable, or set {variable} to another folder.").format(
            folder=path, variable=DATA_DIR_VARIABLE
        ),
    )


def _disk_full(path: Path, reason: str) -> EmbeddedStackError:
    return EmbeddedStackError(
        _("The disk is full"),
        _("The disk of {folder} has no space for the embedded server: {reason}.").format(
            folder=path, reason=reason
        ),
        _("Free at least {size} MiB, or set {variable} to a folder on another disk.").format(
            size=MIN_FREE_BYTES >> 20, variable=DATA_DIR_VARIABLE
        ),
    )
