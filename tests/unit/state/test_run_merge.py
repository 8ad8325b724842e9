"""The same updates of a run give the same record, in any order and any number of times."""

import itertools
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import decode_event
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.progress import Progress
from pulse_desktop.state.run import (
    Attempt,
    AttemptResult,
    Request,
    RunError,
    StoredOutcome,
    TaskRun,
)
from pulse_desktop.state.run_merge import derive_state, merge
from pulse_desktop.state.run_updates import update_from_event, update_from_object
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    TASK,
    VALUE_ERROR,
    WORKER,
    queued_event,
    raw_message,
    result_body,
    result_update,
    run_update,
    stored_object,
    task_event,
    task_message,
)

ERROR = {"type": "ProviderTimeout", "message": "no answer", "traceback": "Traceback ..."}


def older_event(name: str, at: float, **data: Any) -> InboundMessage:
    body = {"type": name, "task_name": NAME, "status": "x", "timestamp": at, "data": data}
    return raw_message("monitoring", body, at + 0.02)


STORED = stored_object(NOW + 9.1)
RUN_UPDATES = {
    "the task": run_update(task_message(NOW)),
    "the task sent again": run_update(task_message(NOW + 4, _retries="1", rerun_of="b" * 32)),
    "queued": run_update(queued_event(NOW + 0.001)),
    "started": run_update(task_event("started", NOW + 1, max_attempts=3)),
    "progress": run_update(task_event("progress", NOW + 1.5, done=1, total=4)),
    "more progress": run_update(task_event("progress", NOW + 1.7, done=2, total=4)),
    "failed": run_update(
        task_event("failed", NOW + 2, will_retry=True, max_attempts=3, error=ERROR, run_s=1.0)
    ),
    "started again": run_update(task_event("started", NOW + 5, attempt=2)),
    "succeeded": run_update(
        task_event("succeeded", NOW + 9, attempt=2, run_s=4.0, result_bytes=200)
    ),
    "older started": run_update(
        older_event("task_started", NOW + 1, task_id=TASK, params={"k": "v"})
    ),
    "older failed": run_update(
        older_event(
            "task_failed", NOW + 2, task_id=TASK, duration_ms=1000, error_message="no answer"
        )
    ),
    "stored": update_from_object(STORED),
    "read": result_update(STORED, result_body({"status": "ok"})),
}
CANCELLED = {
    "cancelled": run_update(task_event("cancelled", NOW + 9.2, attempt=2, run_s=4.1)),
    "cancelled before": run_update(task_event("cancelled", NOW + 0.5, attempt=None)),
}
ALL = {**RUN_UPDATES, **CANCELLED}


def fold(names: Iterable[str]) -> TaskRun:
    runs = TaskRuns()
    for name in names:
        # The first update becomes the record itself: copy it, so that examples stay independent.
        runs.put(msgspec.structs.replace(ALL[name]))
    return _known(runs)


def _known(runs: TaskRuns) -> TaskRun:
    run = runs.get(TASK)
    assert run is not None
    return run


@given(st.data())
def test_any_order_and_repetition_of_updates_gives_the_same_record(data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(ALL)), min_size=1).map(sorted))
    again = data.draw(st.lists(st.sampled_from(names), max_size=8))
    shuffled = data.draw(st.permutations(names + again))
    assert fold(shuffled) == fold(names)


def test_all_updates_of_a_run_give_one_record_in_any_order() -> None:
    expected = fold(RUN_UPDATES)
    assert expected.state is RunState.SUCCEEDED
    assert (expected.queued_at, expected.started_at, expected.finished_at) == (
        NOW,
        NOW + 5,
        NOW + 9,
    )
    assert (expected.wait_s, expected.run_s) == (1.0, 4.0)
    assert (expected.attempt, expected.max_attempts, expected.worker) == (2, 3, WORKER)
    assert expected.request is not None
    assert (expected.request.rank, expected.request.args) == (2, b"[1]")
    assert expected.progress is not None
    assert expected.progress.done == 2
    assert expected.error is None
    for first in RUN_UPDATES:
        rest = [name for name in reversed(RUN_UPDATES) if name != first]
        assert fold([first, *rest, first]) == expected


def test_the_order_of_two_updates_does_not_matter() -> None:
    for one, other in itertools.combinations(ALL, 2):
        assert fold([one, other]) == fold([other, one]), (one, other)


