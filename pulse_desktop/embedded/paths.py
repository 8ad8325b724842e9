"""Where the embedded stack keeps its data, its logs and its locks: one folder per user."""

import errno
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.private_file import write_private_atomic

DATA_DIR_VARIABLE: Final = "PULSE_DATA_DIR"

MIN_FREE_BYTES: Final = 64 << 20
"""Below this JetStream could not store the first minutes, so starting would only fail later."""


@dataclass(frozen=True)
class DataFolder:
    """The folder of one embedded stack and the names in it."""

    root: Path

    @property
    def logs(self) -> Path:
        """Output of every process of the stack, kept between runs, bounded in size."""
        return self.root / "logs"

    @property
    def clients(self) -> Path:
        """One lock file per window or command that uses the stack."""
        return self.root / "clients"

    @property
    def jetstream(self) -> Path:
        """Where nats-server stores streams and buckets, kept between runs."""
        return self.root / "jetstream"

    @property
    def server(self) -> Path:
        """What belongs to nats-server beside its store: configuration, address, ports file."""
        return self.root / "server"

    @property
    def server_config(self) -> Path:
        """The configuration nats-server reads; it holds the token."""
        return self.server / "nats-server.conf"

    @property
    def server_address(self) -> Path:
        """Token and ports of the last run, so that the next one has the same address."""
        return self.server / "address.json"

    @property
    def server_ports(self) -> Path:
        """Where nats-server writes down the ports it got."""
        return self.server / "ports"

    @property
    def state_file(self) -> Path:
        """What the guardian says about the running stack; it holds the token."""
        return self.root / "stack.json"

    @property
    def start_lock(self) -> Path:
        """Held while somebody decides to join, start or end the stack."""
        return self.root / "start.lock"

    @property
    def guardian_lock(self) -> Path:
        """Held by the guardian as long as it lives."""
        return self.root / "guardian.lock"

    def log_of(self, process: str) -> Path:
        """Return the current log file of a process such as `worker-1`."""
        return self.logs / f"{process}.log"

    def prepare(self) -> None:
        """Create what is missing, for the owner's eyes only, and try to write.

        Raises:
            EmbeddedStackError: the folder cannot be created or written, or its disk is full.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.logs, self.clients, self.server, self.server_ports):
                folder.mkdir(mode=0o700, exist_ok=True)
            probe = self.root / f".probe-{secrets.token_hex(4)}"
            write_private_atomic(probe, b"writable")
            probe.unlink(missing_ok=True)
            free = shutil.disk_usage(self.root).free
        except OSError as error:
            raise cannot_write(self.root, error) from error
        if free < MIN_FREE_BYTES:
            raise _disk_full(self.root, f"{free >> 20} MiB are left")


def data_folder(path: Path | str | None = None) -> DataFolder:
    """Return the folder given, else the one in PULSE_DATA_DIR, else the platform's usual place."""
    chosen = path or os.environ.get(DATA_DIR_VARIABLE)
    if chosen:
        return DataFolder(Path(chosen).expanduser().absolute())
    return DataFolder(platformdirs.user_data_path("pulse-desktop", appauthor=False))


def cannot_write(path: Path, error: OSError) -> EmbeddedStackError:
    """Tell a failed write in words that name the folder and the way out."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(path, error.strerror or str(error))
    return EmbeddedStackError(
        "The data folder cannot be written",
        f"{error.filename or path}: {error.strerror or error}",
        f"Make {path} a folder you may write to, or name another one in {DATA_DIR_VARIABLE}.",
    )


def _disk_full(path: Path, what: str) -> EmbeddedStackError:
    return EmbeddedStackError(
        "The disk is full",
        f"The disk that holds {path} has no room for the embedded server: {what}.",
        f"Free at least {MIN_FREE_BYTES >> 20} MiB, or name a folder on another disk in "
        f"{DATA_DIR_VARIABLE}.",
    )
