"""What heartbeats say of control, the catalogue of tasks, and how fast a run goes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import TaskProgress
from pulse_desktop.state.progress import Progress, progress_from_object
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_schemas import (
    ArgumentProblem,
    TaskSchemas,
    argument_errors,
    read_schema,
    template,
)
from pulse_desktop.state.workers import WorkerActivity
from pulse_desktop.text.schema_text import argument_error_label, type_label
from tests.unit.state.state_builders import (
    NOW,
    TASK,
    WORKER,
    event_arrival,
    task_arrival,
    task_event,
)

CONTROL = "pulse.control.worker.worker-2_host-a_4121"


def heartbeat(at=NOW, **told):
    told = {"worker": WORKER, "slots": 4, "busy": 0, "control": CONTROL, **told}
    return event_arrival("monitoring", "worker.heartbeat", told, at)


def folded(*arrivals):
    state = SystemState()
    state.fold(arrivals)
    return state


def test_a_worker_is_paused_draining_busy_or_idle_as_it_says() -> None:
    for told, work in (
        ({}, WorkerActivity.IDLE),
        ({"busy": 2}, WorkerActivity.BUSY),
        ({"busy": 2, "paused": True}, WorkerActivity.PAUSED),
        ({"paused": True, "draining": True}, WorkerActivity.DRAINING),
        ({"busy": None}, WorkerActivity.UNKNOWN),
    ):
        worker = folded(heartbeat(**told)).workers.get(WORKER)
        assert worker.activity is work, told


def test_only_those_with_a_control_subject_that_are_alive_take_orders() -> None:
    state = folded(
        heartbeat(log_level="debug"),
        heartbeat(worker="w2", control=None),
        heartbeat(NOW - 300, worker="w3"),
    )
    assert state.workers.accepting_commands(NOW) == [WORKER]
    assert state.workers.get(WORKER).log_level == "DEBUG"
    assert state.workers.get("w2").control == ""


def test_what_runs_is_read_from_both_forms_of_heartbeats() -> None:
    task = {"task_id": TASK, "task_name": "m:f", "started_at": None, "attempt": 1}
    for key in ("tasks", "running"):
        state = folded(heartbeat(**{key: [task]}))
        assert list(state.workers.busy_tasks(NOW)) == [TASK]


def test_a_catalogue_stays_until_it_is_told_anew() -> None:
    entry = {"doc": "Adds.", "args": {"properties": {"a": {"type": "integer"}}}, "is_sync": True}
    state = folded(heartbeat(catalogue={"m:add": entry}), heartbeat(NOW + 5))
    known = state.workers.task_schemas
    assert [each.task_name for each in known] == ["m:add"]
    before = known.get("m:add")
    assert (before.doc, before.is_sync) == ("Adds.", True)
    state.fold([heartbeat(NOW + 60, catalogue={"m:add": entry})])
    assert known.get("m:add") is before, "nothing new was said"
    state.fold([heartbeat(NOW + 120, catalogue={"m:add": {**entry, "doc": "Adds two."}})])
    assert known.get("m:add").doc == "Adds two."


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
def test_whatever_a_schema_is_reading_it_and_judging_by_it_never_raises(
    schema, args, kwargs
) -> None:
    TaskSchemas().apply({"m:f": schema})
    signature = read_schema("m:f", {"args": schema})
    for error in argument_errors(signature, args, kwargs):
        assert argument_error_label(error)
    for argument in signature.arguments:
        assert len(type_label(argument.type)) <= 200
    assert template(signature)


def test_a_schema_with_definitions_and_choices_is_read() -> None:
    signature = read_schema(
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
    assert [type_label(argument.type) for argument in signature.arguments] == [
        'one of "fast", "slow"',
        "array of integer",
        "number or null",
        "anything",
    ]
    assert argument_errors(signature, ["fast", [1]], {"limit": 3, "rest": {"a": 1}}) == []
    (error,) = argument_errors(signature, ["fast"], {})
    assert (error.problem, error.name) == (ArgumentProblem.MISSING, "ids")
    assert argument_error_label(error) == "missing: ids (array of integer)"
    assert template(signature) == b'{"mode":"","ids":[],"limit":null}'


def test_a_rate_and_the_time_left_are_the_workers_or_else_reckoned() -> None:
    told = Progress(NOW + 10, 60, 200, rate=12.0, eta_s=11.0)
    assert (told.fraction, told.rate_since(NOW)) == (0.3, 12.0)
    assert told.remaining_s(NOW, NOW + 14) == 7.0
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
def test_stored_progress_of_any_task_is_read_as_far_as_it_goes(
    state, meta, done, total, message
) -> None:
    read = progress_from_object(TaskProgress(state, meta, "json"), NOW)
    assert (read.done, read.total, read.message) == (done, total, message)


def stored(at, sequence=1, **more):
    return StoredObject(f"progress:{TASK}", 80, 1, "n", at, sequence=sequence, **more)


def test_stored_progress_is_read_only_of_runs_that_go_on_and_only_once() -> None:
    state = folded(stored(NOW + 2))
    state.tick(NOW + 3)
    assert state.pending_reads == [], "nobody knows that task"
    state.fold([task_arrival(NOW)])
    state.tick(NOW + 4)
    (found,) = state.pending_reads
    state.pending_reads.clear()
    state.fold_progress(found, TaskProgress("STARTED", {"done": 1, "total": 2}, "json"))
    assert state.runs.get(TASK).progress.done == 1
    state.tick(NOW + 5)
    assert state.pending_reads == []
    state.fold([task_event("succeeded", NOW + 6), stored(NOW + 7, 2)])
    state.tick(NOW + 8)
    assert state.pending_reads == [], "it has ended"
    assert state.runs.get(TASK).state is RunState.SUCCEEDED


def test_what_an_event_has_told_is_not_read_again() -> None:
    state = folded(
        task_arrival(NOW), task_event("progress", NOW + 5, done=1, total=2), stored(NOW + 5.1)
    )
    state.tick(NOW + 6)
    assert state.pending_reads == []
    state.fold([stored(NOW + 60, 2), stored(NOW + 60, 3, deleted=True)])
    state.tick(NOW + 61)
    assert state.pending_reads == [], "it was deleted"