# Few values per field, so that ties and conflicts are common.
times: st.SearchStrategy[float] = st.sampled_from([NOW, NOW + 1, NOW + 2])
words = st.sampled_from(["", "a", "b", "b\0c"])
errors = st.none() | st.builds(RunError, words, words, words)
results = st.builds(
    AttemptResult,
    times,
    st.sampled_from(["succeeded", "failed", "cancelled"]),
    st.booleans(),
    st.none() | st.sampled_from([0.5, 1.5]),
    errors,
    st.none() | st.sampled_from([10, 20]),
)
starts = st.builds(Attempt, st.integers(1, 3), times, words)
ends = st.builds(Attempt, st.integers(1, 3), st.none(), words, results)
requests = st.builds(Request, st.integers(0, 2), st.integers(-1, 0), words, *[st.just(b"1")] * 3)
outcomes = st.builds(
    StoredOutcome,
    times,
    st.integers(0, 2),
    st.sampled_from([1, 2]),
    st.sampled_from(["", "succeeded", "soft_failed", "failed", "cancelled"]),
    words,
    st.none() | st.sampled_from([0.5, 1.5]),
    errors,
    st.sampled_from(["", "json"]),
)


no_attempts: st.SearchStrategy[tuple[Attempt, ...]] = st.just(())


@st.composite
def updates(draw: st.DrawFn) -> TaskRun:
    request = draw(st.none() | requests)
    return derive_state(
        TaskRun(
            TASK,
            request.task_name if request is not None else draw(words),
            request,
            draw(st.none() | times),
            draw(st.integers(0, 2)),
            draw(st.integers(0, 2)),
            draw(no_attempts | st.tuples(starts | ends)),
            draw(
                st.none()
                | st.builds(
                    Progress,
                    times,
                    times,
                    times,
                    words,
                    *[st.none() | st.sampled_from([0.0, 1.5])] * 2,
                )
            ),
            draw(st.none() | times),
            draw(st.none() | outcomes),
            draw(words),
            draw(times),
        )
    )


@given(updates(), updates())
def test_merging_is_commutative(a: TaskRun, b: TaskRun) -> None:
    assert merge(a, b) == merge(b, a)


@given(updates(), updates(), updates())
def test_merging_is_associative(a: TaskRun, b: TaskRun, c: TaskRun) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(updates(), updates())
def test_merging_is_idempotent(a: TaskRun, b: TaskRun) -> None:
    assert merge(a, a) == a
    assert merge(merge(a, b), b) == merge(a, b)


@given(updates(), updates())
def test_merging_does_not_change_either_update(a: TaskRun, b: TaskRun) -> None:
    before = msgspec.structs.replace(a), msgspec.structs.replace(b)
    merge(a, b)
    assert (a, b) == before


def test_a_run_keeps_only_its_latest_attempts() -> None:
    runs = TaskRuns()
    for number in (*range(1, 301), *range(50, 90)):
        runs.put(run_update(task_event("started", NOW + number, attempt=number)))
    run = _known(runs)
    assert [attempt.number for attempt in run.attempts] == list(range(201, 301))
    assert run.wait_s is None


@pytest.mark.parametrize("kind", ["queued", "started", "succeeded"])
def test_the_fast_and_the_slow_decoder_give_the_same_update(kind: str) -> None:
    message = (
        queued_event(labels_types={"task_name": 3})
        if kind == "queued"
        else task_event(kind, run_s=0.25, result_bytes=7, max_attempts=2, queued_at=NOW - 1)
    )
    if kind == "started":
        message = task_event(kind, max_attempts=2, queued_at="2026-11-23T10:49:01+00:00")
    event = decode_event("tasks", message.payload, message.at)
    fast, slow = run_update(message), update_from_event(event)
    assert fast == slow


def test_the_error_of_the_event_outranks_the_stored_one() -> None:
    runs = TaskRuns()
    runs.put(result_update(STORED, result_body(error=VALUE_ERROR)))
    assert _known(runs).error == RunError("ValueError", "no such file")
    runs.put(run_update(task_event("failed", NOW + 9, will_retry=False, error=ERROR)))
    assert _known(runs).error == RunError(*ERROR.values())
    assert _known(runs).state is RunState.FAILED
