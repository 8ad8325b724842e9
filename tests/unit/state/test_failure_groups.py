"""Failure groups kept with each change equal those found by iterating over all runs."""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.group_marks import GroupMarks, Mark, MarkKind
from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.fingerprint import FAILURE_STATES, OTHER, GroupedBy, fingerprint
from pulse_desktop.state.attention import (
    WINDOW_S,
    AttentionKind,
    attention_items,
    muted_groups,
)
from pulse_desktop.state.failure_group import FailureGroup, GroupState
from pulse_desktop.state.failure_groups import FailureGroups
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    result_body,
    result_update,
    run_update,
    stored_object,
    task_event,
    task_message,
)

IDS = ["a", "b", "c", "d", "e", "f"]
MUTED = GroupMarks(muted=Mark(NOW, "bob@host"))

TRACE = """\
Traceback (most recent call last):
  File "/srv/shop/orders.py", line 3, in extract
    send()
ValueError: no
"""


@st.composite
def _updates(draw: st.DrawFn) -> TaskRun:
    task_id, at = draw(st.sampled_from(IDS)), NOW + draw(st.integers(0, 3000))
    name = {"task_name": draw(st.sampled_from(["", NAME]))}
    match draw(
        st.sampled_from(["queued", "started", "failed", "succeeded", "cancelled", "stored"])
    ):
        case "queued":
            return run_update(task_message(at, task_id))
        case "stored":
            value = draw(st.sampled_from(["fine", "Error: no"]))
            return result_update(stored_object(at, task_id), result_body(value))
        case "failed":
            type_, trace = draw(st.sampled_from(["E", "F"])), draw(st.sampled_from(["", TRACE]))
            error = {"type": type_, "message": "m", "traceback": trace}
            retry = draw(st.booleans())
            event = task_event("failed", at, task_id, error=error, will_retry=retry, **name)
            return run_update(event)
        case kind:
            return run_update(task_event(kind, at, task_id, **name))


def _found_by_iterating(runs: TaskRuns) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for run in runs.rows:
        if run.state in FAILURE_STATES:
            found.setdefault(fingerprint(run).id, set()).add(run.task_id)
    return found


def _found(runs: TaskRuns) -> dict[str, set[str]]:
    groups = runs.failure_groups
    return {
        each.id: {run.task_id for run in groups.runs_of(each.id)}
        for each in groups.groups()
        if each.retained
    }


def _overdue_by_iterating(runs: TaskRuns) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for run in runs.rows:
        if run.state is RunState.OVERDUE:
            found.setdefault(run.name, set()).add(run.task_id)
    return found


def _overdue(runs: TaskRuns) -> dict[str, set[str]]:
    return {
        each.task_name: {runs.rows[position].task_id for position in each.positions}
        for each in runs.overdue.groups(100)
    }


@given(
    st.lists(st.tuples(_updates(), st.booleans()) | st.integers(0, 4000), max_size=40),
    st.sampled_from([3, 100]),
)
def test_groups_equal_those_found_by_iterating(
    steps: list[tuple[TaskRun, bool] | int], capacity: int
) -> None:
    runs, now = TaskRuns(capacity, overdue_after_s=500), NOW
    for step in steps:
        if isinstance(step, int):
            now = max(now, NOW + step)
            runs.tick(now)
            runs.failure_groups.tick(now)
        else:
            runs.put(step[0], older=step[1])
        assert _found(runs) == _found_by_iterating(runs)
        assert _overdue(runs) == _overdue_by_iterating(runs)
    for group in runs.failure_groups.groups():
        members = list(runs.failure_groups.runs_of(group.id))
        assert group.count >= group.retained == len(members)
        assert len(group.times) == group.count
        assert all(runs.group_id(run) == group.id for run in members)
        # Those that are no longer retained count as well.
        names = {run.name for run in members}
        assert (
            names == set(group.tasks) if group.count == len(members) else names <= set(group.tasks)
        )
        if members:
            assert group.last_seen >= max(run.finished_at or 0.0 for run in members)
            assert group.first_seen <= min(run.finished_at or 0.0 for run in members)
            assert group.example in {run.task_id for run in members}
    shown = [row for row in runs.failure_groups.rows if row.count]
    assert sorted(row.id for row in shown) == sorted(
        each.id for each in runs.failure_groups.groups()
    )


