"""Every column of the tasks table can show and sort any run."""

from pulse_desktop.state.run import Attempt, AttemptResult, RunError, TaskRun
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.state.short_names import short_name
from pulse_desktop.text.worker_text import worker_name
from pulse_desktop.ui.pages.tasks.columns import run_columns

NOW = 1_763_894_400.0


def test_every_column_can_show_and_sort_any_run() -> None:
    result = AttemptResult(NOW + 2, "failed", error=RunError("ValueError", "no such file"))
    known = TaskRun("b" * 32, "app:embed", attempts=(Attempt(1, NOW, "w", result),))
    for run in (derive_state(TaskRun("a" * 32)), derive_state(known)):
        for column in run_columns(short_name, worker_name):
            assert isinstance(column.text(run, NOW), str)
            if column.sort is not None:
                column.sort(run)
            if column.tooltip is not None:
                assert isinstance(column.tooltip(run, NOW), str)
