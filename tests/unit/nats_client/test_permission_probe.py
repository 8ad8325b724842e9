"""Which servers tell a permission without a message that is delivered."""

import pytest

from pulse_desktop.nats_client.client import NatsClient
from pulse_desktop.nats_client.permission_probe import PermissionProbe, TriedPermission
from pulse_desktop.nats_client.permission_violations import PermissionViolations


@pytest.mark.parametrize(
    ("version", "can"),
    [
        ("2.9.10", False),
        ("2.10.29", False),
        ("2.11.0", True),
        ("2.11.0-RC.1", True),
        ("3.0.0", True),
        ("", False),
        ("unknown", False),
    ],
)
async def test_an_old_server_would_deliver_the_message(version: str, can: bool) -> None:
    client = NatsClient()
    client._server_info = {"version": version}  # noqa: SLF001
    assert PermissionProbe(client, PermissionViolations()).can_try_messages is can


def test_requests_to_jetstream_are_tried_with_invalid_ones() -> None:
    assert TriedPermission("publish", "$JS.API.STREAM.NAMES").is_request
    assert not TriedPermission("publish", "taskiq_tasks").is_request
    assert not TriedPermission("subscribe", "$JS.API.STREAM.NAMES").is_request