def failed(
    number: int, at: float, type_: str = "E", task: str = NAME, message: str = "m"
) -> TaskRun:
    error = {"type": type_, "message": message}
    return run_update(task_event("failed", at, f"{number:032x}", error=error, task_name=task))


def succeeded(number: int, at: float, task: str = NAME) -> TaskRun:
    return run_update(task_event("succeeded", at, f"{number:032x}", task_name=task))


def only(runs: TaskRuns) -> FailureGroup:
    (group,) = runs.failure_groups.groups()
    return group


def state_after(runs: TaskRuns, now: float) -> GroupState:
    runs.failure_groups.tick(now)
    return only(runs).state


# Counts


def test_a_group_knows_its_size_its_times_and_its_newest_run() -> None:
    runs = TaskRuns()
    for number in (2, 3, 4):
        runs.put(failed(number, NOW + number * 10, message=f"chat {number}"))
    runs.put(failed(1, NOW + 10, message="chat 1"), older=True)
    group = only(runs)
    assert (group.count, group.retained, group.tasks, group.cause) == (4, 4, (NAME,), "E")
    assert (group.first_seen, group.last_seen) == (NOW + 10, NOW + 40)
    assert (group.example, group.message) == (f"{4:032x}", "E: chat 4")
    assert group.times.histogram(NOW, NOW + 40, 4) == [0, 1, 1, 2]
    ids = [run.task_id for run in runs.failure_groups.runs_of(group.id)]
    assert ids == [f"{number:032x}" for number in (4, 3, 2, 1)]
    since = [run.task_id for run in runs.failure_groups.runs_of(group.id, NOW + 30)]
    assert since == [f"{number:032x}" for number in (4, 3)]


def test_failures_whose_runs_are_no_longer_retained_still_count() -> None:
    runs = TaskRuns(capacity=10)
    for number in range(30):
        runs.put(failed(number, NOW + number))
    group = only(runs)
    assert (group.count, group.retained, runs.failure_groups.size) == (30, 10, 10)
    for number in range(30, 40):
        runs.put(succeeded(number, NOW + number))
    group = only(runs)
    assert (group.count, group.retained, group.example) == (30, 0, "")
    assert group.message == "E: m"
    assert list(runs.failure_groups.runs_of(group.id)) == []


def test_a_failure_that_turns_out_to_be_none_takes_its_task_with_it() -> None:
    runs = TaskRuns(10)
    traceback = 'Traceback (most recent call last):\n  File "/a/b.py", line 1, in f\nE: m'
    for number, task in enumerate(("a", "b")):
        error = {"type": "ValueError", "message": "m", "traceback": traceback}
        event = task_event("failed", NOW, f"{number:032x}", error=error, task_name=task)
        runs.put(run_update(event))
    assert set(only(runs).tasks) == {"a", "b"}
    runs.put(succeeded(1, NOW + 10, "b"))
    assert only(runs).tasks == ("a",)


def test_the_group_of_other_failures_is_listed_by_its_latest() -> None:
    runs = TaskRuns(capacity=10)
    groups = runs.failure_groups = FailureGroups(runs.rows, capacity=1)
    for number in range(2):
        runs.put(failed(number, NOW + number, f"T{number}"))
    latest, other = groups.since(NOW)
    assert other.id == OTHER.id
    assert list(groups.since(NOW + 0.5)) == [latest]


