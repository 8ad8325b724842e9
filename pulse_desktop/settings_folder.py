"""The folder of the user's settings: profiles, and the state of windows."""

import os
from pathlib import Path
from typing import Final

import platformdirs

CONFIG_DIR_VARIABLE: Final = "PULSE_CONFIG_DIR"
DATA_DIR_VARIABLE: Final = "PULSE_DATA_DIR"


def settings_folder() -> Path:
    """Return the folder, which may not exist yet.

    PULSE_CONFIG_DIR names it. A data folder of its own (PULSE_DATA_DIR) has its settings as well,
    so that a trial leaves nothing elsewhere.
    """
    for variable in (CONFIG_DIR_VARIABLE, DATA_DIR_VARIABLE):
        if folder := os.environ.get(variable):
            return Path(folder).expanduser()
    return platformdirs.user_config_path("pulse-desktop", appauthor=False)
