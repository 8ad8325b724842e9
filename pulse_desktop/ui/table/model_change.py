"""One change of a table model, to be announced to its views around the moment it is made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from pulse_desktop.ui.rows.positions import Positions

_EMPTY: Final[Positions] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class ModelChange:
    """One change for a view.

    Attributes:
        kind: rows are inserted, removed, reordered, or only repainted.
        low: first view row, before a removal and after an insertion.
        high: last view row.
        apply: makes the change; call it between Qt's `begin…` and `end…` notifications.
        before: for "layout", the positions as shown before the change.
        after: for "layout", the same positions in their new order.
    """

    kind: Literal["insert", "remove", "layout", "repaint"]
    low: int
    high: int
    apply: Callable[[], None] = lambda: None
    before: Positions = field(default_factory=lambda: _EMPTY)
    after: Positions = field(default_factory=lambda: _EMPTY)
