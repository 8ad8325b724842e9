"""TOML settings files: which are read, and a suggestion for a misspelled key or variable."""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import platformdirs

from pulse_desktop.text.translation import _
from pulse_workers.errors import SettingsError, UnknownSettingError

SYSTEM_FILE: Final = Path("/etc/pulse-desktop/worker.toml")
FILE_NAME: Final = "worker.toml"
CONFIG_VARIABLE: Final = "PULSE_CONFIG"
"""Names the only file to read; the null device means that no file is read."""


def settings_files(environ: Mapping[str, str], config: str | None) -> list[Path]:
    """Return the files to read, in order: a later file overrides an earlier one.

    Raises:
        SettingsError: the file named by `config` or PULSE_CONFIG does not exist.
    """
    for name, path in (("--config", config), (CONFIG_VARIABLE, environ.get(CONFIG_VARIABLE))):
        if path == os.devnull:
            return []
        if path:
            file = Path(path).expanduser()
            if not file.exists():
                raise SettingsError(name, path, _("the path to an existing TOML file"))
            return [file]
    return [file for file in (SYSTEM_FILE, user_file()) if file is not None and file.is_file()]


def user_file() -> Path | None:
    """Return the path of the user's settings file; None for a user without a home directory."""
    try:
        return platformdirs.user_config_path("pulse-desktop") / FILE_NAME
    except RuntimeError:
        return None


def read_settings_file(file: Path, fields: Mapping[str, str]) -> dict[str, Any]:
    """Read one settings file.

    Args:
        file: a TOML file without tables.
        fields: setting names and their environment variables.

    Raises:
        SettingsError: it cannot be read, is not TOML, or has an unknown key.
    """
    try:
        # utf-8-sig: editors on Windows start files with a byte order mark, which TOML forbids.
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        expected = _("a readable file ({reason})").format(reason=error.strerror)
        raise SettingsError(str(file), "", expected) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        expected = _("TOML ({reason})").format(reason=error)
        raise SettingsError(str(file), "", expected) from None
    for key in values:
        if key not in fields:
            raise UnknownSettingError(f"{file}: {key}", _suggest(key, fields))
    return values


def unknown_variables(environ: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Return unknown `PULSE_` variables, each with the most similar known one, or ""."""
    names = set(known)
    return {
        variable: _closest(variable, names)
        for variable in environ
        if variable.startswith("PULSE_") and variable not in names
    }


def _suggest(key: str, fields: Mapping[str, str]) -> str:
    """Return the setting whose name or variable is most similar to `key`, empty if none is."""
    names = {name: name for name in fields}
    for name, variable in fields.items():
        lowered = variable.lower()
        names.setdefault(lowered, name)
        names.setdefault(lowered.removeprefix("pulse_"), name)
    return names.get(_closest(key.lower(), names), "")


def _closest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""