def test_a_stored_mark_of_other_failures_has_no_effect() -> None:
    runs = TaskRuns(capacity=10)
    groups = runs.failure_groups = FailureGroups(runs.rows, capacity=1)
    groups.set_marks({OTHER.id: GroupMarks(muted=Mark(NOW, "bob@host"))})
    for number in range(2):
        runs.put(failed(number, NOW + number, f"T{number}"))
    other = groups.get(OTHER.id)
    assert other is not None
    assert not other.has_mark(MarkKind.MUTED)


def test_an_earlier_failure_is_the_example_if_no_later_one_is_retained() -> None:
    runs = TaskRuns(1)
    runs.put(failed(1, NOW + 10, message="chat 1"))
    runs.put(succeeded(2, NOW + 20))
    runs.put(failed(3, NOW, message="chat 3"))
    group = only(runs)
    assert (group.retained, group.example, group.message) == (1, f"{3:032x}", "E: chat 3")
    assert (group.first_seen, group.last_seen) == (NOW, NOW + 10)


def test_of_too_many_groups_the_least_recent_count_as_others() -> None:
    runs = TaskRuns(capacity=1_000)
    groups = runs.failure_groups = FailureGroups(runs.rows, capacity=5)
    for number in range(12):
        runs.put(failed(number, NOW + number, f"T{number}"))
    runs.put(failed(12, NOW + 12, "T7"))
    runs.put(failed(13, NOW - 50, "T0"), older=True)
    found = {each.cause: each.count for each in groups.groups()}
    assert found == {"T7": 2, "T8": 1, "T9": 1, "T10": 1, "T11": 1, "": 8}
    other = groups.get(OTHER.id)
    assert other is not None
    assert (other.count, other.retained, other.first_seen) == (8, 8, NOW - 50)
    assert other.count_between(NOW, NOW + 60) == 7
    assert len(groups.rows) == 6
    assert len(list(groups.runs_of(OTHER.id))) == 8
    first = runs.get(f"{0:032x}")
    assert first is not None
    assert runs.group_id(first) == OTHER.id
    runs.put(failed(14, NOW + 14, "T0"))
    found = {each.cause: each.count for each in groups.groups()}
    assert found == {"T0": 1, "T7": 2, "T9": 1, "T10": 1, "T11": 1, "": 9}


def test_a_row_is_replaced_and_not_changed() -> None:
    state = SystemState()
    state.runs.put(failed(1, NOW))
    before = only(state.runs)
    state.take_changes()
    state.runs.put(failed(2, NOW + 1))
    assert state.take_changes().of(state.failure_groups) == {0}
    assert (before.count, only(state.runs).count) == (1, 2)


# States


PERIOD_S = 225
"""The shortest period of which a recovery needs four, after a first one."""


def succeed(
    runs: TaskRuns, start: float, seconds: float, task: str = NAME, step_s: float = PERIOD_S
) -> None:
    """Let runs of a task succeed from a time on, for so many seconds, one in each step."""
    for number in range(round(seconds / step_s) + 1):
        at = start + number * step_s
        runs.put(succeeded(hash((task, at)) % 10**9, at, task))


def test_a_group_recovers_when_it_is_quiet_and_its_task_succeeds() -> None:
    runs = TaskRuns()
    runs.put(failed(1, NOW))
    assert state_after(runs, NOW + 10_000) is GroupState.ONGOING  # nothing has succeeded
    succeed(runs, NOW + 10, 800, step_s=50)
    assert state_after(runs, NOW + 10_000) is GroupState.ONGOING
    succeed(runs, NOW + 900, 100, step_s=50)
    assert state_after(runs, NOW + 899) is GroupState.ONGOING
    assert state_after(runs, NOW + 1_000) is GroupState.RECOVERED


