"""One change of a table, to be told to a view around the moment it is made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from pulse_desktop.ui.table.row_filter import Positions

_NONE: Final[Positions] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class ModelChange:
    """One change to tell a view of.

    Attributes:
        kind: rows come in, go out, change places, or only look different.
        low: first view row, before a removal and after an insertion.
        high: last view row.
        apply: makes the change; to be called between telling "about to" and "done".
        before: of a layout: the positions as shown before it.
        after: of a layout: the same positions in their new order.
    """

    kind: Literal["insert", "remove", "layout", "repaint"]
    low: int
    high: int
    apply: Callable[[], None] = lambda: None
    before: Positions = field(default_factory=lambda: _NONE)
    after: Positions = field(default_factory=lambda: _NONE)
