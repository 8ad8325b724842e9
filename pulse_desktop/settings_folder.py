"""The folders of the user's settings, and of what is kept of each profile."""

import os
from pathlib import Path
from typing import Final

import platformdirs

CONFIG_DIR_VARIABLE: Final = "PULSE_CONFIG_DIR"
DATA_DIR_VARIABLE: Final = "PULSE_DATA_DIR"


PROFILE_DATA: Final = "profiles"
"""Folder of the data folder with what is kept of each profile."""


def settings_folder() -> Path:
    """Return the folder, which may not exist yet.

    PULSE_CONFIG_DIR names it. A data folder of its own (PULSE_DATA_DIR) has its settings as well,
    so that a trial leaves nothing elsewhere.
    """
    for variable in (CONFIG_DIR_VARIABLE, DATA_DIR_VARIABLE):
        if folder := os.environ.get(variable):
            return Path(folder).expanduser()
    return platformdirs.user_config_path("pulse-desktop", appauthor=False)


def profile_data_folder() -> Path:
    """Return the folder with what this machine keeps of each profile; it may not exist yet."""
    folder = os.environ.get(DATA_DIR_VARIABLE)
    root = Path(folder).expanduser() if folder else _default_data_folder()
    return root / PROFILE_DATA


def _default_data_folder() -> Path:
    return platformdirs.user_data_path("pulse-desktop", appauthor=False)
