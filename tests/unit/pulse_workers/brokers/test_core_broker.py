"""The core broker is that of ADR-004; headers of a handed off task are parsed strictly."""

import pytest
from pulse_workers.brokers.core_broker import CoreBroker
from pulse_workers.brokers.core_delivery import (
    ATTEMPT,
    NOT_BEFORE,
    QUEUED_AT,
    CoreDelivery,
)
from pulse_workers.config.settings import Settings


def test_it_connects_with_the_options_of_adr_004() -> None:
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


def test_a_handed_off_task_keeps_its_attempt_and_times(broker: CoreBroker) -> None:
    first = CoreDelivery(broker, 1, b"{}", {"team": "data"}, 1_000.0)
    retry = first.next_attempt(2)
    retry.not_before = 1_005.0
    headers = retry.handoff_headers()
    received = CoreDelivery(broker, 1, b"{}", headers, 1_003.0)
    assert (received.attempt, received.queued_at, received.not_before) == (2, 1_000.0, 1_005.0)
    assert headers["team"] == "data"
    assert first.handoff_headers() == {"team": "data", QUEUED_AT: "1000.0"}


def test_a_header_delays_a_task_by_at_most_a_day(broker: CoreBroker) -> None:
    delivery = CoreDelivery(broker, 1, b"{}", {NOT_BEFORE: "1e11"}, 1_000.0)
    assert delivery.not_before == 1_000.0 + 86_400


@pytest.mark.parametrize("text", ["", "many", "nan", "-1", "inf", "1e300", "0x10"])
def test_invalid_headers_count_as_missing(broker: CoreBroker, text: str) -> None:
    headers = {ATTEMPT: text, QUEUED_AT: text, NOT_BEFORE: text}
    delivery = CoreDelivery(broker, 1, b"{}", headers, 1_000.0)
    assert (delivery.attempt, delivery.queued_at, delivery.not_before) == (1, 1_000.0, 0.0)
