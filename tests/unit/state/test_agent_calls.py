"""Agent calls, from their start and end events."""

from tests.unit.state.state_builders import (
    NOW,
    event_message,
    state_of,
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
