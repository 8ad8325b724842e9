"""The run filter combines states, words and age."""

import json

import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.run_filter import RunFilter
from pulse_desktop.state.run import (
    Attempt,
    AttemptResult,
    Request,
    RunError,
    TaskRun,
)

NOW = 1_795_430_942.0
NAME = "app.tasks:score_message_task"


def run_with(*args: object, ascii_only: bool = True, **fields: object) -> TaskRun:
    raw = json.dumps(args, ensure_ascii=ascii_only).encode()
    run = TaskRun("a" * 32, NAME, Request(2, 0, NAME, raw, b"{}", b"{}"), NOW, last_seen=NOW)
    for name, value in fields.items():
        setattr(run, name, value)
    return run


def matches(run_filter: RunFilter, run: TaskRun, now: float = NOW) -> bool:
    predicate = run_filter.predicate(now)
    assert predicate is not None
    return predicate(run)


def test_a_filter_without_conditions_has_no_predicate() -> None:
    assert RunFilter(text="  ").predicate(NOW) is None
    assert not RunFilter().active
    assert RunFilter(max_age_s=60).active


@pytest.mark.parametrize("ascii_only", [True, False])
def test_words_match_in_any_script_and_any_case(ascii_only: bool) -> None:
    run = run_with("Розбір Звіту", "Report.JSON", ascii_only=ascii_only)
    for text in ("розбір", "ЗВІТУ report.json", "score_MESSAGE aaaa"):
        assert matches(RunFilter(text=text), run), text
    assert not matches(RunFilter(text="розбір absent"), run)


def test_words_match_the_worker_and_the_error() -> None:
    result = AttemptResult(NOW, "failed", error=RunError("ValueError", "No such file"))
    run = run_with(attempts=(Attempt(1, NOW, "worker-2@host-a:7", result),))
    run.state = RunState.FAILED
    assert matches(RunFilter(text="worker-2 valueerror FILE"), run)
    assert not matches(RunFilter(text="worker-1"), run)


def test_a_run_matches_any_of_the_states() -> None:
    wanted = RunFilter(states=frozenset({RunState.FAILED, RunState.OVERDUE}))
    assert not matches(wanted, run_with())
    assert matches(wanted, run_with(state=RunState.OVERDUE))


def test_old_runs_are_filtered_out_by_age() -> None:
    assert matches(RunFilter(max_age_s=60), run_with(), NOW + 59)
    assert not matches(RunFilter(max_age_s=60), run_with(), NOW + 61)
