"""Heartbeats, task schemas and the progress of runs."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import TaskProgress
from pulse_desktop.state.progress import Progress, progress_from_object
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_schemas import (
    ArgumentProblem,
    TaskSchema,
    TaskSchemas,
    argument_errors,
    read_schema,
    template,
)
from pulse_desktop.state.workers import Worker, WorkerActivity
from pulse_desktop.text.schema_text import argument_error_label, type_label
from tests.unit.state.state_builders import (
    NOW,
    TASK,
    WORKER,
    event_message,
    run_of,
    state_of,
    task_event,
    task_message,
)

CONTROL = "pulse.control.worker.worker-2_host-a_4121"


def heartbeat(at: float = NOW, **fields: Any) -> InboundMessage:
    data = {"worker": WORKER, "slots": 4, "busy": 0, "control": CONTROL, **fields}
    return event_message("monitoring", "worker.heartbeat", data, at)


def worker_of(state: SystemState, worker_id: str = WORKER) -> Worker:
    """Return a worker that the state knows."""
    worker = state.workers.get(worker_id)
    assert worker is not None
    return worker


def schema_of(state: SystemState, task_name: str) -> TaskSchema:
    """Return the schema of a task that the state knows."""
    schema = state.workers.task_schemas.get(task_name)
    assert schema is not None
    return schema


def test_the_activity_of_a_worker_is_the_one_in_its_heartbeat() -> None:
    for fields, activity in (
        ({}, WorkerActivity.IDLE),
        ({"busy": 2}, WorkerActivity.BUSY),
        ({"busy": 2, "paused": True}, WorkerActivity.PAUSED),
        ({"paused": True, "draining": True}, WorkerActivity.DRAINING),
        ({"busy": None}, WorkerActivity.UNKNOWN),
    ):
        worker = worker_of(state_of(heartbeat(**fields)))
        assert worker.activity is activity, fields


def test_only_online_workers_with_a_control_subject_accept_commands() -> None:
    state = state_of(
        heartbeat(log_level="debug"),
        heartbeat(worker="w2", control=None),
        heartbeat(NOW - 300, worker="w3"),
    )
    assert state.workers.accepting_commands(NOW) == [WORKER]
    assert worker_of(state).log_level == "DEBUG"
    assert worker_of(state, "w2").control == ""


def test_running_tasks_are_read_from_both_forms_of_heartbeats() -> None:
    task = {"task_id": TASK, "task_name": "m:f", "started_at": None, "attempt": 1}
    for key in ("tasks", "running"):
        fields: dict[str, Any] = {key: [task]}
        state = state_of(heartbeat(**fields))
        assert list(state.workers.busy_tasks(NOW)) == [TASK]


def test_a_task_schema_is_kept_until_a_heartbeat_changes_it() -> None:
    entry = {"doc": "Adds.", "args": {"properties": {"a": {"type": "integer"}}}, "is_sync": True}
    state = state_of(heartbeat(catalogue={"m:add": entry}), heartbeat(NOW + 5))
    assert [schema.task_name for schema in state.workers.task_schemas] == ["m:add"]
    before = schema_of(state, "m:add")
    assert (before.doc, before.is_sync) == ("Adds.", True)
    state.fold([heartbeat(NOW + 60, catalogue={"m:add": entry})])
    assert schema_of(state, "m:add") is before, "the schema has not changed"
    state.fold([heartbeat(NOW + 120, catalogue={"m:add": {**entry, "doc": "Adds two."}})])
    assert schema_of(state, "m:add").doc == "Adds two."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
WORDS = st.sampled_from(
    ["type", "properties", "required", "anyOf", "enum", "$ref", "$defs", "items", "default", "args"]
)
SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.sampled_from(["string", "array", "#/$defs/X", "X"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner),
    max_leaves=15,
)


@given(SCHEMAS, st.lists(JSON, max_size=3), st.dictionaries(st.text(max_size=5), JSON, max_size=3))
@settings(max_examples=200)
def test_reading_and_applying_any_schema_never_raises(
    schema: Any, args: list[Any], kwargs: dict[str, Any]
) -> None:
    TaskSchemas().apply({"m:f": schema})
    task_schema = read_schema("m:f", {"args": schema})
    for error in argument_errors(task_schema, args, kwargs):
        assert argument_error_label(error)
    for argument in task_schema.arguments:
        assert len(type_label(argument.type)) <= 200
    assert template(task_schema)


def test_a_schema_with_definitions_and_choices_is_decoded() -> None:
    schema = read_schema(
        "m:f",
        {
            "args": {
                "$defs": {"Mode": {"enum": ["fast", "slow"], "type": "string"}},
                "properties": {
                    "mode": {"$ref": "#/$defs/Mode"},
                    "ids": {"type": "array", "items": {"type": "integer"}},
                    "limit": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
                    "rest": {},
                },
                "required": ["mode", "ids"],
                "additionalProperties": False,
            }
        },
    )
    assert [type_label(argument.type) for argument in schema.arguments] == [
        'one of "fast", "slow"',
        "array of integer",
        "number or null",
        "anything",
    ]
    assert argument_errors(schema, ["fast", [1]], {"limit": 3, "rest": {"a": 1}}) == []
    (error,) = argument_errors(schema, ["fast"], {})
    assert (error.problem, error.name) == (ArgumentProblem.MISSING, "ids")
    assert argument_error_label(error) == "missing: ids (array of integer)"
    assert template(schema) == b'{"mode":"","ids":[],"limit":null}'


def test_rate_and_remaining_time_are_reported_or_else_computed() -> None:
    reported = Progress(NOW + 10, 60, 200, rate=12.0, eta_s=11.0)
    assert (reported.fraction, reported.rate_since(NOW)) == (0.3, 12.0)
    assert reported.remaining_s(NOW, NOW + 14) == 7.0
    plain = Progress(NOW + 10, 60, 200)
    assert plain.rate_since(NOW) == 6.0
    assert plain.remaining_s(NOW, NOW + 10) == pytest.approx(140 / 6)
    assert plain.rate_since(None) is None
    assert Progress(NOW, 5, 0).fraction is None
    assert Progress(NOW, 5, 0).remaining_s(NOW - 1, NOW) is None


@pytest.mark.parametrize(
    ("state", "meta", "done", "total", "message"),
    [
        ("STARTED", {"done": 3, "total": 9, "message": "m"}, 3, 9, "m"),
        ("STARTED", {"current": 3, "total": 9}, 3, 9, "STARTED"),
        ("loading", {"percent": 40, "step": "two"}, 40, 100, "two"),
        ("half way", None, 0, 0, "half way"),
        ("STARTED", "row 7", 0, 0, "STARTED: row 7"),
        ("STARTED", {"done": "many"}, 0, 0, "STARTED"),
        ("STARTED", [1], 0, 0, "STARTED"),
    ],
)
def test_stored_progress_is_decoded_as_far_as_possible(
    state: str, meta: Any, done: int, total: int, message: str
) -> None:
    read = progress_from_object(TaskProgress(state, meta, "json"), NOW)
    assert (read.done, read.total, read.message) == (done, total, message)


def progress_of(run: TaskRun) -> Progress:
    assert run.progress is not None
    return run.progress


def stored(at: float, sequence: int = 1, **more: Any) -> StoredObject:
    return StoredObject(f"progress:{TASK}", 80, 1, "n", at, sequence=sequence, **more)


def test_stored_progress_of_an_open_run_is_read_once() -> None:
    state = state_of(stored(NOW + 2))
    state.tick(NOW + 3)
    assert state.pending_reads == [], "the task is unknown"
    state.fold([task_message(NOW)])
    state.tick(NOW + 4)
    (found,) = state.pending_reads
    state.pending_reads.clear()
    state.fold_progress(found, TaskProgress("STARTED", {"done": 1, "total": 2}, "json"))
    assert progress_of(run_of(state)).done == 1
    state.tick(NOW + 5)
    assert state.pending_reads == []
    state.fold([task_event("succeeded", NOW + 6), stored(NOW + 7, 2)])
    state.tick(NOW + 8)
    assert state.pending_reads == [], "it has ended"
    assert run_of(state).state is RunState.SUCCEEDED


def test_progress_known_from_an_event_is_not_read_again() -> None:
    state = state_of(
        task_message(NOW), task_event("progress", NOW + 5, done=1, total=2), stored(NOW + 5.1)
    )
    state.tick(NOW + 6)
    assert state.pending_reads == []
    state.fold([stored(NOW + 60, 2), stored(NOW + 60, 3, deleted=True)])
    state.tick(NOW + 61)
    assert state.pending_reads == [], "it was deleted"
