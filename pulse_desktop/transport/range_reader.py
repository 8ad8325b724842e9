"""A reader of a range of a stream, with a consumer of its own."""

import asyncio
from collections.abc import Callable
from typing import Any

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)


class RangeReader:
    """Reads messages from a position until the range or the stream ends.

    A subclass takes the messages in `_accept`, and calls `_end` when it has those of its range.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subject: str,
        *,
        room: Callable[[], int],
        follow: bool = True,
        max_silence_s: float | None = None,
    ) -> None:
        """Describe a range; nothing is read before `open`.

        Args:
            connection: must be connected.
            stream: its name.
            subject: only messages of these subjects are read.
            room: returns how many more messages may be sent.
            follow: whether to wait for messages to come as well.
            max_silence_s: how long the server may take for the next message, None for any time.
        """
        self._connection = connection
        self._max_silence_s = max_silence_s
        self._ended = asyncio.Event()
        self._consumer = OrderedConsumer(
            connection, stream, subject, accept=self._accept, room=room, follow=follow
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
            await self._connection.run_while_connected(self._wait_first({consuming, *ends}))
            if consuming.done():
                consuming.result()
        finally:
            await cancel_and_wait(consuming, *ends)

    async def _wait_first(self, ends: set[asyncio.Future[Any]]) -> None:
        """Wait for the first of the ends.

        Raises:
            ConsumerResetError: no message arrived for some time.
        """
        while True:
            before = self._consumer.last
            done, _pending = await asyncio.wait(
                ends, timeout=self._max_silence_s, return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                return
            if self._consumer.last == before:
                raise ConsumerResetError(_("the stream sent nothing that it had announced"))

    def _end(self) -> None:
        self._ended.set()

    def _accept(self, subject: str, payload: bytes, at: float, sequence: int) -> bool:
        """Take a message; return False if there is no room for it."""
        raise NotImplementedError
