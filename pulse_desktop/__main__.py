"""`python -m pulse_desktop` is `pulse-desktop`."""

import sys

from pulse_desktop.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
