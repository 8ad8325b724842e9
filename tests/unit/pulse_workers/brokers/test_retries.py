"""Retry policies read from labels."""

import asyncio
import math

from hypothesis import given
from hypothesis import strategies as st
from pulse_workers.brokers.retries import RetryPolicy, retry_policy


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


@given(
    st.dictionaries(st.sampled_from(["max_attempts", "retry_delay", "retry_backoff"]), st.text())
)
def test_unreadable_labels_never_raise(labels: dict[str, str]) -> None:
    policy = retry_policy(labels)
    delay = policy.delay_after(1, ValueError())
    assert delay is None or (delay >= 0 and math.isfinite(delay))
