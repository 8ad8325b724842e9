"""Garbage collection that keeps out of Qt's way."""

import contextlib
import gc
import time
from collections.abc import Iterator
from typing import Final

_OLDEST: Final = 2
"""The generation whose collection walks all objects."""
_SHARE: Final = 0.01
"""The part of the time that collections of it may take."""


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Hold back automatic collections: while the loop runs, or Qt walks over all widgets.

    In such a walk, for a new style sheet, font or palette, or to list them, Qt copies the pointers
    of all widgets, and calls them one by one. If such a call runs Python code, that can start a
    collection. One that deletes a widget of a garbage cycle leaves a dangling pointer, which
    crashes the process.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Collector:
    """Collects garbage in the thread of Qt's event loop, instead of in any that allocates.

    A thread that happens to collect a cycle with a widget or a timer deletes it there, which Qt
    does not allow: the process may crash.
    """

    def __init__(self) -> None:
        self._next_full = 0.0

    def collect(self) -> None:
        """Collect the generations whose thresholds are exceeded; called once per turn."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        if counts[0] <= thresholds[0]:
            return
        if counts[_OLDEST] > thresholds[_OLDEST] and time.monotonic() >= self._next_full:
            began = time.perf_counter()
            gc.collect(_OLDEST)
            self._next_full = time.monotonic() + (time.perf_counter() - began) / _SHARE
        else:
            gc.collect(int(counts[1] > thresholds[1]))
