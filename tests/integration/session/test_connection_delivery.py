"""What the connection test sends reaches nobody, also in other accounts and behind leaf nodes."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.errors import NoRespondersError

from pulse_desktop.model.connection_step import StepKind, StepStatus
from tests.kit.connection_steps import steps_of
from tests.kit.login_servers import leaf_node
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def _recorded(url: str) -> AsyncIterator[list[str]]:
    """Yield the subjects of all messages that the desktop could send to others."""
    received: list[str] = []

    async def record(message: Any) -> None:
        received.append(message.subject)

    client = await connect(url)
    for subject in ("taskiq_tasks", "websocket.>", "pulse.>", "$O.>"):
        await client.subscribe(subject, cb=record)
    await client.flush()
    yield received
    await client.close()


async def test_nothing_is_sent_to_another_account() -> None:
    subjects = ("taskiq_tasks", "pulse.control.>")
    exports = ", ".join(f'{{ service: "{subject}" }}' for subject in subjects)
    imports = ", ".join(
        f'{{ service: {{ account: APP, subject: "{subject}" }} }}' for subject in subjects
    )
    config = (
        f"accounts {{ APP {{ users: [ {{ user: app, password: app }} ], exports: [ {exports} ] }}, "
        f"OPS {{ users: [ {{ user: ops, password: ops }} ], imports: [ {imports} ] }} }}"
    )
    with NatsServer(config=config) as server:
        url = f"nats://ops:ops@{server.address}"
        async with _recorded(f"nats://app:app@{server.address}") as received:
            test = await steps_of(url)
            for purpose in ("enqueue and re-run", "commands to workers"):
                assert test.step(StepKind.PERMISSION, purpose).status is StepStatus.OK
            await _publish_until_received(url, received)
            assert received == ["taskiq_tasks"]


async def test_nothing_is_sent_through_a_leaf_node(tmp_path: Path) -> None:
    with leaf_node(tmp_path) as (hub, leaf):
        async with _recorded(hub.url) as received:
            sender = await connect(leaf.url)
            answer: Exception = NoRespondersError()
            while isinstance(answer, NoRespondersError):  # until the leaf node knows of the hub
                try:
                    await sender.request("websocket.agents", timeout=0.05)
                except (NoRespondersError, TimeoutError) as error:
                    answer = error
            await sender.close()
            test = await steps_of(leaf.url, js_domain="hub")
            assert test.result.is_good, test.failed
            await _publish_until_received(leaf.url, received)
            assert set(received) == {"websocket.agents", "taskiq_tasks"}
            assert received.count("taskiq_tasks") == 1


async def _publish_until_received(url: str, received: list[str]) -> None:
    """Send a task as the desktop would; it arrives after everything that was sent before."""
    sender = await connect(url)
    await sender.publish("taskiq_tasks", b"")
    await sender.flush()
    await wait_until(lambda: "taskiq_tasks" in received, 5)
    await sender.close()
