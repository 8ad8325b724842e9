"""Where the bundled `pulse-desktop` starts; also what it starts again as workers and guardian."""

import os
import sys
from pathlib import Path

from bundled_path import extend_path

from pulse_desktop.cli.main import main

if __name__ == "__main__":
    # Windows gives a program without a console no streams at all; what is said then goes nowhere.
    nowhere = Path(os.devnull)
    sys.stdout = sys.stdout or nowhere.open("w", encoding="utf-8")
    sys.stderr = sys.stderr or nowhere.open("w", encoding="utf-8")
    extend_path()
    sys.exit(main())
