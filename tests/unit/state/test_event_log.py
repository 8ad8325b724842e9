"""The event log is bounded, keeps unreadable events, and finds the events of a run."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.protocol.event import Event, decode_event
from pulse_desktop.protocol.timestamps import MAX_CLOCK_SKEW_S
from pulse_desktop.state.event_log import EventLog
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


@pytest.mark.parametrize(
    ("ahead_s", "time"),
    [
        (MAX_CLOCK_SKEW_S - 0.1, (NOW + MAX_CLOCK_SKEW_S - 0.1, "event")),
        (MAX_CLOCK_SKEW_S + 0.1, (NOW, "received")),
        (3_000.0, (NOW, "received")),
    ],
)
def test_a_timestamp_after_the_arrival_is_replaced_by_it(
    ahead_s: float, time: tuple[float, str]
) -> None:
    ahead = raw_message("messages", {"type": "message.new", "timestamp": NOW + ahead_s})
    state = state_of(ahead)
    assert (state.log[0].timestamp, state.log[0].time_source) == time


def test_the_documented_time_after_the_arrival_is_the_one_that_counts() -> None:
    text = (Path(__file__).parents[3] / "docs" / "wire.md").read_text("utf-8")
    assert f"more than {MAX_CLOCK_SKEW_S:.0f} seconds after the time of" in text


def test_the_log_is_bounded_in_bytes() -> None:
    state = SystemState(log_rows=1_000, log_bytes=10_000)
    state.fold([new_message(content="x" * 1_000) for _ in range(50)])
    assert state.log.weight <= 10_000
    assert len(state.log) < 10


SIZES = st.sampled_from([1, 300, 5_000])


@example(4, 12_000, (0, 1), [(False, [1, 1, 1, 1])])
@given(
    st.integers(1, 12),
    st.sampled_from([0, 12_000, 1 << 20]),
    st.tuples(st.integers(0, 4), st.integers(1, 4)),
    st.lists(st.tuples(st.booleans(), st.lists(SIZES, max_size=12)), max_size=6),
)
def test_events_added_at_once_are_kept_as_if_added_one_by_one(
    capacity: int, max_bytes: int, sizes: tuple[int, int], parts: list[tuple[bool, list[int]]]
) -> None:
    recent, block_events = sizes
    at_once, one_by_one = (
        EventLog(capacity, max_bytes, recent=recent, block_events=block_events) for _ in range(2)
    )
    number = 0
    for is_older, lengths in parts:
        events: list[Event] = []
        for length in lengths:
            number += 1
            body = {"type": "x", "data": {"number": number, "text": "x" * length}}
            events.append(decode_event("other", msgspec.json.encode(body), NOW, number))
        if is_older:
            at_once.prepend_all(events)
        else:
            at_once.append_all(events)
        for event in events:
            if is_older:
                one_by_one.prepend(event)
            else:
                one_by_one.append(event)
        assert _kept(at_once) == _kept(one_by_one)


def _kept(log: EventLog) -> tuple[object, ...]:
    counts = log.evicted, log.refused, log.first_evicted_at
    return log.start, log.stop, log.weight, counts, list(log)