def test_time_in_which_a_task_does_not_run_is_no_silence() -> None:
    runs = TaskRuns()
    for number in range(5):
        runs.put(failed(number, NOW + 30 * number))
    succeed(runs, NOW + 121, 30, step_s=1)
    assert state_after(runs, NOW + 8_000) is GroupState.ONGOING
    # The worker is back, and works off what has waited.
    succeed(runs, NOW + 9_000, 60, step_s=0.5)
    assert state_after(runs, NOW + 9_061) is GroupState.ONGOING
    runs.put(failed(8, NOW + 9_062))
    assert only(runs).state is GroupState.ONGOING, "it was never fixed"
    # Neither do two times of work with a pause make one long enough.
    succeed(runs, NOW + 9_100, 3_600, step_s=100)
    assert state_after(runs, NOW + 50_000) is GroupState.ONGOING
    succeed(runs, NOW + 50_000, 7_200, step_s=100)
    assert state_after(runs, NOW + 57_200) is GroupState.RECOVERED


def unnamed(kind: str, number: int, at: float, **error: str) -> TaskRun:
    """Return the end of a run whose event does not name the task."""
    fields = {"error": {"type": "ValueError", "message": "no", **error}} if error else {}
    return run_update(task_event(kind, at, f"{number:032x}", task_name="", **fields))


def test_a_group_follows_the_task_that_becomes_known_and_recovers() -> None:
    runs = TaskRuns()
    runs.put(unnamed("failed", 1, NOW, traceback=TRACE))
    assert only(runs).tasks == ("",)
    runs.put(run_update(task_message(NOW - 1, f"{1:032x}", "orders:extract")))
    group = only(runs)
    assert (group.tasks, group.count, group.retained) == (("orders:extract",), 1, 1)
    succeed(runs, NOW + 10, 1_200, "orders:extract")
    assert state_after(runs, NOW + 1_300) == "recovered"


def test_a_task_recovers_whose_success_is_named_later() -> None:
    runs = TaskRuns()
    runs.put(failed(1, NOW))
    succeed(runs, NOW + 10, 900)
    runs.put(unnamed("succeeded", 2, NOW + 1_150))
    assert state_after(runs, NOW + 1_200) == "ongoing"
    runs.put(run_update(task_message(NOW + 1_100, f"{2:032x}")))
    assert state_after(runs, NOW + 1_200) == "recovered"


def test_a_success_counts_for_no_other_task_once_it_is_named() -> None:
    runs = TaskRuns()
    runs.put(unnamed("failed", 1, NOW, traceback=TRACE))
    for number in range(2, 7):
        runs.put(unnamed("succeeded", number, NOW + 250 * number))
    assert state_after(runs, NOW + 1_600) == "recovered"
    for number in range(2, 5):
        runs.put(run_update(task_message(NOW + 5, f"{number:032x}")))
    assert state_after(runs, NOW + 1_600) == "ongoing"


def test_the_message_of_a_group_is_that_of_its_example_as_it_is_known_now() -> None:
    runs = TaskRuns()
    runs.put(unnamed("failed", 1, NOW, traceback=TRACE, message="no 1"))
    before = only(runs)
    runs.put(unnamed("failed", 1, NOW, traceback=TRACE, message="no 7"))
    (run,) = runs.rows
    assert run.reason == "ValueError: no 7"
    assert (only(runs).id, only(runs).message) == (before.id, run.reason)


def test_a_success_of_another_task_is_no_recovery() -> None:
    runs = TaskRuns()
    trace = 'Traceback (most recent call last):\n  File "/a/b.py", line 1, in f\nE: m'
    for number, task in enumerate(("m:f", "m:g")):
        error = {"type": "E", "message": "m", "traceback": trace}
        task_id = f"{number:032x}"
        runs.put(run_update(task_event("failed", NOW, task_id, error=error, task_name=task)))
    assert only(runs).tasks == ("m:f", "m:g")
    succeed(runs, NOW + 10, 2_000, "m:f")
    assert state_after(runs, NOW + 5_000) is GroupState.ONGOING
    succeed(runs, NOW + 20, 2_000, "m:g")
    assert state_after(runs, NOW + 5_000) is GroupState.RECOVERED


