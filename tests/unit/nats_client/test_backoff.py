"""Delays grow with each failure in a row, up to a maximum, and a success resets them."""

from pulse_desktop.nats_client.backoff import Backoff


def test_each_delay_is_longer_than_the_one_before_up_to_a_maximum() -> None:
    backoff = Backoff(0.5, 3.0)
    assert [backoff.next_delay() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_success_resets_the_delay() -> None:
    backoff = Backoff(0.5, 3.0)
    backoff.next_delay()
    backoff.reset()
    assert backoff.next_delay() == 0.5


def test_an_attempt_that_lasted_long_enough_counts_as_a_success() -> None:
    backoff = Backoff(0.2, 30.0, healthy_s=60.0)
    assert [backoff.next_delay(ran) for ran in (0.0, 59.9, 60.0, 1.0)] == [0.2, 0.4, 0.2, 0.4]


def test_the_factor_is_configurable() -> None:
    backoff = Backoff(1.0, 100.0, factor=10.0)
    assert [backoff.next_delay() for _ in range(3)] == [1.0, 10.0, 100.0]
