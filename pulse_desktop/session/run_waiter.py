"""Waits until a change of the state makes a condition true, such as the end of a run."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from pulse_desktop.model.run_state import OPEN_STATES
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState

RESULT_GRACE_S: Final = 1.0
"""Grace period for a run's result, which can arrive after its final event."""

FINAL_EVENT_GRACE_S: Final = 0.5
"""Grace period for the worker's final event, which can arrive after the result."""

_RECENT_S: Final = 10.0


class RunWaiter:
    """Waits for runs."""

    def __init__(
        self, state: SystemState, folded: asyncio.Event, clock: Callable[[], float]
    ) -> None:
        """Create a waiter.

        Args:
            state: has the runs.
            folded: set whenever messages or results were folded, that is, applied to the state.
            clock: Unix seconds.
        """
        self._state = state
        self._folded = folded
        self._clock = clock

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on the state is true; it is checked after each fold."""
        while not condition():
            self._folded.clear()
            await self._folded.wait()

    async def wait_for_result(self, task_id: str, timeout_s: float) -> TaskRun | None:
        """Wait for a run to end and its result to be loaded; return its last known state.

        A run that ended according to its worker may have no result, as not every task has a result
        backend: then the result is waited for only a moment longer, and so is the worker's final
        event after the result.

        Args:
            task_id: of the run.
            timeout_s: seconds until giving up.
        """
        get = self._state.runs.get

        def ended() -> bool:
            run = get(task_id)
            return run is not None and run.state not in OPEN_STATES

        def loaded() -> bool:
            run = get(task_id)
            return (
                run is not None
                and run.stored_outcome is not None
                and bool(run.stored_outcome.format)
            )

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not (ended() and loaded()):
                    await self.wait_for(ended)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(RESULT_GRACE_S):
                            await self.wait_for(loaded)
                    if ended():
                        break
                await self.wait_for_report(task_id)
        return get(task_id)

    async def wait_for_report(self, task_id: str) -> None:
        """Wait a moment for the worker's final event about a run whose result was just stored.

        Only that event has the exact start and duration. It is not waited for when no worker
        publishes events, as far as that is known.
        """
        runs, now = self._state.runs, self._clock()
        run = runs.get(task_id)
        if (
            run is None
            or run.stored_outcome is None
            or now - run.stored_outcome.stored_at > _RECENT_S
        ):
            return
        if not (run.attempts or self._state.workers.online(now)):
            return

        def reported() -> bool:
            run = runs.get(task_id)
            end = run.attempts[-1].result if run is not None and run.attempts else None
            return end is not None and not end.will_retry

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINAL_EVENT_GRACE_S):
                await self.wait_for(reported)