def test_what_fails_rarely_needs_a_longer_silence() -> None:
    runs = TaskRuns()
    for number in range(3):
        runs.put(failed(number, NOW + number * 3_600))
    succeed(runs, NOW + 7_300, 6 * 3_600, step_s=1_800)
    assert state_after(runs, NOW + 7_200 + 3 * 3_600) is GroupState.ONGOING
    assert state_after(runs, NOW + 7_200 + 6 * 3_600) is GroupState.RECOVERED


def test_a_failure_after_a_recovery_is_a_regression() -> None:
    runs = TaskRuns()
    runs.put(failed(1, NOW))
    succeed(runs, NOW + 10, 1_900)
    runs.put(failed(3, NOW + 2_000))
    assert only(runs).state is GroupState.REGRESSED
    succeed(runs, NOW + 2_010, 40_000)
    assert state_after(runs, NOW + 50_000) is GroupState.RECOVERED
    runs.put(failed(5, NOW + 50_001))
    assert only(runs).state is GroupState.REGRESSED


@pytest.mark.parametrize("is_read_later", [True, False])
def test_a_group_that_failed_in_between_has_not_regressed(*, is_read_later: bool) -> None:
    runs = TaskRuns()
    runs.put(failed(1, NOW))
    succeed(runs, NOW + 10, 1_900)
    between = [failed(10 + number, NOW + 100 * number) for number in range(1, 20)]
    for run in () if is_read_later else between:
        runs.put(run)
    runs.put(failed(3, NOW + 2_000))
    assert only(runs).state is (GroupState.REGRESSED if is_read_later else GroupState.ONGOING)
    for run in reversed(between):
        runs.put(run, older=is_read_later)
    assert only(runs).state is GroupState.ONGOING


@pytest.mark.parametrize("is_older", [True, False])
def test_a_regression_begins_with_the_failure_that_becomes_known_later(*, is_older: bool) -> None:
    runs = TaskRuns()
    runs.put(failed(1, NOW))
    succeed(runs, NOW + 10, 1_900)
    runs.put(failed(3, NOW + 2_100))
    runs.put(failed(2, NOW + 2_000), older=is_older)
    assert only(runs).state is GroupState.REGRESSED


def test_a_regression_is_as_of_the_time_at_which_its_failure_is_known_to_be() -> None:
    runs = TaskRuns()
    runs.put(failed(1, NOW))
    succeed(runs, NOW + 10, 1_900)
    number = f"{3:032x}"
    error = {"exc_type": "E", "exc_message": ["m"], "exc_module": "builtins"}
    runs.put(result_update(stored_object(NOW + 2_000.01, number), result_body(error=error)))
    later = only(runs)
    runs.put(failed(3, NOW + 2_000))
    group = only(runs)
    assert later.last_seen > group.last_seen == NOW + 2_000
    assert group.state is GroupState.REGRESSED
    past = runs.failure_groups.as_of(group.id, NOW + 1_950, NOW + 2_000)
    assert past is not None
    assert past.state is GroupState.REGRESSED


def test_older_failures_only_change_when_it_was_first_seen() -> None:
    runs = TaskRuns()
    runs.put(failed(1, NOW))
    runs.put(succeeded(2, NOW - 500), older=True)
    runs.put(failed(3, NOW - 5_000), older=True)
    group = only(runs)
    assert (group.state, group.first_seen, group.last_seen) == (
        GroupState.ONGOING,
        NOW - 5_000,
        NOW,
    )
    assert group.example == f"{1:032x}"


def test_a_task_that_always_fails_softly_has_not_recovered_in_between() -> None:
    runs = TaskRuns()
    for number in range(30):
        at, task_id = NOW + number * 3_600, f"{number:032x}"
        runs.put(run_update(task_event("succeeded", at, task_id)))
    # Their results are read later than their events, as after a start.
    for number in range(30):
        at, task_id = NOW + number * 3_600, f"{number:032x}"
        runs.put(result_update(stored_object(at + 0.01, task_id), result_body("Error: no")))
        assert only(runs).state is GroupState.ONGOING or number < 29
    assert state_after(runs, NOW + 900_000) is GroupState.ONGOING


