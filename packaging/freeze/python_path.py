"""Support for PYTHONPATH in a bundle, which PyInstaller ignores.

Modules with the user's tasks (PULSE_WORKER_TASKS) must be importable. Bundled modules come first.
"""

import os
import sys


def add_python_path() -> None:
    """Append the folders of PYTHONPATH to the import path."""
    for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if folder and folder not in sys.path:
            sys.path.append(folder)
