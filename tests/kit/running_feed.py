"""A feed that runs, and what it reads: the stream of events and its messages."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Any

from nats.aio.client import Client

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed
from pulse_desktop.transport.feed_status import FeedStatus
from tests.kit.arrivals import take_messages
from tests.kit.filled_server import wait_until_stored
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

STREAM = "PULSE_EVENTS"


class RunningFeed:
    """A connection and a feed that run, and the messages received so far.

    Attributes:
        messages: all that `take` has taken from the queue.
    """

    def __init__(
        self,
        server: NatsServer,
        *,
        subject: str = "websocket.*",
        capacity: int = 200_000,
        since: float | None = None,
        backlog: int = 100_000,
    ) -> None:
        self.queue = ArrivalQueue(capacity)
        self.connection = Connection(server.url)
        self.feed = SubjectFeed(
            self.connection,
            self.queue,
            Source.EVENT,
            subject,
            stored_as=subject.replace(".*", ".>"),
            since=since,
            backlog=backlog,
            poll_s=0.1,
        )
        self.messages: list[InboundMessage] = []
        self._connecting: asyncio.Task[None]
        self._feeding: asyncio.Task[None]

    async def __aenter__(self) -> "RunningFeed":
        self.connect()
        self._feeding = asyncio.create_task(self.feed.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._feeding.cancel()
        await self.stop_connecting()
        await asyncio.gather(self._feeding, return_exceptions=True)
        await self.connection.close()

    def connect(self) -> None:
        """Stay connected from now on."""
        self._connecting = asyncio.create_task(self.connection.run())

    async def stop_connecting(self) -> None:
        """Reconnect no more after a loss."""
        self._connecting.cancel()
        await asyncio.gather(self._connecting, return_exceptions=True)

    @property
    def status(self) -> FeedStatus:
        return self.feed.status

    def take(self) -> list[InboundMessage]:
        self.messages += take_messages(self.queue)
        return self.messages

    def payloads(self) -> list[int]:
        return [int(message.payload) for message in self.take()]

    async def in_mode(self, mode: str) -> None:
        await wait_until(lambda: self.status.mode == mode, message=f"mode {mode}")
        if mode == "history":
            await wait_until(lambda: self.status.caught_up)


@contextlib.asynccontextmanager
async def publisher(server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(server.url, allow_reconnect=False)
    try:
        yield client
    finally:
        await client.close()


async def publish(
    server: NatsServer, numbers: Iterable[int], subject: str = "websocket.tasks"
) -> None:
    async with publisher(server) as client:
        for number in numbers:
            await client.publish(subject, str(number).encode())
        await client.flush()


async def store(
    server: NatsServer, numbers: Sequence[int], subject: str = "websocket.tasks"
) -> None:
    """Publish and wait until the stream has stored all of it."""
    async with publisher(server) as client:
        before = (await client.jetstream().stream_info(STREAM)).state.last_seq
        for number in numbers:
            await client.publish(subject, str(number).encode())
        await wait_until_stored(client, STREAM, before + len(numbers))


async def create_stream(
    server: NatsServer, subjects: tuple[str, ...] = ("websocket.>",), **config: Any
) -> None:
    async with publisher(server) as client:
        await client.jetstream().add_stream(name=STREAM, subjects=list(subjects), **config)


async def delete_stream(server: NatsServer) -> None:
    async with publisher(server) as client:
        await client.jetstream().delete_stream(STREAM)


async def consumer_name(server: NatsServer) -> str | None:
    """Return the name of the only consumer of the stream."""
    async with publisher(server) as client:
        (consumer,) = await client.jetstream().consumers_info(STREAM)
    return consumer.name
