"""Exit codes of `pulse-worker`."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CANNOT_CONNECT: Final = 3
