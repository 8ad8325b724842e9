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


class TwoClocks:
    """The clock of a machine that can be set, and the steady one, which cannot."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.wall = NOW + ahead_s
        self.steady = 5000.0
        self.server_clock = ServerClock(lambda: self.wall, lambda: self.steady)

    def go_on(self, seconds: float, jump_s: float = 0.0) -> None:
        self.steady += seconds
        self.wall += seconds + jump_s


@pytest.mark.parametrize("ahead_s", [0.0, 600.0])
@pytest.mark.parametrize("jump_s", [7200.0, -7200.0, 3.0, -3.0])
def test_a_clock_that_is_set_changes_no_time(ahead_s: float, jump_s: float) -> None:
    clocks = TwoClocks(ahead_s)
    clock = clocks.server_clock
    clock.compare(format_timestamp(NOW), 0.0)
    clocks.go_on(0.1, jump_s)
    assert clock.now() == pytest.approx(NOW + 0.1)
    assert clock.offset_s == pytest.approx(ahead_s + jump_s)
    clocks.go_on(30)
    assert clock.now() == pytest.approx(NOW + 30.1)


def test_the_first_measurement_after_a_jump_counts() -> None:
    clocks = TwoClocks()
    clock = clocks.server_clock
    clock.compare(format_timestamp(NOW), 0.001)
    clocks.go_on(1, 7200)
    clock.compare(format_timestamp(NOW + 11), 0.5)
    assert clock.now() == pytest.approx(NOW + 11.25)


def test_drift_between_two_looks_is_not_a_jump() -> None:
    clocks = TwoClocks()
    clocks.server_clock.compare(format_timestamp(NOW), 0.0)
    for _ in range(100):
        clocks.go_on(60, 0.5)
        assert clocks.server_clock.offset_s == 0.0


def test_a_clock_that_is_set_is_followed_while_the_server_has_not_said_its_time() -> None:
    clocks = TwoClocks(-7200)
    clocks.go_on(1, 7200)
    assert clocks.server_clock.now() == pytest.approx(NOW + 1)


def test_a_machine_that_slept_shows_the_time_that_has_passed() -> None:
    clocks = TwoClocks()
    clocks.server_clock.compare(format_timestamp(NOW), 0.0)
    clocks.go_on(8 * 3600.0)
    assert clocks.server_clock.now() == pytest.approx(NOW + 8 * 3600)
