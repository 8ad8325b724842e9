"""The same accounts of a run give the same record, in any order and however often they come."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import decode_event
from pulse_desktop.state.run import (
    Attempt,
    AttemptResult,
    Progress,
    Request,
    RunError,
    StoredOutcome,
    TaskRun,
)
from pulse_desktop.state.run_merge import derive_state, merge
from pulse_desktop.state.run_updates import update_from_event
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    TASK,
    VALUE_ERROR,
    WORKER,
    account,
    object_account,
    queued_event,
    raw_arrival,
    result_account,
    result_body,
    stored_object,
    task_arrival,
    task_event,
)

ERROR = {"type": "ProviderTimeout", "message": "no answer", "traceback": "Traceback ..."}


def older(name, at, **data):
    body = {"type": name, "task_name": NAME, "status": "x", "timestamp": at, "data": data}
    return raw_arrival("monitoring", body, at + 0.02)


STORED = stored_object(NOW + 9.1)
A_LIFE = {
    "the task": account(task_arrival(NOW)),
    "the task sent again": account(task_arrival(NOW + 4, _retries="1", rerun_of="b" * 32)),
    "queued": account(queued_event(NOW + 0.001)),
    "started": account(task_event("started", NOW + 1, max_attempts=3)),
    "progress": account(task_event("progress", NOW + 1.5, done=1, total=4)),
    "more progress": account(task_event("progress", NOW + 1.7, done=2, total=4)),
    "failed": account(
        task_event("failed", NOW + 2, will_retry=True, max_attempts=3, error=ERROR, run_s=1.0)
    ),
    "started again": account(task_event("started", NOW + 5, attempt=2)),
    "succeeded": account(task_event("succeeded", NOW + 9, attempt=2, run_s=4.0, result_bytes=200)),
    "older started": account(older("task_started", NOW + 1, task_id=TASK, params={"k": "v"})),
    "older failed": account(
        older("task_failed", NOW + 2, task_id=TASK, duration_ms=1000, error_message="no answer")
    ),
    "stored": object_account(STORED),
    "read": result_account(STORED, result_body({"status": "ok"})),
}
CANCELLED = {
    "cancelled": account(task_event("cancelled", NOW + 9.2, attempt=2, run_s=4.1)),
    "cancelled before": account(task_event("cancelled", NOW + 0.5, attempt=None)),
}
ALL = {**A_LIFE, **CANCELLED}
any_accounts = st.lists(st.sampled_from(sorted(ALL)), min_size=1, max_size=25)


def fold(names):
    runs = TaskRuns()
    for name in names:
        # A first account becomes the record itself, so it is copied to keep the examples apart.
        runs.put(msgspec.structs.replace(ALL[name]))
    return runs.get(TASK)


@given(st.data())
@settings(max_examples=300)
def test_any_order_and_repetition_gives_the_same_record(data) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(ALL)), min_size=1).map(sorted))
    again = data.draw(st.lists(st.sampled_from(names), max_size=8))
    shuffled = data.draw(st.permutations(names + again))
    assert fold(shuffled) == fold(names)


def test_the_whole_life_gives_one_record_in_any_order() -> None:
    expected = fold(A_LIFE)
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
    for first in A_LIFE:
        rest = [name for name in reversed(A_LIFE) if name != first]
        assert fold([first, *rest, first]) == expected


def test_two_accounts_give_the_same_whichever_comes_first() -> None:
    for one, other in itertools.combinations(ALL, 2):
        assert fold([one, other]) == fold([other, one]), (one, other)


# Every field drawn from few values, so that ties and conflicts are common.
times = st.sampled_from([NOW, NOW + 1, NOW + 2])
words = st.sampled_from(["", "a", "b", "b\0c"])
errors = st.none() | st.builds(RunError, words, words, words)
endings = st.builds(
    AttemptResult,
    times,
    st.sampled_from(["succeeded", "failed", "cancelled"]),
    st.booleans(),
    st.none() | st.sampled_from([0.5, 1.5]),
    errors,
    st.none() | st.sampled_from([10, 20]),
)
starts = st.builds(Attempt, st.integers(1, 3), times, words)
ends = st.builds(Attempt, st.integers(1, 3), st.none(), words, endings)
requests = st.builds(Request, st.integers(0, 2), st.integers(-1, 0), words, *[st.just(b"1")] * 3)
answers = st.builds(
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


@st.composite
def accounts(draw):
    request = draw(st.none() | requests)
    return derive_state(
        TaskRun(
            TASK,
            request.task_name if request is not None else draw(words),
            request,
            draw(st.none() | times),
            draw(st.integers(0, 2)),
            draw(st.integers(0, 2)),
            draw(st.just(()) | st.tuples(starts | ends)),
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
            draw(st.none() | answers),
            draw(words),
            draw(times),
        )
    )


@given(accounts(), accounts())
@settings(max_examples=300)
def test_joining_is_commutative(a, b) -> None:
    assert merge(a, b) == merge(b, a)


@given(accounts(), accounts(), accounts())
@settings(max_examples=300)
def test_joining_is_associative(a, b, c) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(accounts(), accounts())
def test_joining_is_idempotent(a, b) -> None:
    assert merge(a, a) == a
    assert merge(merge(a, b), b) == merge(a, b)


@given(accounts(), accounts())
def test_joining_leaves_both_accounts_as_they_were(a, b) -> None:
    before = msgspec.structs.replace(a), msgspec.structs.replace(b)
    merge(a, b)
    assert (a, b) == before


def test_a_run_delivered_endlessly_keeps_only_its_latest_attempts() -> None:
    runs = TaskRuns()
    for number in (*range(1, 301), *range(50, 90)):
        runs.put(account(task_event("started", NOW + number, attempt=number)))
    run = runs.get(TASK)
    assert [attempt.number for attempt in run.attempts] == list(range(201, 301))
    assert run.wait_s is None


@pytest.mark.parametrize("kind", ["queued", "started", "succeeded"])
def test_the_quick_reading_and_the_careful_one_say_the_same(kind) -> None:
    arrival = (
        queued_event(labels_types={"task_name": 3})
        if kind == "queued"
        else task_event(kind, run_s=0.25, result_bytes=7, max_attempts=2, queued_at=NOW - 1)
    )
    if kind == "started":
        arrival = task_event(kind, max_attempts=2, queued_at="2026-11-23T10:49:01+00:00")
    event = decode_event("tasks", arrival.payload, arrival.at)
    quick, careful = account(arrival), update_from_event(event)
    assert quick == careful


def test_an_error_is_told_with_its_stored_form_only_while_the_worker_says_nothing() -> None:
    runs = TaskRuns()
    runs.put(result_account(STORED, result_body(error=VALUE_ERROR)))
    assert runs.get(TASK).error == RunError("ValueError", "no such file")
    runs.put(account(task_event("failed", NOW + 9, will_retry=False, error=ERROR)))
    assert runs.get(TASK).error == RunError(*ERROR.values())
    assert runs.get(TASK).state is RunState.FAILED
