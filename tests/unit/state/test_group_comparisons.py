"""What failures share is found out in slices, and is the same as when it is found at once."""

from pulse_desktop.state.failure_group import FailureGroup
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.shared_values import RunValues
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import NAME, NOW, run_update, task_event, task_message

MOST = 60
"""Runs of which one tick reads the values."""


class CountingValues(RunValues):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def of(self, run: TaskRun) -> dict[str, str]:
        self.count += 1
        return super().of(run)


def many_runs(runs: TaskRuns, groups: int = 3, failures: int = 150) -> None:
    for number in range(groups * failures * 2):
        at, task_id, fails = NOW + number, f"{number:032x}", number % 2
        language = "pl" if fails else "uk"
        runs.put(run_update(task_message(at, task_id, language=language)))
        error = {"type": f"T{number // 2 % groups}", "message": "m"}
        event = task_event("failed", at, task_id, error=error) if fails else None
        runs.put(run_update(event or task_event("succeeded", at, task_id, task_name=NAME)))


def shared(groups: list[FailureGroup]) -> set[tuple[str, str, int, int]]:
    return {
        (each.field, each.value, each.members, each.successes)
        for group in groups
        for each in group.shared
    }


def test_a_tick_reads_few_runs_and_ticks_find_what_is_found_at_once() -> None:
    runs = TaskRuns()
    values = runs.failure_groups.values = CountingValues()
    many_runs(runs)
    for tick in range(100):
        before = values.count
        runs.failure_groups.tick(NOW + tick)
        assert values.count - before <= MOST
        if values.count == before:
            break
    found = shared(list(runs.failure_groups.groups()))
    assert ("label.language", "pl", 150, 0) in found
    assert values.count == 3 * 150 + 200  # the successes of a task once for all groups
    at_once = TaskRuns()
    many_runs(at_once)
    at_once.failure_groups.tick_all(NOW)
    assert shared(list(at_once.failure_groups.groups())) == found


def test_successes_that_came_later_count() -> None:
    runs = TaskRuns()
    many_runs(runs, groups=1, failures=5)
    runs.failure_groups.tick(NOW)
    assert shared(list(runs.failure_groups.groups())) == {("label.language", "pl", 5, 0)}
    for number in range(100, 150):
        task_id = f"{number:032x}"
        runs.put(run_update(task_message(NOW, task_id, language="pl")))
        runs.put(run_update(task_event("succeeded", NOW + number, task_id)))
    failure = f"{200:032x}"
    runs.put(run_update(task_message(NOW, failure, language="pl")))
    error = {"type": "T0", "message": "m"}
    runs.put(run_update(task_event("failed", NOW + 200, failure, error=error)))
    for _tick in range(3):
        runs.failure_groups.tick(NOW + 1)
    assert shared(list(runs.failure_groups.groups())) == set()


def test_a_tick_checks_a_part_of_the_open_runs_and_some_ticks_check_all() -> None:
    state = SystemState()
    for number in range(1_000):
        state.runs.put(run_update(task_message(NOW, f"{number:032x}")))
    state.runs.tick(NOW + 1_000)
    assert 0 < len(state.runs.overdue) < 1_000
    state.runs.tick_all(NOW + 1_000)
    assert len(state.runs.overdue) == 1_000


def test_thirty_thousand_overdue_runs_are_judged_in_bounded_slices() -> None:
    state = SystemState()
    for number in range(30_000):
        state.runs.put(run_update(task_message(NOW, f"{number:032x}")))
    now, slices, judged = NOW + 1_000, 1, 0
    state.tick(now)
    more = True
    while more:
        assert len(state.runs.overdue) - judged <= 100
        judged = len(state.runs.overdue)
        more = state.tick_more(now)
        slices += 1
    assert len(state.runs.overdue) == 30_000
    assert slices < 350
    assert not state.tick_more(now), "nothing is left until the next tick"


def test_further_slices_complete_what_failures_share_and_end() -> None:
    runs = TaskRuns()
    values = runs.failure_groups.values = CountingValues()
    many_runs(runs)
    runs.failure_groups.tick(NOW)
    before, more = values.count, True
    while more:
        more = runs.failure_groups.tick_more(NOW)
        assert values.count - before <= MOST
        before = values.count
    assert values.count == 3 * 150 + 200
    assert len(shared(list(runs.failure_groups.groups()))) >= 1
