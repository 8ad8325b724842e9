"""Objects that the garbage collector skips: code, pages and what a session has read live long.

A collection of everything walks them all, which takes tens of milliseconds: a visible stutter.
"""

import gc
from typing import Final

_YOUNG: Final = 1
"""The oldest generation that is collected before the present objects are exempted."""


class LongLivedObjects:
    """Exempts objects from garbage collection, and collects those that are needed no more."""

    def __init__(self) -> None:
        """Exempt nothing yet."""
        self._has_garbage = False

    def release(self) -> None:
        """Let the next `freeze` collect everything: some of what is exempt is needed no more."""
        self._has_garbage = True

    def freeze(self) -> None:
        """Exempt the present objects."""
        if self._has_garbage:
            self._has_garbage = False
            gc.unfreeze()
            gc.collect()
        else:
            gc.collect(_YOUNG)
        gc.freeze()


LONG_LIVED: Final = LongLivedObjects()
"""Those of the process: its windows share them."""
