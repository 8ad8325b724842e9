"""The core broker is that of ADR-004; what travels with a task handed over is read with care."""

import pytest
from pulse_workers.brokers.core_broker import CoreBroker
from pulse_workers.brokers.core_delivery import (
    ATTEMPT,
    NOT_BEFORE,
    QUEUED_AT,
    CoreDelivery,
)
from pulse_workers.config.settings import Settings


def test_it_connects_as_the_decision_record_says() -> None:
    broker = CoreBroker(Settings(broker="core"))
    options = broker.connection_kwargs
    assert broker.queue == "taskiq"
    assert broker.subject == "taskiq_tasks"
    assert options["connect_timeout"] == 10
    assert options["drain_timeout"] == 30
    assert options["max_reconnect_attempts"] == -1


@pytest.fixture
def broker() -> CoreBroker:
    return CoreBroker(Settings(broker="core"))


def test_a_task_that_is_handed_over_keeps_its_history(broker: CoreBroker) -> None:
    first = CoreDelivery(broker, 1, b"{}", {"team": "data"}, 1_000.0)
    again = first.next_attempt(2)
    again.not_before = 1_005.0
    headers = again.handoff_headers()
    there = CoreDelivery(broker, 1, b"{}", headers, 1_003.0)
    assert (there.attempt, there.queued_at, there.not_before) == (2, 1_000.0, 1_005.0)
    assert headers["team"] == "data"
    assert first.handoff_headers() == {"team": "data", QUEUED_AT: "1000.0"}


@pytest.mark.parametrize("text", ["", "many", "nan", "-1", "inf", "1e300", "0x10"])
def test_headers_that_say_nothing_sensible_count_as_missing(broker: CoreBroker, text: str) -> None:
    headers = {ATTEMPT: text, QUEUED_AT: text, NOT_BEFORE: text}
    delivery = CoreDelivery(broker, 1, b"{}", headers, 1_000.0)
    assert (delivery.attempt, delivery.queued_at, delivery.not_before) == (1, 1_000.0, 0.0)