def test_a_resolved_group_regresses_with_its_next_failure() -> None:
    runs = TaskRuns()
    runs.put(failed(1, NOW))
    marks = GroupMarks(resolved=Mark(NOW + 60, "bob@host"))
    runs.failure_groups.set_marks({only(runs).id: marks})
    assert (only(runs).state, only(runs).marks) == (GroupState.RESOLVED, marks)
    runs.put(failed(2, NOW + 61))
    assert only(runs).state is GroupState.REGRESSED
    runs.failure_groups.set_marks({only(runs).id: replace(marks, resolved=Mark(NOW + 62, "b"))})
    assert only(runs).state is GroupState.RESOLVED
    runs.failure_groups.set_marks({})
    assert only(runs).state is GroupState.ONGOING


@given(
    st.lists(
        st.tuples(st.sampled_from(["failed", "succeed"]), st.integers(1, 3_000)),
        min_size=1,
        max_size=25,
    ),
    st.integers(0, 25),
    st.none() | st.integers(0, 40_000),
)
def test_a_group_as_it_was_is_that_which_was_known_then(
    steps: list[tuple[str, int]], later: int, resolved_s: int | None
) -> None:
    runs, then, at, ends = TaskRuns(), TaskRuns(), NOW, []
    runs.put(failed(0, NOW, message="m 0"))
    then.put(failed(0, NOW, message="m 0"))
    for number, (kind, seconds) in enumerate(steps, start=1):
        at += seconds
        ends.append(at)
        for each in (runs, then) if number <= later else (runs,):
            if kind == "failed":
                each.put(failed(number, at, message=f"m {number}"))
            else:
                succeed(each, at, 1_500)
    end = ends[min(later, len(ends)) - 1] + 1_600 if later else NOW + 0.5
    if later < len(ends):
        end = min(end, ends[later] - 0.5)
    if resolved_s is not None:
        marks = {only(runs).id: GroupMarks(resolved=Mark(NOW + resolved_s, "bob@host"))}
        runs.failure_groups.set_marks(marks)
        if NOW + resolved_s <= end:
            then.failure_groups.set_marks(marks)
    then.failure_groups.tick_all(end)
    known, past = only(then), runs.failure_groups.as_of(only(runs).id, NOW, end)
    assert past is not None
    assert (past.state, past.last_seen, past.first_seen) == (
        known.state,
        known.last_seen,
        known.first_seen,
    )
    assert (past.message, past.example) == (known.message, known.example)
    assert runs.failure_groups.as_of(past.id, NOW - 2, NOW - 1) is None


# Results whose events are not read yet


def stored_failure(number: int, at: float) -> TaskRun:
    """Return what the result alone says of a failure."""
    error = {"exc_type": "ValueError", "exc_message": ["no"], "exc_module": "builtins"}
    body = result_body(error=error)
    return result_update(stored_object(at, f"{number:032x}"), body)


