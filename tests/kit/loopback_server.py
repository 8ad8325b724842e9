"""Base of the tests' own servers: connections on loopback that never outlive the server."""

import abc
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Self

from pulse_desktop.nats_client.aio import abort_transport


class LoopbackServer(abc.ABC):
    """A TCP server on 127.0.0.1, in the event loop of the test.

    Attributes:
        port: TCP port, 0 until the server has chosen one.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._transports: list[asyncio.WriteTransport] = []
        self._handlers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    @property
    def url(self) -> str:
        """Address of an HTTP server, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._handlers)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _RecordedConnection(self._accept, self._transports), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        # From accepting a connection to its handler the event loop takes about five turns. If the
        # server is closed in between, asyncio forgets the socket.
        loop = asyncio.get_running_loop()
        for listening in self._server.sockets:
            loop.remove_reader(listening)
        for _turn in range(10):
            await asyncio.sleep(0)
        self._server.close()
        handlers = dict(self._handlers)
        for writer, handler in handlers.items():
            abort_transport(writer.transport)
            handler.cancel()
        await asyncio.gather(*handlers.values())
        for writer in handlers:
            await _wait_closed(writer)
        # A handler that was cancelled before its first step has not closed its connection.
        for transport in self._transports:
            abort_transport(transport)
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers[writer] = task
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
            ):
                await self._serve(reader, writer)
            writer.close()
            # Bytes that the client has not read keep the connection open until the server ends.
            with contextlib.suppress(asyncio.CancelledError):
                await _wait_closed(writer)
        finally:
            writer.close()
            self._handlers.pop(writer, None)

    @abc.abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection; it is closed afterwards."""


class _RecordedConnection(asyncio.StreamReaderProtocol):
    """The protocol of one connection, whose transport is recorded."""

    def __init__(
        self,
        accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        transports: list[asyncio.WriteTransport],
    ) -> None:
        super().__init__(asyncio.StreamReader(), accept)
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Record the transport, then call the handler."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transports.append(transport)
        super().connection_made(transport)


async def _wait_closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
