"""Retry policies read from labels."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulse_workers.execution.retries import RetryPolicy, retry_policy


def test_delays_grow_until_the_last_attempt() -> None:
    policy = retry_policy({"max_attempts": "4", "retry_delay": "1.5", "retry_max_delay": 5})
    error = ValueError()
    assert [policy.delay_after(n, error) for n in (1, 2, 3, 4, 9)] == [1.5, 3.0, 5.0, None, None]


def test_only_the_named_errors_and_their_subclasses_are_retried() -> None:
    policy = RetryPolicy(max_attempts=3, on=("OSError",))
    assert policy.delay_after(1, ConnectionRefusedError()) is not None
    assert policy.delay_after(1, ValueError()) is None
    assert RetryPolicy(max_attempts=3).delay_after(1, asyncio.CancelledError()) is None
    assert RetryPolicy(max_attempts=3).delay_after(1, SystemExit()) is None


def test_labels_of_the_message_override_those_of_the_task() -> None:
    registered = {"max_attempts": 3, "retry_on": "OSError"}
    assert retry_policy({"max_attempts": 1}, registered).max_attempts == 1
    assert retry_policy({}, registered).on == ("OSError",)


@pytest.mark.parametrize("value", ["1e999", "-1e999", "nan", "1e308", 1e308, 10**400, "1e18"])
@pytest.mark.parametrize("name", ["retry_delay", "retry_backoff", "retry_max_delay"])
def test_no_label_delays_an_attempt_by_more_than_a_day(name: str, value: object) -> None:
    longest = {"retry_delay": 86_400, "retry_backoff": 1_000, "retry_max_delay": 1e308}
    policy = retry_policy({**longest, name: value, "max_attempts": 1_000})
    for attempt in (1, 2, 64, 999):
        delay = policy.delay_after(attempt, ValueError())
        assert delay is not None
        assert 0 <= delay <= 86_400


@given(
    st.dictionaries(st.sampled_from(["max_attempts", "retry_delay", "retry_backoff"]), st.text())
)
def test_unreadable_labels_never_raise(labels: dict[str, str]) -> None:
    policy = retry_policy(labels)
    delay = policy.delay_after(1, ValueError())
    assert delay is None or (delay >= 0 and math.isfinite(delay))
