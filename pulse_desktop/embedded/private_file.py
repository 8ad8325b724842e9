"""Files that only their owner may read, replaced whole so that a reader never sees half of one."""

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Final

_REPLACE_ATTEMPTS: Final = 20 if sys.platform == "win32" else 1
_REPLACE_PAUSE_S: Final = 0.01


def write_private_atomic(path: Path, content: bytes) -> None:
    """Write a file with mode 0600, atomically.

    Raises:
        OSError: the folder is missing, not writable, or the disk is full; no partial file is left.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        _replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _replace(partial: Path, path: Path) -> None:
    for attempt in range(_REPLACE_ATTEMPTS):
        try:
            partial.replace(path)
        except PermissionError:  # Windows refuses while a reader has the old file open
            if attempt == _REPLACE_ATTEMPTS - 1:
                raise
            time.sleep(_REPLACE_PAUSE_S)
        else:
            return
