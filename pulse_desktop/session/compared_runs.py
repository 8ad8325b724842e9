"""What a comparison of runs reads: what they returned, and the last good run of a task."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.good_runs import good_runs, last_good_run
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import (
    UNKNOWN,
    ReturnValue,
    result_value,
)
from pulse_desktop.state.task_runs import TaskRuns

MAX_CHECKED: Final = 200
"""Runs that ended well by their events, and whose results are looked up to know it for certain."""

MAX_OPENED: Final = 20
"""Results that are opened for that: large ones, which are not read on arrival."""

_MAX_BATCH: Final = 32

ReadResult = Callable[[str], Awaitable[DecodedResult]]
"""Reads the stored result of a task id."""


async def read_return_value(run: TaskRun, read: ReadResult) -> ReturnValue:
    """Return what a run returned."""
    if run.stored_outcome is None:
        return ReturnValue(UNKNOWN)
    try:
        stored = await read(run.task_id)
    except UserFacingError as error:
        return ReturnValue(UNKNOWN, error.detail or error.title)
    if stored.result is None:
        return ReturnValue(UNKNOWN, stored.problem)
    return ReturnValue(result_value(stored.result))


class LastGoodRun(NamedTuple):
    """What a search for the last good run has found.

    Attributes:
        run: the good run, None without one.
        refuted: runs that had ended well and whose results report a failure, if the search ended
            because there were so many of them; otherwise 0.
    """

    run: TaskRun | None
    refuted: int = 0


async def find_last_good_run(
    runs: TaskRuns,
    first: TaskRun,
    read: ReadResult,
    *,
    look_back: Callable[[], Awaitable[None]] | None = None,
    look_up: Callable[[Sequence[str]], Awaitable[None]] | None = None,
) -> LastGoodRun:
    """Return the last run that has succeeded by its events, and by its result if it has one.

    A result that cannot be read refutes nothing.

    Args:
        runs: the known runs.
        first: the run that is compared: see `good_runs`.
        read: reads a result, and folds what it says into `runs`.
        look_back: called before each choice; reads history until there is a run to choose.
        look_up: looks for the results of task ids, where results are not followed.
    """
    checked, opened, size = set[str](), set[str](), 1
    while True:
        if look_back is not None:
            await look_back()
        best = last_good_run(runs, first)
        if best is None:
            return LastGoodRun(None)
        is_opened = best.task_id in opened
        if best.result_unread and not is_opened:
            if len(opened) >= MAX_OPENED:
                return LastGoodRun(None, len(checked | opened))
            opened.add(best.task_id)
            with contextlib.suppress(UserFacingError):
                await read(best.task_id)
            continue
        if look_up is None or best.stored_outcome is not None or best.task_id in checked:
            return LastGoodRun(best)
        if len(checked) >= MAX_CHECKED:
            return LastGoodRun(None, len(checked | opened))
        batch = [run.task_id for run in islice(good_runs(runs, first), size)]
        checked.update(batch)
        size = min(2 * size, _MAX_BATCH)
        await look_up(batch)
