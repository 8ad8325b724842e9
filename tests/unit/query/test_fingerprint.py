"""Failures with the same state, exception type and task form one group."""

from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.fingerprint import Fingerprint, fingerprint
from pulse_desktop.state.run import Attempt, AttemptResult, RunError, TaskRun

NOW = 1_795_430_942.0


def ended(state: RunState, error: RunError | None = None) -> TaskRun:
    attempt = Attempt(1, NOW, "w", AttemptResult(NOW + 1, "failed", error=error))
    return TaskRun("a" * 32, "app:embed", attempts=(attempt,), state=state)


def test_failures_are_grouped_by_exception_type_and_not_by_message() -> None:
    one = fingerprint(ended(RunState.FAILED, RunError("ValueError", "line 1")))
    other = fingerprint(ended(RunState.FAILED, RunError("ValueError", "line 2")))
    assert one == other == Fingerprint(RunState.FAILED, "ValueError", "app:embed")
    assert one != fingerprint(ended(RunState.FAILED, RunError("TypeError", "line 1")))


def test_a_failure_without_an_exception_has_no_cause() -> None:
    assert fingerprint(ended(RunState.FAILED)).cause == ""


def test_soft_failures_and_overdue_runs_are_grouped_by_task_alone() -> None:
    error = RunError("ValueError", "m")
    for state in (RunState.SOFT_FAILED, RunState.OVERDUE):
        assert fingerprint(ended(state, error)) == (state, "", "app:embed")
