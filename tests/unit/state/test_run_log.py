"""Log lines of a run: in order, each once, whatever arrives when."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.run_log import log_lines
from tests.unit.state.state_builders import TASK, state_of, task_event


def line(text: str) -> dict[str, str]:
    return {
        "timestamp": "2026-11-23T20:23:02.4+00:00",
        "level": "INFO",
        "logger": "shop",
        "text": text,
    }


EVENTS = [
    task_event("log", attempt=1, first=1, lines=[line("a"), line("b")], skipped=0),
    task_event("log", attempt=1, first=9, lines=[line("z")], skipped=6),
    task_event("log", attempt=2, first=1, lines=[line("again")], skipped=0),
]


@given(st.permutations([*EVENTS, *EVENTS]))
def test_lines_are_in_order_each_once(events: list[InboundMessage]) -> None:
    state = state_of(*events)
    lines = log_lines(state.log, TASK)
    found = [(each.attempt, each.number, each.text) for each in lines]
    assert found == [(1, 1, "a"), (1, 2, "b"), (1, 9, "z"), (2, 1, "again")]
    assert {each.at for each in lines} == {1_795_465_382.4}


def test_lines_of_other_runs_are_left_out() -> None:
    state = state_of(task_event("log", task_id="other", lines=[line(TASK)]))
    assert log_lines(state.log, TASK) == []


def test_a_log_event_is_readable_and_says_that_the_attempt_has_started() -> None:
    state = state_of(EVENTS[0])
    assert state.unreadable == 0
    run = state.runs.get(TASK)
    assert run is not None
    assert (run.state, run.attempt) == (RunState.RUNNING, 1)
    for events in itertools.permutations((EVENTS[0], task_event("succeeded", run_s=1.0))):
        run = state_of(*events).runs.get(TASK)
        assert run is not None
        assert run.state is RunState.SUCCEEDED


def test_odd_log_events_do_no_harm() -> None:
    odd: list[dict[str, Any]] = [
        {"lines": "text"},
        {"lines": [1, None, {"text": 5}], "first": "x", "attempt": -1},
        {"lines": [{}] * 2_000},
        {},
    ]
    state = state_of(*(task_event("log", **data) for data in odd))
    assert state.unreadable == 0
    assert len(log_lines(state.log, TASK)) <= 1_000
