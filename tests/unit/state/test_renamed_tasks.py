"""The old and the new name of a renamed task are one task in everything that is shown."""

import pytest

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import decode_event_raw, encode_event
from pulse_desktop.protocol.task_names import ALIASES
from pulse_desktop.query import compile_query, parse
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.serialize import run_to_dict
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.workers import Workers
from tests.unit.state.state_builders import (
    NOW,
    fold_body,
    result_body,
    run_update,
    stored_object,
    task_event,
    task_message,
)

NEW = "score_message_task"
OLD = "workers.tasks.scoring:score_message_task"
ERROR = {"type": "ValueError", "message": "no such file"}


@pytest.fixture
def state() -> SystemState:
    """One failed and one succeeded run under each name."""
    state = SystemState()
    for name in (OLD, NEW):
        for kind, fields in (("failed", {"error": ERROR}), ("succeeded", {"run_s": 1.0})):
            task_id = f"{kind}-{name}"
            state.fold(
                [
                    task_message(task_id=task_id, name=name),
                    task_event("started", NOW + 1, task_id, task_name=name),
                    task_event(kind, NOW + 2, task_id, task_name=name, **fields),
                ]
            )
    return state


def runs(state: SystemState) -> list[TaskRun]:
    return list(state.runs.rows)


def test_every_run_has_the_new_name_and_its_request_the_sent_one(state: SystemState) -> None:
    assert {run.name for run in runs(state)} == {NEW}
    assert {run.request.task_name for run in runs(state) if run.request} == {OLD, NEW}
    assert {run_to_dict(run)["task_name"] for run in runs(state)} == {NEW}


def test_failures_and_durations_are_counted_together(state: SystemState) -> None:
    groups = list(state.failure_groups.since(NOW))
    assert [(group.tasks, group.count) for group in groups] == [((NEW,), 2)]
    assert list(state.runs.durations) == [NEW]


@pytest.mark.parametrize("text", [NEW, OLD, "scoring:score", "Score_Message"])
def test_a_filter_finds_both_by_either_name(state: SystemState, text: str) -> None:
    for query in (f"state:failed {text}", f'state:failed task:"{text}"'):
        accepts = compile_query(parse(query), run_fields(), NOW).accepts
        assert sum(map(accepts, runs(state))) == 2, query


def test_a_result_without_a_run_has_the_new_name() -> None:
    state = SystemState()
    body = result_body("fine", labels={"task_name": OLD})
    state.results.put(stored_object())
    fold_body(state, stored_object(), body)
    assert [result.task_name for result in state.results.rows] == [NEW]


@pytest.mark.parametrize("first", [OLD, NEW])
def test_updates_under_both_names_merge_into_one_run(first: str) -> None:
    second = NEW if first == OLD else OLD
    state = SystemState()
    state.runs.put(run_update(task_event("started", NOW, task_name=first)))
    state.runs.put(run_update(task_event("succeeded", NOW + 1, task_name=second)))
    (run,) = runs(state)
    assert (run.name, run.state) == (NEW, RunState.SUCCEEDED)


def heartbeat(workers: Workers, name: str, at: float = NOW) -> None:
    schema = {"doc": "Score.", "args": {"properties": {"message_id": {}}}, "is_sync": False}
    data = {
        "worker": f"{name}@host:1",
        "catalogue": {name: schema},
        "running": [{"task_id": "a", "task_name": name}],
    }
    payload = encode_event("monitoring", "worker.heartbeat", data, source="w", now=at)[1]
    workers.apply(*decode_event_raw("monitoring", payload, at))


def test_workers_of_both_versions_announce_one_task() -> None:
    workers = Workers()
    for name in (OLD, NEW):
        heartbeat(workers, name)
    assert [schema.task_name for schema in workers.task_schemas] == [NEW]
    assert workers.task_schemas.get(OLD) == workers.task_schemas.get(NEW)
    assert all(OLD.encode() not in worker.tasks for worker in workers.rows)


def test_the_name_to_send_follows_from_the_heartbeats() -> None:
    workers = Workers()
    heartbeat(workers, NEW, NOW - 60)
    assert workers.announced.name_to_send(OLD, NOW) == NEW
    heartbeat(workers, OLD)
    assert workers.announced.name_to_send(NEW, NOW) == OLD


def test_no_other_task_is_affected() -> None:
    assert "workers.tasks.embeddings:embed_messages_batch" not in ALIASES
    run = run_update(task_message(name="workers.tasks.embeddings:embed_messages_batch"))
    assert run.name == "workers.tasks.embeddings:embed_messages_batch"
