"""The dictionary columns of runs follow the runs."""

import random

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.dictionary_column import DictionaryColumn
from pulse_desktop.state.run import Attempt, AttemptResult, TaskRun
from pulse_desktop.state.task_runs import TaskRuns


def test_any_sequence_of_updates_leaves_columns_and_rows_alike() -> None:
    rng = random.Random(3)
    runs = TaskRuns(50, overdue_after_s=5.0)
    for step in range(2_000):
        task_id = str(rng.randrange(max(0, step - 120), step + 1))
        result = AttemptResult(float(step), rng.choice(["succeeded", "failed"]))
        attempt = Attempt(1, float(step), f"w-{rng.randrange(4)}", rng.choice([None, result]))
        runs.put(
            TaskRun(
                task_id,
                rng.choice(["", "send", "score"]),
                queued_at=float(step),
                attempts=rng.choice([(), (attempt,)]),
                last_seen=float(step),
            ),
            older=step < 40 and rng.random() < 0.5,
        )
        if step % 50 == 0:
            runs.tick(float(step))
    states, tasks, workers = (runs.columns.column(name) for name in ("state", "task", "worker"))
    assert states is not None
    assert tasks is not None
    assert workers is not None
    start, stop = runs.rows.start, runs.rows.stop
    assert stop - start == 50

    def values(column: DictionaryColumn) -> list[str]:
        return [column.values[code] for code in column.codes(start, stop)]

    assert values(states) == [run.state for run in runs.rows]
    assert values(tasks) == [run.name for run in runs.rows]
    assert values(workers) == [run.worker for run in runs.rows]
    assert RunState.OVERDUE in values(states)
    assert states.counts(start, stop) == {
        state: count for state, count in runs.counts.items() if count
    }
    assert runs.columns.column("nothing") is None
