"""The start of what is known: rows that are retained, and events that are counted."""

import math

from pulse_desktop.state.history_start import counted_since, retained_since
from pulse_desktop.state.system import SystemState
from tests.kit.state_builder import NOW, StateBuilder
from tests.unit.state.state_builders import heartbeat


def test_nothing_is_known_before_the_first_event() -> None:
    state = SystemState()
    assert (retained_since(state), counted_since(state)) == (math.inf, math.inf)
    state.fold([heartbeat(NOW)])
    assert (retained_since(state), counted_since(state)) == (NOW, NOW)


def test_evicted_events_are_counted_but_not_retained() -> None:
    state = SystemState(log_rows=3)
    state.fold([heartbeat(NOW + second) for second in range(10)])
    assert retained_since(state) == NOW + 7
    assert counted_since(state) == NOW


def test_a_run_from_its_stored_result_is_older_than_the_counts() -> None:
    builder = StateBuilder()
    builder.stored("a", at=NOW - 60)
    builder.heartbeat(at=NOW)
    assert retained_since(builder.state) == NOW - 60
    assert counted_since(builder.state) == NOW
