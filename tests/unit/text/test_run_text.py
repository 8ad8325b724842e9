"""Text about runs: states, arguments, times and timelines; unknown values are left out."""

import pytest

from pulse_desktop.cli.argument_types import run_state
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.soft_failure import REPORTED_CANCELLED
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.state.progress import Progress
from pulse_desktop.state.run import (
    Attempt,
    AttemptResult,
    Request,
    RunError,
    StoredOutcome,
    TaskRun,
)
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.text.progress_text import progress_text
from pulse_desktop.text.run_text import (
    STATE_LABELS,
    STATE_MEANINGS,
    arguments_text,
    attempts_text,
    duration_text,
    reason_text,
    state_label,
    state_name,
    state_tooltip,
    timeline_events,
    wait_text,
)
from tests.kit.state_builder import StateBuilder

ID = "a" * 32
NOW = 1_763_894_400.0


def queued(**fields: object) -> TaskRun:
    return run(queued_at=NOW, **fields)


def run(**fields: object) -> TaskRun:
    made = TaskRun(ID, "app.tasks:ingest", last_seen=NOW)
    for name, value in fields.items():
        setattr(made, name, value)
    return derive_state(made)


def started(number: int, at: float) -> Attempt:
    return Attempt(number, at, "worker-1@host:7")


def failed(number: int, at: float, end: float, *, will_retry: bool = False) -> Attempt:
    result = AttemptResult(end, "failed", will_retry, error=RunError("ValueError", "no such file"))
    return Attempt(number, at, "worker-1@host:7", result)


def test_every_state_has_a_label_a_glyph_of_its_own_and_a_meaning() -> None:
    assert set(STATE_LABELS) == set(STATE_MEANINGS) == set(RunState)
    assert len({glyph for _label, glyph, _color in STATE_LABELS.values()}) == len(RunState)


def test_arguments_look_like_a_call() -> None:
    kwargs = b'{"limit":5,"ids":[1,2,3,4,5,6]}'
    request = Request(2, 0, "app:ingest", b'["export.json"]', kwargs, b"{}")
    assert arguments_text(run(request=request)) == '"export.json", limit=5, ids=[6 items]'
    assert arguments_text(run()) == ""


def test_a_queued_run_waits_until_now_and_a_running_one_runs_until_now() -> None:
    waiting = queued()
    assert (wait_text(waiting, NOW + 2), duration_text(waiting, NOW + 2)) == ("2.00 s", "")
    running = queued(attempts=(started(1, NOW + 3),))
    assert wait_text(running, NOW + 9) == "3.00 s"
    assert duration_text(running, NOW + 4.5) == "1.50 s"


def test_the_number_of_attempts_is_shown_from_the_second_one() -> None:
    assert attempts_text(run(attempts=(started(1, NOW),), max_attempts=3)) == ""
    assert attempts_text(run(attempts=(started(2, NOW),))) == "2"
    assert attempts_text(run(attempts=(started(2, NOW),), max_attempts=3)) == "2 of 3"
    # Delivered again after its worker died: that is no retry.
    assert attempts_text(run(attempts=(started(2, NOW),), max_attempts=1)) == "2"


def test_an_attempt_that_was_cancelled_before_its_start_has_no_duration() -> None:
    cancelled = AttemptResult(NOW + 9, "cancelled", run_s=0.01)
    redelivered = run(attempts=(started(1, NOW), Attempt(2, None, "w", cancelled)))
    assert redelivered.state is RunState.CANCELLED
    assert duration_text(redelivered, NOW + 10) == ""
    ran = run(attempts=(started(1, NOW), Attempt(2, NOW + 8, "w", cancelled)))
    assert duration_text(ran, NOW + 10) == "10 ms"
    assert attempts_text(run(attempts=(started(2, NOW),), max_attempts=3)) == "2 of 3"


def test_the_timeline_has_an_event_for_every_attempt() -> None:
    attempts = (failed(1, NOW + 1, NOW + 2, will_retry=True), failed(2, NOW + 5, NOW + 6))
    labels = [event.label for event in timeline_events(queued(attempts=attempts), NOW + 9)]
    assert labels[0].startswith("queued ")
    assert labels[1:] == [
        "started +1.00 s",
        "failed +1.00 s",
        "started again (2) +3.00 s",
        "failed +1.00 s",
    ]


def test_the_timeline_of_an_open_run_ends_now() -> None:
    events = timeline_events(queued(attempts=(started(1, NOW + 1),)), NOW + 13.3)
    assert (events[-1].label, events[-1].at) == ("running for 12.3 s", NOW + 13.3)


