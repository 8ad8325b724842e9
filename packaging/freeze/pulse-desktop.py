"""Where the bundled `pulse-desktop` starts; also what it starts again as workers and guardian."""

import os
import sys

from pulse_desktop.cli import main

if __name__ == "__main__":
    # Windows gives a program without a console no streams at all; what is said then goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.exit(main())
