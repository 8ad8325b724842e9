"""An ordered consumer requests what fits, and rests while it waits."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pulse_desktop.transport import ordered_consumer
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)
from tests.kit.nats_servers import NatsServer
from tests.kit.running_feed import STREAM, create_stream, store
from tests.kit.waiting import wait_until


class Reader:
    """An open consumer of all events, and what it has read."""

    def __init__(self, connection: Connection, room: Callable[[], int]) -> None:
        self.read: list[int] = []
        self.questions = 0
        self._room = room
        self.consumer = OrderedConsumer(
            connection, STREAM, "websocket.>", accept=self._accept, room=self._count_and_ask
        )

    def _accept(self, _subject: str, payload: bytes, _at: float, _sequence: int) -> bool:
        self.read.append(int(payload))
        return True

    def _count_and_ask(self) -> int:
        self.questions += 1
        return self._room()


@asynccontextmanager
async def connected(server: NatsServer) -> AsyncIterator[Connection]:
    connection = Connection(server.url)
    await connection.open()
    yield connection
    await connection.close()


@pytest.mark.parametrize("limit", [1, 100, 300])
async def test_a_reader_with_room_rests_where_the_server_limits_requests(
    tmp_path: Path, limit: int
) -> None:
    stored = 330
    config = (
        f"jetstream {{ store_dir: {json.dumps(str(tmp_path))}, "
        f"limits {{ max_request_batch: {limit} }} }}"
    )
    with NatsServer(jetstream=False, config=config) as server:
        await create_stream(server)
        await store(server, range(stored))
        async with connected(server) as connection:
            reader = Reader(connection, lambda: 100_000)
            await reader.consumer.open(DeliverPolicy(1))
            running = asyncio.create_task(reader.consumer.run())
            await wait_until(lambda: len(reader.read) == stored)
            asked = reader.questions
            await asyncio.sleep(1)  # not a condition: about 100 times the pause without room
            assert reader.questions - asked <= 3
            await store(server, range(stored, 2 * stored))
            await wait_until(lambda: len(reader.read) == 2 * stored)
            assert reader.read == list(range(2 * stored))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await reader.consumer.close()


async def test_a_silent_server_is_noticed_while_there_is_little_room(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered_consumer, "SILENCE_TIMEOUT_S", 0.5)  # shorter than to a heartbeat
    monkeypatch.setattr(ordered_consumer, "SILENCE_CHECK_S", 0.1)
    await create_stream(nats_server)
    await store(nats_server, range(60))
    async with connected(nats_server) as connection:
        reader = Reader(connection, lambda: 100 - len(reader.read))
        await reader.consumer.open(DeliverPolicy(1))
        with pytest.raises(ConsumerResetError, match="no heartbeat"):
            await asyncio.wait_for(reader.consumer.run(), 10)
        assert len(reader.read) == 60
        await reader.consumer.close()
