"""The status of model providers."""

from typing import Any

from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.attention import attention_items
from tests.unit.state.state_builders import (
    NOW,
    event_message,
    raw_message,
    state_of,
)


def check(status: str, at: float = NOW, **data: Any) -> InboundMessage:
    fields = {"provider": "p", "status": status, "models": ["m"], **data}
    return event_message("providers", "provider.checked", fields, at)


def test_a_provider_is_down_since_its_first_failed_check() -> None:
    state = state_of(
        check("connected"),
        check("error", NOW + 1, error="refused"),
        check("error", NOW + 2, error="refused"),
    )
    (provider,) = state.providers.down
    assert (provider.since, provider.checks, provider.failures) == (NOW + 1, 3, 2)
    (item,) = attention_items(state, NOW + 3)
    assert (item.kind, item.target, item.message) == ("provider", "p", "refused")
    state.fold([check("connected", NOW + 4)])
    assert attention_items(state, NOW + 5) == []


def test_the_flat_validation_of_older_systems_is_decoded() -> None:
    body = {"event": "validation_update", "provider_id": 3, "validation_status": "error"}
    state = state_of(raw_message("providers", {**body, "validation_error": "401"}))
    assert (state.providers.down[0].name, state.providers.down[0].error) == ("3", "401")


def test_the_address_of_a_model_server_is_kept_without_a_login() -> None:
    url = "https://key:secret@models:8000/v1"
    (provider,) = state_of(check("connected", protocol="openai", url=url)).providers.rows
    assert provider.protocol == "openai"
    assert "models:8000/v1" in provider.url
    assert "secret" not in provider.url
    (older,) = state_of(check("connected", protocol=None, url=7)).providers.rows
    assert older.protocol == ""