def test_a_result_is_in_no_group_while_its_event_may_be_read_yet() -> None:
    runs = TaskRuns()
    groups = runs.failure_groups
    groups.set_known_since(math.inf)
    for number in range(3):
        runs.put(stored_failure(number, NOW + 100 * number))
    assert (list(groups.groups()), groups.unjudged_until) == ([], NOW + 200)
    runs.put(unnamed("failed", 2, NOW + 200, traceback=TRACE))
    assert (only(runs).count, only(runs).fingerprint.grouped_by) == (1, GroupedBy.FRAMES)
    assert groups.unjudged_until == NOW + 100
    groups.set_known_since(NOW + 50)
    assert {each.fingerprint.grouped_by: each.count for each in groups.groups()} == {
        GroupedBy.FRAMES: 1,
        GroupedBy.MESSAGE: 1,
    }
    assert groups.unjudged_until == NOW
    runs.put(unnamed("failed", 0, NOW, traceback=TRACE), older=True)
    groups.set_known_since(-math.inf)
    assert sorted(each.count for each in groups.groups()) == [1, 2]
    runs.put(stored_failure(7, NOW + 300))
    assert sorted(each.count for each in groups.groups()) == [2, 2], "at once"
    groups.set_known_since(math.inf)
    runs.put(stored_failure(7, NOW + 300))
    assert sorted(each.count for each in groups.groups()) == [2, 2], "what was judged stays"


def test_a_state_is_known_once_all_that_is_later_was_read() -> None:
    runs = TaskRuns()
    groups = runs.failure_groups
    now = NOW + 50_000
    groups.set_states_known_since(math.inf, now)
    runs.put(failed(0, NOW))
    runs.put(failed(1, NOW + 40_000, type_="F"))
    found = {each.cause: each for each in groups.groups()}
    assert {each.state for each in found.values()} == {GroupState.UNKNOWN}
    succeed(runs, NOW + 40_100, 9_000, step_s=100)
    groups.set_states_known_since(NOW + 30_000, now)
    states = {each.cause: each.state for each in groups.groups()}
    assert states == {"E": GroupState.UNKNOWN, "F": GroupState.RECOVERED}, "without a tick"
    past = groups.as_of(found["E"].id, NOW - 1, NOW + 1)
    assert past is not None
    assert past.state is GroupState.UNKNOWN
    groups.tick(now)
    assert groups.rows[0].state is GroupState.UNKNOWN, "not by the clock"
    groups.set_states_known_since(-math.inf, now)
    assert {each.state for each in groups.groups()} == {GroupState.RECOVERED}
    groups.set_states_known_since(math.inf, now)
    assert {each.state for each in groups.groups()} == {GroupState.UNKNOWN}, "another connection"


def test_a_mark_is_in_force_while_the_state_is_unknown() -> None:
    state = SystemState()
    state.runs.put(failed(0, NOW))
    groups = state.failure_groups
    only_id = only(state.runs).id
    groups.set_states_known_since(math.inf, NOW + 60)
    groups.set_marks({only_id: GroupMarks(resolved=Mark(NOW + 10, "bob@host"))})
    assert only(state.runs).state is GroupState.UNKNOWN
    assert only(state.runs).has_mark(MarkKind.RESOLVED)
    assert attention_items(state, NOW + 60) == []
    state.runs.put(failed(1, NOW + 20))
    assert not only(state.runs).has_mark(MarkKind.RESOLVED)
    assert [each.group for each in attention_items(state, NOW + 60)] == [only_id]


def test_what_waits_is_forgotten_with_its_run() -> None:
    runs = TaskRuns(2)
    runs.failure_groups.set_known_since(math.inf)
    for number in range(2_000):
        runs.put(stored_failure(number, NOW + number))
    assert runs.failure_groups.unjudged_until == NOW + 1_999
    runs.failure_groups.set_known_since(-math.inf)
    assert runs.failure_groups.size == 2


# Attention


def test_an_item_is_of_one_group_and_has_exactly_the_runs_that_it_counts() -> None:
    state = SystemState()
    for number in range(3):
        state.runs.put(failed(number, NOW + number, message="refused by model 7"))
    state.runs.put(failed(8, NOW, message="out of stock"))
    state.runs.put(failed(9, NOW - WINDOW_S, message="refused by model 8"))
    first, second = attention_items(state, NOW + 10)
    assert (first.kind, first.count, first.cause) == (AttentionKind.FAILED, 3, "E")
    assert first.message == "refused by model 7"
    assert first.task_ids == tuple(f"{number:032x}" for number in (2, 1, 0))
    assert second.task_ids == (f"{8:032x}",)
    assert first.group != second.group