@pytest.mark.parametrize("worker_s", [-7200.0, -90.0, 0.0, 600.0])
@pytest.mark.parametrize("sender_s", [None, -7200.0, 0.0])
def test_a_run_lasts_since_the_report_of_its_start_whatever_the_clocks_say(
    worker_s: float, sender_s: float | None
) -> None:
    builder = StateBuilder(NOW)
    data: dict[str, object] = {"task_id": ID, "task_name": "app:ingest", "worker": "w@host:7"}
    if sender_s is None:
        builder.task(ID, at=NOW)
    else:
        data["queued_at"] = format_timestamp(NOW + sender_s)
    at = NOW + 1
    _id, payload = encode_event("tasks", "task.started", data, source="w", now=at + worker_s)
    builder.raw("tasks", payload, at=at)
    running = builder.state.runs.get(ID)
    assert running is not None
    assert running.running_since == pytest.approx(at, abs=1.0)
    assert duration_text(running, NOW + 121) in ("2 min 00 s", "2 min 01 s")
    *_before, last = timeline_events(running, NOW + 121)
    assert last.label in ("running for 2 min 00 s", "running for 2 min 01 s")
    data |= {"done": 1, "total": 5, "eta_s": 60}
    _id, payload = encode_event("tasks", "task.progress", data, source="w", now=at + worker_s)
    builder.raw("tasks", payload, at=at)
    running = builder.state.runs.get(ID)
    assert running is not None
    assert "about 20 s left" in progress_text(running, NOW + 41)


def test_an_overdue_run_tells_how_long_there_was_no_result() -> None:
    builder = StateBuilder(NOW)
    builder.task(ID)
    builder.started(ID, NOW + 10)
    builder.state.tick(NOW + 330)
    overdue = builder.state.runs.get(ID)
    assert overdue is not None
    assert overdue.state is RunState.OVERDUE
    assert timeline_events(overdue, NOW + 340)[-1].label == "overdue, no result after 5 min 30 s"
    assert (wait_text(overdue, NOW + 340), duration_text(overdue, NOW + 340)) == (
        "10.0 s",
        "5 min 30 s",
    )
    builder.task("b" * 32)
    builder.state.tick(NOW + 330)
    waiting = builder.state.runs.get("b" * 32)
    assert waiting is not None
    assert wait_text(waiting, NOW + 340) == "5 min 40 s"
    assert duration_text(waiting, NOW + 340) == ""


def test_a_run_of_which_only_the_end_is_known_has_no_start() -> None:
    attempt = Attempt(1, None, "w", AttemptResult(NOW, "succeeded"))
    (end,) = timeline_events(run(attempts=(attempt,)), NOW)
    assert end.label.startswith("succeeded ")


def test_a_cancelled_run_without_an_attempt_ends_with_its_cancellation() -> None:
    labels = [event.label for event in timeline_events(queued(cancelled_at=NOW + 2), NOW + 9)]
    assert labels[1:] == ["cancelled +2.00 s"]


def test_the_tooltip_of_a_failure_gives_its_reason() -> None:
    tooltip = state_tooltip(run(attempts=(failed(1, NOW, NOW + 1),)))
    assert tooltip == f"{STATE_MEANINGS[RunState.FAILED]}\nValueError: no such file"


def test_a_running_run_shows_how_much_is_done() -> None:
    running = run(attempts=(started(1, NOW),), progress=Progress(NOW, 3, 10, "chunk 3"))
    assert state_label(running) == "running 30 %"
    assert state_tooltip(running) == "3 of 10 chunk 3"


@pytest.mark.parametrize("reason", [REPORTED_CANCELLED, "Error: quota exceeded"])
def test_reasons_are_shown(reason: str) -> None:
    stored = StoredOutcome(NOW, 1, 10, "cancelled", reason, format="json")
    assert reason_text(run(stored_outcome=stored)) == reason


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (None, "Running; the task reports no progress"),
        (
            Progress(NOW + 10, 60, 200, rate=12.0, eta_s=11.0),
            "60 of 200 (30 %) · 12 per s · about 11 s left",
        ),
        (Progress(NOW + 10, 60, 0), "60 done · 6.0 per s"),
        (Progress(NOW + 10, 200, 200), "200 of 200 (100 %) · 20 per s"),
        (Progress(NOW + 100, 0.5, 2), "0.50 of 2 (25 %) · 18.0 per h · about 5 min 00 s left"),
    ],
)
def test_progress_of_a_running_run(progress: Progress | None, text: str) -> None:
    now = progress.at if progress is not None else NOW
    running = run(attempts=(started(1, NOW),), progress=progress)
    assert progress_text(running, now) == text


def test_a_queued_run_shows_that_it_waits_for_a_worker() -> None:
    assert progress_text(queued(), NOW) == "Waiting for a worker"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("", "result not read"), ("unread", "result not read"), ("unreadable", "unreadable result")],
)
def test_a_result_that_was_not_read_is_not_called_unreadable(kind: str, name: str) -> None:
    outcome = StoredOutcome(NOW, 1, 10, format=kind)
    ended = derive_state(run(queued_at=NOW - 1, stored_outcome=outcome))
    assert ended.state is RunState.RESULT_UNREADABLE
    assert state_name(ended) == name
    assert timeline_events(ended, NOW)[-1].label.startswith(name)
    both = STATE_LABELS[RunState.RESULT_UNREADABLE][0]
    assert not {"read", "unreadable"} & set(both.split()), "chips and charts count both"
    assert [run_state(each) for each in (name, both, "answered")] == ["answered"] * 3
