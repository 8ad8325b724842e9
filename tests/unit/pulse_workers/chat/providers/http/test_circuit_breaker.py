"""The circuit breaker: when it opens, and what closes it."""

import pytest
from pulse_workers.chat.providers.http.circuit_breaker import CircuitBreaker
from pulse_workers.chat.providers.model_errors import ModelRefusedError, ModelUnavailableError

from tests.kit.model_clients import open_client, verdict_request
from tests.kit.model_server import ModelServer, Reply


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: CircuitBreaker) -> None:
    with pytest.raises(ModelUnavailableError, match=r"^HTTP 500$"), breaker.attempt():
        raise ModelUnavailableError("HTTP 500")


def state_of(breaker: CircuitBreaker) -> str:
    return breaker.state.value


def test_failures_in_a_row_open_it_and_one_probe_closes_it() -> None:
    clock = Clock()
    breaker = CircuitBreaker(3, 15.0, clock)
    fail(breaker)
    fail(breaker)
    with breaker.attempt():
        pass
    for _failure in range(3):
        assert state_of(breaker) == "closed"
        fail(breaker)
    assert state_of(breaker) == "open"
    with pytest.raises(ModelUnavailableError, match=r"another 15 s.*HTTP 500"):
        breaker.check()
    clock.now = 15.0
    assert state_of(breaker) == "half_open"
    with breaker.attempt(), pytest.raises(ModelUnavailableError):
        breaker.check()  # one probe at a time
    assert state_of(breaker) == "closed"


def test_each_failed_probe_doubles_the_pause_up_to_five_minutes() -> None:
    clock = Clock()
    breaker = CircuitBreaker(1, 15.0, clock)
    fail(breaker)
    for pause_s in (30, 60, 120, 240, 300, 300):
        clock.now += 300
        fail(breaker)
        clock.now += pause_s - 1
        assert state_of(breaker) == "open"
        clock.now += 1
        assert state_of(breaker) == "half_open"
        clock.now -= pause_s


def test_a_refusal_is_an_answer() -> None:
    breaker = CircuitBreaker(1)
    with pytest.raises(ModelRefusedError), breaker.attempt():
        raise ModelRefusedError("HTTP 401", 401)
    assert state_of(breaker) == "closed"


async def test_a_server_that_keeps_failing_is_not_asked_any_more() -> None:
    async with ModelServer() as server:
        server.always = Reply.failing(500)
        async with open_client(server, breaker=CircuitBreaker(6)) as client:
            for _request in range(3):
                with pytest.raises(ModelUnavailableError):
                    await client.complete(verdict_request())
    assert len(server.requests) == 6
