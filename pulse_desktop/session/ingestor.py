"""Folds arrivals into the state, in slices with a time budget."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.arrival_queue import ArrivalQueue

SLICE: Final = 100
"""Arrivals folded between two checks of the time budget."""

SWEEP_INTERVAL_S: Final = 1.0


class Ingestor:
    """Takes arrivals from the queue and folds them into the state.

    Attributes:
        folded: set whenever something was folded.
    """

    def __init__(
        self, arrivals: ArrivalQueue, state: SystemState, clock: Callable[[], float]
    ) -> None:
        self._arrivals = arrivals
        self._state = state
        self._clock = clock
        self._swept_at = 0.0
        self.folded = asyncio.Event()

    def drain(self, budget_s: float) -> bool:
        """Fold arrivals for at most about `budget_s` seconds; return whether more are waiting."""
        deadline = time.perf_counter() + budget_s
        arrivals, fold = self._arrivals, self._state.fold
        while arrivals:
            fold(arrivals.take(SLICE))
            if time.perf_counter() >= deadline:
                break
        now = self._clock()
        if abs(now - self._swept_at) >= SWEEP_INTERVAL_S:  # a clock can be set back
            self._swept_at = now
            self._state.tick(now)
        self.folded.set()
        return bool(arrivals)
