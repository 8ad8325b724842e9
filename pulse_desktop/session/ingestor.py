"""Folds arrivals into the state, in slices with a time budget."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.arrival_queue import ArrivalQueue

if TYPE_CHECKING:
    from pulse_desktop.protocol.inbound import InboundMessage
    from pulse_desktop.protocol.stored_object import StoredObject

SLICE: Final = 100
"""Arrivals folded between two checks of the time budget."""

TICK_INTERVAL_S: Final = 1.0
MAX_TICK_INTERVAL_S: Final = 5.0
MAX_TICK_SHARE: Final = 0.1
"""Part of the time that ticks may take; with much to update they become rarer."""

MAX_REST_SHARE: Final = 0.005
MAX_REST_S: Final = 20.0
"""After the last slice of all that depends on time, further slices rest: for so long that they take
no more than the share of the time, but no longer than this."""

ASLEEP_AFTER_S: Final = 10.0
"""Without a tick for so long this machine slept, or its clock was set."""


class Ingestor:
    """Takes arrivals from the queue and folds them into the state.

    Attributes:
        folded: set whenever something was folded.
        observers: called with the arrivals that are folded, before they are.
        on_fold: called when something was folded that had not been in the queue.
    """

    def __init__(
        self,
        arrivals: ArrivalQueue,
        state: SystemState,
        clock: Callable[[], float],
        is_current: Callable[[], bool] = lambda: True,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Create an ingestor.

        Args:
            arrivals: where messages wait.
            state: where they are folded.
            clock: Unix seconds.
            is_current: whether everything that the server has was folded, as far as is known.
                Without a connection and while history is read there is no tick: silence says
                nothing.
            timer: seconds, to measure what work takes.
        """
        self._arrivals = arrivals
        self._state = state
        self._clock = clock
        self._is_current = is_current
        self._timer = timer
        self._ticked_at = 0.0
        self._tick_interval_s = TICK_INTERVAL_S
        self._was_current = True
        self._rests_until = 0.0  # by the timer
        self._slices_s = 0.0
        self.folded = asyncio.Event()
        self.observers: list[Callable[[Sequence[InboundMessage | StoredObject]], None]] = []
        self.on_fold: Callable[[], object] = lambda: None

    def drain(self, budget_s: float) -> bool:
        """Fold arrivals for at most about `budget_s` seconds; return whether there is more.

        What depends on time is updated once a second, a slice of it. While there is no arrival
        to fold, a call does one further slice until all is updated.
        """
        deadline = self._timer() + budget_s
        arrivals, fold = self._arrivals, self._state.fold
        while arrivals:
            taken = arrivals.take(SLICE)
            for observe in self.observers:
                observe(taken)
            fold(taken)
            if self._timer() >= deadline:
                break
        now, more = self._clock(), False
        if not self._ticked_at:
            self._ticked_at = now
        if not self._is_current():
            self._was_current = False
        elif abs(now - self._ticked_at) >= self._tick_interval_s:  # a clock can be set back
            started = self._timer()
            self._state.tick(now, self._missed_s(now))
            took = self._timer() - started
            rarer = min(took / MAX_TICK_SHARE, MAX_TICK_INTERVAL_S)
            self._tick_interval_s = max(TICK_INTERVAL_S, rarer)
            self._ticked_at = now
            more = self._timer() >= self._rests_until
        elif not arrivals and self._timer() >= self._rests_until:
            more = self._tick_more(now)
        self.folded.set()
        return more or bool(arrivals)

    def _tick_more(self, now: float) -> bool:
        """Update a further slice; return whether there is more. Rest after the last one."""
        started = self._timer()
        more = self._state.tick_more(now)
        ended = self._timer()
        self._slices_s += ended - started
        if not more:
            self._rests_until = ended + min(self._slices_s / MAX_REST_SHARE, MAX_REST_S)
            self._slices_s = 0.0
        return more

    def note_folded(self) -> None:
        """Say that something was folded that was not in the queue, such as a result's body."""
        self.folded.set()
        self.on_fold()

    def _missed_s(self, now: float) -> float:
        """Return the seconds since the last tick, if nothing could arrive; else 0."""
        was_current, self._was_current = self._was_current, True
        elapsed = now - self._ticked_at
        heard = was_current and abs(elapsed) < ASLEEP_AFTER_S
        return 0.0 if heard else elapsed
