"""The server's clock compared with this machine's."""

import pytest

from pulse_desktop.nats_client.server_clock import ServerClock
from pulse_desktop.protocol.timestamps import format_timestamp

NOW = 1_790_000_000.0


def clock_at(now: float) -> ServerClock:
    return ServerClock(lambda: now)


@pytest.mark.parametrize("offset_s", [-7200.0, -90.0, 600.0])
def test_the_difference_is_measured_and_the_servers_clock_is_used(offset_s: float) -> None:
    clock = clock_at(NOW + offset_s)
    assert (clock.measured, clock.offset_s, clock.now()) == (False, 0.0, NOW + offset_s)
    clock.compare(format_timestamp(NOW), 0.0)
    assert clock.measured
    assert clock.offset_s == pytest.approx(offset_s)
    assert clock.now() == pytest.approx(NOW)


def test_a_difference_that_the_round_trip_explains_is_none() -> None:
    clock = clock_at(NOW)
    clock.compare(format_timestamp(NOW + 1.5), 0.1)
    assert (clock.measured, clock.offset_s) == (True, 0.0)
    clock = clock_at(NOW)
    clock.compare(format_timestamp(NOW - 5), 12.0)
    assert clock.offset_s == 0.0


def test_the_measurement_with_the_shortest_round_trip_counts() -> None:
    clock = clock_at(NOW)
    clock.compare(format_timestamp(NOW - 60), 0.01)
    clock.compare(format_timestamp(NOW - 63), 5.0)
    assert clock.offset_s == pytest.approx(60, abs=0.1)


@pytest.mark.parametrize("server_time", [None, "", "soon", 5, "9" * 400])
def test_a_server_that_does_not_say_its_time_is_not_compared(server_time: object) -> None:
    clock = clock_at(NOW)
    clock.compare(server_time, 0.0)
    assert (clock.measured, clock.now()) == (False, NOW)
