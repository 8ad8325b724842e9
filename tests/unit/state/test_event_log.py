"""The event log is bounded, keeps unreadable events, and finds the events of a run."""

from pulse_desktop.protocol.timestamps import MAX_CLOCK_SKEW_S
from pulse_desktop.state.system import SystemState
from tests.unit.state.state_builders import (
    NOW,
    heartbeat,
    new_message,
    raw_message,
    state_of,
)


def test_an_unreadable_event_is_kept_and_counted() -> None:
    state = state_of(raw_message("agents", b"\x00nonsense"), heartbeat())
    assert [event.readable for event in state.log] == [False, True]
    assert state.log[0].raw == b"\x00nonsense"
    assert (state.unreadable, state.topics.by_name["agents"].unreadable) == (1, 1)
    assert len(state.workers.rows) == 1


def test_a_timestamp_far_in_the_future_is_replaced_by_the_arrival_time() -> None:
    ahead = raw_message(
        "messages", {"type": "message.new", "timestamp": NOW + MAX_CLOCK_SKEW_S + 60}
    )
    state = state_of(ahead)
    assert (state.log[0].timestamp, state.log[0].time_source) == (NOW, "received")


def test_the_log_is_bounded_in_bytes() -> None:
    state = SystemState(log_rows=1_000, log_bytes=10_000)
    state.fold([new_message(content="x" * 1_000) for _ in range(50)])
    assert state.log.weight <= 10_000
    assert len(state.log) < 10
