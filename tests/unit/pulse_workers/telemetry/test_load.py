"""What a worker costs and how full it is, between two looks."""

import pytest
from pulse_workers.telemetry.load import RateMeter, SlotTime


class Clock:
    """A clock that is moved by hand, and seconds that were used."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = 7.0


def test_a_share_is_measured_between_two_looks_and_never_over_a_moment() -> None:
    clock = Clock()
    share = RateMeter(lambda: clock.used, lambda: clock.now)
    clock.now, clock.used = 100.002, 7.02
    assert share.sample() is None  # ten times a processor, if it were believed
    clock.now, clock.used = 105.0, 8.0
    assert share.sample() == pytest.approx(0.2)
    clock.now, clock.used = 105.5, 8.5
    assert share.sample() == pytest.approx(0.2)
    clock.now, clock.used = 110.0, 13.0
    assert share.sample() == pytest.approx(1.0)


def test_seconds_of_busy_slots_add_up() -> None:
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
