"""Subscriptions that the server removes when a permission is revoked, and their return."""

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.nats_client import refused_subscriptions
from pulse_desktop.nats_client.client import NatsClient
from pulse_desktop.nats_client.permission_violations import PermissionViolation
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

USERS = """authorization { users: [
  { user: admin, password: p },
  { user: worker, password: p, permissions: { subscribe: { deny: [%s] } } }
] }"""


async def test_revoked_subscriptions_return_once_they_are_permitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refused_subscriptions, "MIN_DELAY_S", 0.1)
    errors: list[str] = []
    permitted: list[PermissionViolation] = []
    received: list[str] = []

    async def on_error(error: Exception) -> None:
        errors.append(str(error))

    async def on_permitted(violation: PermissionViolation) -> None:
        permitted.append(violation)

    async def receive(message: Msg) -> None:
        received.append(message.subject)

    with NatsServer(user="worker", password="p", config=USERS % '"x"') as server:
        client, admin = NatsClient(), Client()
        await client.connect(server.url, error_cb=on_error, permitted_cb=on_permitted)
        await admin.connect(f"nats://admin:p@{server.address}")
        try:
            await client.subscribe("a", cb=receive)
            await client.subscribe("b", queue="group", cb=receive)
            closed = await client.subscribe("c", cb=receive)
            await client.subscribe("d", cb=receive)
            await client.flush()
            server.config = USERS % '"a", "b", "c"'
            server.reload()
            await wait_until(lambda: len(errors) == 3)
            await closed.unsubscribe()
            await wait_until(  # tried again, and refused again
                lambda: server.log().count("Subscription Violation") >= 2
            )
            server.config = USERS % '"x"'
            server.reload()
            await wait_until(lambda: len(permitted) == 2, 15)
            for subject in "abcd":
                await admin.publish(subject)
            await wait_until(lambda: sorted(received) == ["a", "b", "d"])
            assert len(errors) == 3
            assert {(each.subject, each.queue) for each in permitted} == {("a", ""), ("b", "group")}
        finally:
            await client.close()
            await admin.close()
