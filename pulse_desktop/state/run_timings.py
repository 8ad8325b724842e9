"""Times of the runs in columns beside the rows, for charts and percentiles over any range.

One value per run and column: twenty bytes, which numpy reads at once without a copy. The state
itself does not need numpy.
"""

import math
from array import array
from typing import Final

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run import TaskRun

STATES: Final = tuple(RunState)
"""States by code."""
_CODES: Final = {state: code for code, state in enumerate(STATES)}
RunTimes = tuple[float | None, float | None, float | None]
"""When a run ended, its run time, and its wait: see `TaskRun`."""
_NO_TIMES: Final[RunTimes] = (None, None, None)
_MAX_TASKS: Final = 60_000
_NAN: Final = math.nan


class RunTimings:
    """Columns of the ended runs. The run at a position is at index `position % capacity`.

    Attributes:
        ended_at: Unix seconds at which the run ended, NaN if there is none or it has not ended.
        run_s: its run time in seconds, NaN if unknown.
        wait_s: seconds from enqueuing to start, NaN if unknown.
        states: index of its state in `STATES`.
        tasks: index of its task in `task_names`.
        task_names: names of tasks by index, in the order in which they were seen.
        version: counts the changes.
        last_end: the latest end of a run until now, Unix seconds, minus infinity before the first.
    """

    def __init__(self, capacity: int) -> None:
        self.ended_at = array("d", [_NAN]) * capacity
        self.run_s = array("f", [_NAN]) * capacity
        self.wait_s = array("f", [_NAN]) * capacity
        self.states = bytearray(capacity)
        self.tasks = array("H", [0]) * capacity
        self.task_names: list[str] = []
        self.version = 0
        self.last_end = -math.inf
        self._capacity = capacity
        self._numbers: dict[str, int] = {}

    def put(self, position: int, run: TaskRun) -> RunTimes:
        """Store and return the times of an ended run, or that it goes on after all."""
        index = position % self._capacity
        self.version += 1
        at = run.finished_at
        if at is None:
            self.ended_at[index] = _NAN
            return _NO_TIMES
        run_s, wait_s = run.run_s, run.wait_s
        self.ended_at[index] = at
        if at > self.last_end:
            self.last_end = at
        self.run_s[index] = _NAN if run_s is None else run_s
        self.wait_s[index] = _NAN if wait_s is None else wait_s
        self.states[index] = _CODES[run.state]
        number = self._numbers.get(run.name)
        if number is None:
            number = self._add_task(run.name)
        self.tasks[index] = number
        return at, run_s, wait_s

    def remove(self, position: int) -> None:
        """Forget the run at a position."""
        self.ended_at[position % self._capacity] = _NAN
        self.version += 1

    def number_of(self, name: str) -> int | None:
        """Return the index of a task, None if no run of it has ended."""
        return self._numbers.get(name)

    def _add_task(self, name: str) -> int:
        if len(self.task_names) >= _MAX_TASKS:
            name = "…"
            if name in self._numbers:
                return self._numbers[name]
        number = self._numbers[name] = len(self.task_names)
        self.task_names.append(name)
        return number
