"""Folders that a worker may read exports and attachments from.

Paths are arguments of tasks, so any client that may enqueue a task chooses them: without a limit,
any file that the worker can read could be stored as chat messages.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from pulse_desktop.regular_file import open_beneath
from pulse_desktop.resources import resource_path
from pulse_workers.errors import PathNotAllowedError

VARIABLE: Final = "PULSE_CHAT_FOLDERS"


class AllowedFolders:
    """Opens files in some folders and in the bundled sample, and no others."""

    def __init__(self, folders: Iterable[str | Path] = ()) -> None:
        """Allow folders with everything beneath them, or single files; they need not exist yet."""
        self._folders = (resource_path("sample"), *(Path(folder) for folder in folders))

    def resolve(self, path: str | Path) -> Path:
        """Return a path without symbolic links; those that stay inside may be on its way.

        Raises:
            PathNotAllowedError: it is outside the allowed folders, or no path at all.
        """
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError):
            raise PathNotAllowedError(f"{str(path)[:200]!r} is not a path") from None
        if self._folder_above(real) is None:
            raise PathNotAllowedError(self._describe(Path(path)))
        return real

    def open(self, path: Path) -> BinaryIO:
        """Open a regular file to read it.

        Args:
            path: as `resolve` returned it. A symbolic link that has been put in place of the file
                or of a folder since then is not followed.

        Raises:
            PathNotAllowedError: it is outside the allowed folders.
            OSError: it is missing, is not a regular file, or cannot be opened.
        """
        folder = self._folder_of(path)
        return open_beneath(folder, path.relative_to(folder))

    def _folder_of(self, path: Path) -> Path:
        folder = self._folder_above(path)
        if folder is None:
            raise PathNotAllowedError(self._describe(path))
        return folder

    def _folder_above(self, path: Path) -> Path | None:
        for folder in self._folders:
            real = Path(os.path.realpath(folder))
            if path.is_relative_to(real):
                return real if path != real else real.parent
        return None

    def _describe(self, path: Path) -> str:
        """Return why a path is not allowed; where a link leads is not told."""
        given = Path(os.path.abspath(path))  # noqa: PTH100 - links are not followed
        roots = {
            Path(root(each))
            for each in self._folders
            for root in (os.path.abspath, os.path.realpath)
        }
        if any(given.is_relative_to(root) for root in roots):
            return (
                f"{path} is or contains a symbolic link that leads outside of the folders that "
                "this worker may read; such links are not followed."
            )
        return (
            f"{path} is outside the folders that this worker may read. "
            f"Add its folder to {VARIABLE} of the worker."
        )
