"""The file of a recording: there before the program connects, and of one program at a time."""

import contextlib
import os
import sys
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pulse_desktop.atomic_file import write_error
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.regular_file import NotARegularFileError, open_for_changes, open_new
from pulse_desktop.text.translation import _

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_ATTEMPTS: Final = 10
"""How often a file is opened that others create and remove meanwhile."""

_LOCK_AT: Final = 1 << 40
"""Windows lets no other program read what is locked: a byte that no recording reaches."""


class FileInUseError(UserFacingError):
    """Another program is writing the file."""


class RecordingFile:
    """A file for a recording, locked as long as it is open. Blocking.

    What it held stays until `start`; a file that was created and never started is removed.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        """Describe it; `__enter__` opens it.

        Args:
            path: of the file.
            replace: whether a file that exists may be replaced.
        """
        self.path = path
        self._replace = replace
        self._file: FileIO | None = None
        self._is_new = False

    def __enter__(self) -> Self:
        """Create the file, readable by its owner only, or open it, and lock it.

        Raises:
            FileInUseError: another program is recording into it.
            UserFacingError: it exists, or cannot be written.
        """
        try:
            for _attempt in range(_ATTEMPTS):
                if self._open():
                    return self
        except OSError as error:
            raise write_error(self.path, error) from None
        raise self._in_use()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, and remove it if nothing was written."""
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(OSError):
            if self._is_new and not os.fstat(file.fileno()).st_size:
                if sys.platform == "win32":
                    file.close()  # else it cannot be removed
                    self.path.unlink()
                elif _is_at(self.path, file):
                    self.path.unlink()
        with contextlib.suppress(OSError):
            file.close()

    def start(self) -> FileIO:
        """Return the file, which is empty from now on.

        Raises:
            OSError: of the disk.
        """
        if self._file is None:
            raise RuntimeError("the file is not open")
        self._file.truncate(0)
        return self._file

    def _open(self) -> bool:
        """Open and lock the file; return False if it was removed meanwhile: try again.

        Raises:
            UserFacingError: it exists, or another program writes it.
            OSError: it cannot be opened.
        """
        try:
            file = open_new(self.path)
            self._is_new = True
        except FileExistsError:
            try:
                file = open_for_changes(self.path)
            except FileNotFoundError:
                return False
            except OSError as error:
                if self._replace or isinstance(error, NotARegularFileError):
                    raise
                raise self._exists() from None
            self._is_new = False
        try:
            self._check(file)
            if not _is_at(self.path, file):
                file.close()
                return False
        except BaseException:
            file.close()
            raise
        self._file = file
        return True

    def _check(self, file: FileIO) -> None:
        if not _try_lock(file):
            raise self._in_use()
        if not self._is_new and not self._replace:
            raise self._exists()

    def _in_use(self) -> FileInUseError:
        return FileInUseError(
            _("Cannot save {file}").format(file=self.path.name),
            _("another program is recording into it."),
            _("Choose another name, or end the other recording first."),
        )

    def _exists(self) -> UserFacingError:
        return UserFacingError(
            _("Cannot save {file}").format(file=self.path.name),
            _("the file exists."),
            _("Choose another name, or replace it with --force."),
        )


def _is_at(path: Path, file: FileIO) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _try_lock(file: FileIO) -> bool:
    """Lock a file until it is closed; return whether that was possible.

    A file system without locks does not hinder the only recording.
    """
    if sys.platform == "win32":
        file.seek(_LOCK_AT)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(0)
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
