"""CPU share and slot utilization between two samples."""

import pytest
from pulse_workers.telemetry.load import RateMeter, SlotTime


class Clock:
    """A clock that a test sets, and seconds used."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = 7.0


def test_a_rate_is_measured_between_samples_at_least_a_second_apart() -> None:
    clock = Clock()
    meter = RateMeter(lambda: clock.used, lambda: clock.now)
    clock.now, clock.used = 100.002, 7.02
    assert meter.sample() is None  # too short: it would be ten processors
    clock.now, clock.used = 105.0, 8.0
    assert meter.sample() == pytest.approx(0.2)
    clock.now, clock.used = 105.5, 8.5
    assert meter.sample() == pytest.approx(0.2)
    clock.now, clock.used = 110.0, 13.0
    assert meter.sample() == pytest.approx(1.0)


def test_busy_times_of_slots_add_up() -> None:
    clock = Clock()
    slots = SlotTime(lambda: clock.now)
    assert slots.total() == 0
    slots.enter()
    clock.now += 2
    slots.enter()
    clock.now += 1
    slots.leave()
    clock.now += 1
    slots.leave()
    clock.now += 50
    assert slots.total() == pytest.approx(5.0)
