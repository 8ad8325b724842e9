"""What came is folded in slices, and whoever waits for something to become true is told."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from pulse_desktop.state.run import OPEN_STATES, TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.arrival_queue import ArrivalQueue

SLICE: Final = 100
"""Arrivals folded between two looks at the clock."""

RESULT_GRACE_S: Final = 1.0
"""How much later than its end a run's result is looked for."""

FINAL_EVENT_GRACE_S: Final = 0.5
"""How much later than its result a run's worker tells how it went: events go another way."""

_JUST_NOW_S: Final = 10.0
_SWEEP_S: Final = 1.0


class Ingestor:
    """Takes from the inbox and folds into the state.

    Attributes:
        folded: set whenever something was folded.
    """

    def __init__(self, inbox: ArrivalQueue, state: SystemState, clock: Callable[[], float]) -> None:
        self._inbox = inbox
        self._state = state
        self._clock = clock
        self._swept_at = 0.0
        self.folded = asyncio.Event()

    def drain(self, budget_s: float) -> bool:
        """Fold what has come, for at most about `budget_s` seconds; return whether more waits."""
        deadline = time.perf_counter() + budget_s
        inbox, fold = self._inbox, self._state.fold
        while inbox:
            fold(inbox.take(SLICE))
            if time.perf_counter() >= deadline:
                break
        now = self._clock()
        if now - self._swept_at >= _SWEEP_S:
            self._swept_at = now
            self._state.tick(now)
        self.folded.set()
        return bool(inbox)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something folded makes a condition true."""
        while not condition():
            self.folded.clear()
            await self.folded.wait()

    async def answered(self, task_id: str, limit_s: float) -> TaskRun | None:
        """Wait for a run to end and its result to be read; see `Monitor.answered`."""
        known = self._state.runs.get

        def ended() -> bool:
            run = known(task_id)
            return run is not None and run.state not in OPEN_STATES

        def answered() -> bool:
            run = known(task_id)
            return (
                run is not None
                and run.stored_outcome is not None
                and bool(run.stored_outcome.format)
            )

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not (ended() and answered()):
                    await self.until(ended)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(RESULT_GRACE_S):
                            await self.until(answered)
                    if ended():
                        break
                await self.told(task_id)
        return known(task_id)

    async def told(self, task_id: str) -> None:
        """Wait a moment for what its worker tells of a run that was answered just now.

        Only that says exactly when it began and how long it took. Workers that tell nothing are
        not waited for, as far as that can be known.
        """
        runs, now = self._state.runs, self._clock()
        run = runs.get(task_id)
        if (
            run is None
            or run.stored_outcome is None
            or now - run.stored_outcome.stored_at > _JUST_NOW_S
        ):
            return
        if not (run.attempts or self._state.workers.online(now)):
            return

        def told() -> bool:
            run = runs.get(task_id)
            ending = run.attempts[-1].result if run is not None and run.attempts else None
            return ending is not None and not ending.will_retry

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINAL_EVENT_GRACE_S):
                await self.until(told)
