"""Progress of runs, from events and from stored objects."""

from typing import Any

import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import TaskProgress
from pulse_desktop.state.progress import Progress, progress_from_object
from pulse_desktop.state.run import TaskRun
from tests.unit.state.state_builders import (
    NOW,
    TASK,
    run_of,
    state_of,
    task_event,
    task_message,
)


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