def test_muted_and_resolved_groups_need_no_attention() -> None:
    state = SystemState()
    state.runs.put(failed(1, NOW))
    (item,) = attention_items(state, NOW + 10)
    state.failure_groups.set_marks({item.group: MUTED})
    assert (attention_items(state, NOW + 10), muted_groups(state, NOW + 10)) == ([], 1)
    assert muted_groups(state, NOW + 2 * WINDOW_S) == 0
    resolved = GroupMarks(resolved=Mark(NOW + 5, "bob@host"))
    state.failure_groups.set_marks({item.group: resolved})
    assert (attention_items(state, NOW + 10), muted_groups(state, NOW + 10)) == ([], 0)


def test_failures_of_more_kinds_than_are_listed_are_all_counted() -> None:
    state = SystemState()
    groups = FailureGroups(state.runs.rows, capacity=600)
    state.failure_groups = state.runs.failure_groups = groups
    state.runs.put(failed(9_999, NOW - 2 * WINDOW_S, "Past"))
    for number in range(700):
        state.runs.put(failed(number, NOW + number / 100, f"T{number}", message=f"m{number}"))
    *listed, rest = attention_items(state, NOW + 60)
    assert [each.count for each in listed] == [1] * 600
    assert (listed[-1].cause, listed[-1].message, listed[-1].since > 0) == ("T100", "m100", True)
    assert (rest.is_rest, rest.group, rest.count) == (True, OTHER.id, 100)


def test_overdue_runs_of_more_tasks_than_are_listed_are_all_counted() -> None:
    state = SystemState()
    for number in range(700):
        message = task_message(NOW, f"{number:032x}", f"shop:t{number}")
        state.runs.put(run_update(message))
    state.runs.tick_all(NOW + 1_000)
    *listed, rest = attention_items(state, NOW + 1_000)
    assert len(listed) == 500
    assert (rest.is_rest, rest.count) == (True, 200)


# Cost


@pytest.mark.slow
def test_attention_items_of_many_kinds_are_computed_within_a_frame() -> None:
    state = SystemState()
    for number in range(10_000):
        state.runs.put(failed(number, NOW + number / 100, f"T{number}"))
    assert sum(item.count for item in attention_items(state, NOW + 1_000)) == 10_000
    start = time.process_time()
    for _number in range(5):
        attention_items(state, NOW + 1_000)
    assert (time.process_time() - start) / 5 < 0.033  # a third of it on a quiet machine


@pytest.mark.parametrize("kind", [pytest.param("failed", marks=pytest.mark.slow), "overdue"])
def test_attention_items_of_many_failures_are_computed_within_a_frame(kind: str) -> None:
    state = SystemState()
    for number in range(30_000):
        if kind == "failed":
            state.runs.put(failed(number, NOW + number / 100))
        else:
            state.runs.put(run_update(task_message(NOW, f"{number:032x}")))
    state.runs.tick_all(NOW + 1_000)
    (item,) = attention_items(state, NOW + 1_000)
    assert item.count == 30_000
    quickest = min(_seconds(lambda: attention_items(state, NOW + 1_000)) for _ in range(5))
    assert quickest < 0.01  # under a millisecond on a quiet machine


def test_a_failure_costs_little_however_many_groups_there_are() -> None:
    runs = TaskRuns(capacity=20_000)
    for number in range(6_000):
        runs.put(failed(number, NOW + number, f"T{number}"))
    assert len(runs.failure_groups.rows) == 5_001
    updates = [failed(number, NOW + number, f"T{number}") for number in range(6_000, 7_000)]

    def put_all() -> None:
        for update in updates:
            runs.put(update)

    assert _seconds(put_all) < 0.3  # new groups, each in place of another; about 0.05 s
    assert _seconds(lambda: runs.failure_groups.tick(NOW + 7_000)) < 0.05


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
