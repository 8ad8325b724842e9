"""Where the bundled `pulse-desktop` starts; also what it starts again as workers and guardian."""

import sys

from pulse_desktop.cli import main

if __name__ == "__main__":
    sys.exit(main())
