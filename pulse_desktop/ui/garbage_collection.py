"""Garbage collection that keeps out of Qt's way."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Hold back garbage collections while Qt walks over all widgets.

    Qt copies the pointers of all widgets, and calls them one by one: for a new style sheet, font or
    palette, or to list them. If such a call runs Python code, that can start a collection. One that
    deletes a widget of a garbage cycle leaves a dangling pointer, which crashes the process.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
