"""The settings' TOML files: which ones are read, and what is said about a key nobody knows."""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import platformdirs

from pulse_workers.errors import SettingsError, UnknownSettingError

SYSTEM_FILE: Final = Path("/etc/pulse-desktop/worker.toml")
FILE_NAME: Final = "worker.toml"
CONFIG_VARIABLE: Final = "PULSE_CONFIG"
"""Names the only file to read; the null device stands for none."""


def settings_files(environ: Mapping[str, str], config: str | None) -> list[Path]:
    """Return the files to read; of two that say the same thing, the later one wins.

    Raises:
        SettingsError: a file that was asked for by name is not there.
    """
    for name, path in (("--config", config), (CONFIG_VARIABLE, environ.get(CONFIG_VARIABLE))):
        if path == os.devnull:
            return []
        if path:
            file = Path(path).expanduser()
            if not file.exists():
                raise SettingsError(name, path, "the path of a TOML file; there is none")
            return [file]
    return [file for file in (SYSTEM_FILE, user_file()) if file is not None and file.is_file()]


def user_file() -> Path | None:
    """Return where the user's own file would be; None for a user without a home, as of services."""
    try:
        return platformdirs.user_config_path("pulse-desktop") / FILE_NAME
    except RuntimeError:
        return None


def read_settings_file(file: Path, fields: Mapping[str, str]) -> dict[str, Any]:
    """Read one file.

    Args:
        file: a TOML file without tables.
        fields: names of the settings, each with its environment variable.

    Raises:
        SettingsError: it cannot be read, is not TOML, or has a key that is no setting.
    """
    try:
        # utf-8-sig: editors on Windows begin files with a mark that TOML does not know.
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(str(file), "", f"a readable file ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(file), "", f"TOML ({error})") from None
    for key in values:
        if key not in fields:
            raise UnknownSettingError(f"{file}: {key}", _meant(key, fields))
    return values


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what was probably meant, empty if nothing comes near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def _meant(key: str, fields: Mapping[str, str]) -> str:
    """Return the setting that was probably meant: by its name, or by that of its variable."""
    names = {name: name for name in fields}
    for name, variable in fields.items():
        lowered = variable.lower()
        names.setdefault(lowered, name)
        names.setdefault(lowered.removeprefix("pulse_"), name)
    return names.get(nearest(key.lower(), names), "")


def unknown_variables(environ: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Return variables that look like ours and are not, each with what was probably meant."""
    names = set(known)
    return {
        variable: nearest(variable, names)
        for variable in environ
        if variable.startswith("PULSE_") and variable not in names
    }
