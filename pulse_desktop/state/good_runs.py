"""The successful runs that another run of the same task is compared with."""

from collections.abc import Iterator

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.task_runs import TaskRuns


def good_runs(runs: TaskRuns, run: TaskRun) -> Iterator[TaskRun]:
    """Yield the successful runs of the same task: the last one before a run first, later ones last.

    Successful as far as is known: a result that was not read may report a failure.
    """
    later: list[TaskRun] = []
    before = run.began_at
    found: Iterator[TaskRun] = (
        each
        for each in runs.rows.newest_first()
        if each.name == run.name
        and each.name
        and each.state is RunState.SUCCEEDED
        and each.task_id != run.task_id
    )
    if not runs.in_order:  # else the time in which they began is about that in which they arrived
        found = iter(sorted(found, key=lambda each: -each.began_at))
    for each in found:
        if each.began_at <= before:
            yield each
        else:
            later.append(each)
    yield from later


def last_good_run(runs: TaskRuns, run: TaskRun) -> TaskRun | None:
    """Return the last successful run of the same task that was enqueued before a run.

    If there is none, the last successful one at all; None if no retained run of the task succeeded.
    """
    return next(good_runs(runs, run), None)
