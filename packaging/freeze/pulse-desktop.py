"""Entry point of the bundled `pulse-desktop`, also for the workers and the guardian it starts."""

import os
import sys
from pathlib import Path

from python_path import add_python_path

from pulse_desktop.cli.main import main

if __name__ == "__main__":
    # A program without a console has no standard streams on Windows: its output is discarded.
    null_device = Path(os.devnull)
    sys.stdout = sys.stdout or null_device.open("w", encoding="utf-8")
    sys.stderr = sys.stderr or null_device.open("w", encoding="utf-8")
    add_python_path()
    sys.exit(main())
