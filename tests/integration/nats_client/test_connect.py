"""Connecting can be cancelled at any moment, and leaves no connection to the server."""

import asyncio
import json
import time
import urllib.request
from typing import Any, Final

import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.nats_client.connect import close_quietly
from pulse_desktop.nats_client.connect_progress import ConnectStage
from pulse_desktop.transport.connector import Connector
from tests.kit.login_servers import free_port
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

CANCELLATIONS: Final = 40


def connections(server: NatsServer) -> int:
    with urllib.request.urlopen(f"{server.monitor_url}/connz") as answer:
        return int(json.load(answer)["num_connections"])


def connector(server: str) -> Connector:
    return Connector(
        server, ConnectionOptions(), "test", on_error=lambda *_: None, on_end=lambda _client: None
    )


async def cancel_opens(server: str, times: int) -> None:
    """Cancel a connect, one or several times, at moments spread over the time that it takes."""
    started = time.perf_counter()
    client, _state = await connector(server).connect(5)
    duration = time.perf_counter() - started
    await close_quietly(client)
    for number in range(CANCELLATIONS):
        opening = asyncio.ensure_future(connector(server).connect(5))
        await asyncio.wait({opening}, timeout=duration * 1.2 * number / CANCELLATIONS)
        for _ in range(times):
            opening.cancel()
            await asyncio.sleep(0)
        await asyncio.wait({opening})
        if not opening.cancelled():
            await close_quietly(opening.result()[0])


@pytest.mark.parametrize("times", [1, 3])
async def test_cancelled_opens_leave_no_connection(nats_server: NatsServer, times: int) -> None:
    before = connections(nats_server)
    tasks = asyncio.all_tasks()
    await cancel_opens(nats_server.url, times)
    await wait_until(lambda: connections(nats_server) == before)
    await wait_until(lambda: asyncio.all_tasks() == tasks)


async def test_nor_do_those_that_look_for_jetstream_on_another_server(
    nats_server: NatsServer,
) -> None:
    before = connections(nats_server)
    with NatsServer(jetstream=False) as first, NatsServer(jetstream=False) as second:
        servers = f"{first.url},{second.url},{nats_server.url}"
        await cancel_opens(servers, 1)
        await cancel_opens(f"{first.url},{second.url}", 2)
        await wait_until(lambda: connections(first) == connections(second) == 0)
        await wait_until(lambda: connections(nats_server) == before)


async def test_a_cancelled_close_is_completed(nats_server: NatsServer) -> None:
    before = connections(nats_server)
    for passes in range(1, 7):
        client, _state = await connector(nats_server.url).connect(5)
        closing = asyncio.ensure_future(close_quietly(client))
        for _ in range(passes):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing})
    await wait_until(lambda: connections(nats_server) == before)


class FailingProgress:
    """Cannot show how far connecting is."""

    def begin(self, stage: ConnectStage) -> None:
        raise TypeError(stage)

    def complete(self, stage: ConnectStage, **_found: Any) -> None:
        raise ValueError(stage)

    def fail(self, error: BaseException | None) -> None:
        raise RuntimeError(error)


async def test_progress_that_cannot_be_shown_ends_no_connection(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    client, _state = await connector(nats_server.url).connect(5, FailingProgress())
    assert client.is_connected
    await close_quietly(client)
    with pytest.raises(CannotConnectError, match="Cannot connect"):
        await connector(f"nats://127.0.0.1:{free_port()}").connect(5, FailingProgress())
    logged = {record.exc_info[0] for record in caplog.records if record.exc_info}
    assert logged == {TypeError, ValueError, RuntimeError}
