"""Agent calls, from their start and end events."""

import tracemalloc

import pytest

from pulse_desktop.protocol.event import decode_event
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.agent_calls import AgentCalls
from tests.unit.state.state_builders import (
    NOW,
    event_message,
    heartbeat,
    state_of,
    task_event,
)


def test_the_end_of_an_agent_call_replaces_its_start() -> None:
    data = {"agent": "extraction", "task_id": "t", "provider": "p"}
    state = state_of(
        event_message("agents", "agent.started", data, NOW),
        event_message("agents", "agent.started", {**data, "task_id": "u"}, NOW),
        event_message(
            "agents", "agent.finished", {**data, "latency_s": 1.5, "tokens_in": 10}, NOW + 2
        ),
    )
    ended, running = state.agents.rows
    assert (ended.state, ended.started_at, ended.latency_s) == ("finished", NOW, 1.5)
    assert running.state == "running"
    assert state.agents.latency["extraction"].since(NOW) == [1.5]
    assert state.agents.tokens["in"].total(NOW + 3, 10) == 10


@pytest.mark.parametrize("named", [True, False])
def test_an_end_belongs_to_the_call_that_it_names_or_else_to_the_latest(named: bool) -> None:
    def call(number: int, kind: str, at: float) -> InboundMessage:
        data = {"agent": "a", "task_id": "t"} | ({"call_id": str(number)} if named else {})
        return event_message("agents", f"agent.{kind}", data, NOW + at, source="w@h:1")

    state = state_of(
        call(1, "started", 0),  # its end is lost
        call(2, "started", 10),
        call(2, "finished", 12),
        call(3, "started", 20),
        call(1, "failed", 21) if named else call(3, "failed", 21),
    )
    states = ["failed", "finished", "running"] if named else ["running", "finished", "failed"]
    assert [call.state for call in state.agents.rows] == states
    assert [call.started_at - NOW for call in state.agents.rows] == [0, 10, 20]


def test_starts_without_an_end_are_kept_as_long_as_their_rows() -> None:
    calls = AgentCalls(capacity=100)
    raw = event_message("agents", "agent.started", {"agent": "a"}).payload
    event = decode_event("agents", raw, NOW)
    tracemalloc.start()
    try:
        for _ in range(50_000):
            calls.apply(event)
        assert tracemalloc.get_traced_memory()[0] < 300_000
    finally:
        tracemalloc.stop()


def test_a_call_is_over_when_its_run_has_ended_or_its_worker_is_gone() -> None:
    def started(worker: str, task_id: str) -> InboundMessage:
        data = {"agent": "extraction", "task_id": task_id}
        return event_message("agents", "agent.started", data, NOW, source=worker)

    state = state_of(
        heartbeat(worker="w1@h:1"),
        heartbeat(worker="w3@h:3"),
        started("w1@h:1", "a" * 32),  # killed; the run is delivered to w3
        started("w3@h:3", "a" * 32),
        started("w1@h:1", "b" * 32),
        started("", "c" * 32),
    )
    state.fold([heartbeat(NOW + 40, worker="w3@h:3")])
    state.tick(NOW + 40)
    states = [call.state for call in state.agents.rows]
    assert states == ["unknown", "running", "unknown", "running"]
    state.fold([task_event("succeeded", NOW + 41, run_s=1.0)])
    state.tick(NOW + 42)
    assert state.agents.rows[1].state == "unknown"
    finished = {"agent": "extraction", "task_id": "a" * 32, "latency_s": 2.0}
    late = event_message("agents", "agent.finished", finished, NOW + 43, source="w3@h:3")
    state.fold([late])
    assert [call.state for call in state.agents.rows][:2] == ["unknown", "finished"]


def test_a_call_has_a_cost_or_an_unknown_one_and_a_failed_one_has_no_figures() -> None:
    def ended(kind: str, task_id: str, **fields: object) -> InboundMessage:
        data = {"agent": "a", "task_id": task_id, **fields}
        return event_message("agents", f"agent.{kind}", data, NOW)

    state = state_of(
        ended("finished", "1", cost_usd=0.0031, tokens_in=5),
        ended("finished", "2", cost_usd=None),
        ended("finished", "3"),
        ended("failed", "4", cost_usd=0.0, tokens_in=0, tokens_out=0),
        ended("failed", "5", cost_usd=0.2, tokens_in=70, tokens_out=0),
        ended("started", "6", cost_usd=None),
        ended("finished", "7", cost_usd="odd", items=[]),
    )
    assert [
        (each.cost_usd, each.reports_cost, each.tokens_in, each.tokens_out)
        for each in state.agents.rows
    ] == [
        (0.0031, True, 5, None),
        (None, True, None, None),
        (None, False, None, None),
        (None, False, None, None),
        (0.2, True, 70, 0),
        (None, False, None, None),
        (None, True, None, None),
    ]
