"""Makes a bundle read PYTHONPATH, which it does not do by itself.

Tasks of your own (PULSE_WORKER_TASKS) must be found in a bundle too. What is bundled comes first.
"""

import os
import sys


def extend_path() -> None:
    """Add the folders of PYTHONPATH behind everything that is bundled."""
    for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if folder and folder not in sys.path:
            sys.path.append(folder)
