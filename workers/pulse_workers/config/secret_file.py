"""Files with a secret: an API key, or the token of a bot."""

import os
import stat
from pathlib import Path
from typing import Final

from pulse_desktop.regular_file import open_for_reading
from pulse_desktop.text.translation import _
from pulse_workers.errors import SettingsError

MAX_SECRET: Final = 16_384
_FORBIDDEN: Final = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
"""The group may read the file: that is how secrets are mounted into containers."""


def read_secret_file(setting: str, path: Path) -> str:
    """Return the text of a file that no other user can read.

    Args:
        setting: name of the setting with the path, for errors.
        path: of the file; a symbolic link is followed.

    Raises:
        SettingsError: the file is missing, unreadable, too large, readable by others, or not a
            regular file. Its text does not contain that of the file.
    """
    try:
        with open_for_reading(path, follow_links=True) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_SECRET + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        expected = _("a readable file ({reason})").format(reason=reason)
        raise SettingsError(setting, str(path), expected) from None
    if os.name == "posix" and mode & _FORBIDDEN:
        expected = _("a file that no other user can read; run chmod 600 on it")
        raise SettingsError(setting, str(path), expected)
    if len(content) > MAX_SECRET:
        expected = _("a file of at most {size} bytes").format(size=MAX_SECRET)
        raise SettingsError(setting, str(path), expected)
    return text
