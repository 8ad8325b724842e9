"""Runs and events as the documented JSON."""

import json

import msgspec

from pulse_desktop.state.serialize import event_to_dict, run_to_dict
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    TASK,
    raw_message,
    run_of,
    state_of,
    stored_object,
    task_event,
    task_message,
)


def test_a_serialized_run_has_the_documented_json_fields() -> None:
    stored = stored_object(NOW + 3)
    state = state_of(
        task_message(rerun_of="b" * 32),
        task_event("started", NOW + 1),
        task_event("failed", NOW + 2, error={"type": "E", "message": "m"}, run_s=1.0),
        stored,
    )
    described = json.loads(msgspec.json.encode(run_to_dict(run_of(state))))
    assert described == {
        "task_id": TASK,
        "task_name": NAME,
        "state": "failed",
        "args": [1],
        "kwargs": {"k": "v"},
        "labels": {"rerun_of": "b" * 32},
        "format": "json",
        "queued_at": "2026-11-23T10:49:02.000000+00:00",
        "started_at": "2026-11-23T10:49:03.000000+00:00",
        "finished_at": "2026-11-23T10:49:04.000000+00:00",
        "wait_s": 1.0,
        "run_s": 1.0,
        "worker": "worker-2@host-a:4121",
        "attempt": 1,
        "error": {"type": "E", "message": "m"},
        "rerun_of": "b" * 32,
        "progress": None,
        "arguments_from": "queue",
    }


def test_a_serialized_unreadable_event_has_its_problem_and_bytes() -> None:
    state = state_of(raw_message("tasks", b"\xff{"))
    described = json.loads(msgspec.json.encode(event_to_dict(state.log[0])))
    assert described["type"] is None
    assert described["data"] is None
    assert described["problem"].startswith("not JSON")
    assert described["raw"] == "\\xff{"
