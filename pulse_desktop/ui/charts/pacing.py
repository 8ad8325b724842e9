"""Pacing: lets work that reads every run take no more than a small part of the time."""

import time
from collections.abc import Callable
from typing import Final

_SHARE: Final = 0.02
_FREE_S: Final = 0.002
"""Work that takes no longer than this is always done."""


class Pacing:
    """Repeats work so rarely that it takes two per cent of the time; at once if asked anew."""

    def __init__(self) -> None:
        self._key: object = None
        self._next = 0.0

    def run(self, key: object, work: Callable[[], None]) -> None:
        """Do the work if it is due.

        Args:
            key: what was asked for; with another one the work is due at once.
            work: what is done.
        """
        if key == self._key and time.monotonic() < self._next:
            return
        self._key = key
        began = time.perf_counter()
        work()
        cost = time.perf_counter() - began
        self._next = time.monotonic() + (cost / _SHARE if cost > _FREE_S else 0.0)

    def reset(self) -> None:
        """Make the work due at once, as when what it shows has been hidden."""
        self._next = 0.0
