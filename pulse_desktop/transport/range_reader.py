"""A reader of a range of a stream, with a consumer of its own."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import DeliverPolicy, OrderedConsumer


class RangeReader(ABC):
    """Reads messages from a position until the range or the stream ends.

    The stream ends where it has no more messages, also if some that it had were deleted meanwhile.
    A subclass takes the messages in `_accept`, and calls `_end` when it has those of its range.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subject: str,
        *,
        room: Callable[[], int],
    ) -> None:
        """Describe a range; nothing is read before `open`.

        Args:
            connection: must be connected.
            stream: its name.
            subject: only messages of these subjects are read.
            room: returns how many more messages may be sent.
        """
        self._connection = connection
        self._ended = asyncio.Event()
        self._consumer = OrderedConsumer(
            connection, stream, subject, accept=self._accept, room=room, follow=False
        )

    @property
    def first(self) -> int:
        """Sequence from which on it reads."""
        return self._consumer.last + 1

    async def open(self, start: DeliverPolicy) -> int:
        """Begin to read at a position; return the number of messages from there on."""
        await self._consumer.open(start)
        return self._consumer.pending

    async def close(self) -> None:
        """End reading; the server forgets the consumer."""
        await self._consumer.close()

    async def _consume(self) -> None:
        """Read until `_end` is called, or to the end of the stream.

        Raises:
            ConsumerResetError: the stream cannot be read at the moment.
            NotConnectedError: the connection was lost.
        """
        consuming = asyncio.ensure_future(self._consumer.run())
        ends = [
            asyncio.ensure_future(event.wait()) for event in (self._ended, self._consumer.at_end)
        ]
        try:
            await self._connection.run_while_connected(_wait_first(consuming, *ends))
            if consuming.done():
                consuming.result()
        finally:
            await cancel_and_wait(consuming, *ends)

    def _end(self) -> None:
        self._ended.set()

    @abstractmethod
    def _accept(self, subject: str, payload: bytes, at: float, sequence: int) -> bool:
        """Take a message; return False if there is no room for it."""


async def _wait_first(*ends: asyncio.Future[Any]) -> None:
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
