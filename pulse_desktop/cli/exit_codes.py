"""What a command's exit code says, in one place, because scripts depend on it."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CANNOT_CONNECT: Final = 3
