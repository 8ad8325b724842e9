"""Base of the tests' own servers: connections on loopback that never outlive the server."""

import abc
import asyncio
import contextlib
from typing import Self


class LoopbackServer(abc.ABC):
    """A TCP server on 127.0.0.1, in the event loop of the test.

    Attributes:
        port: TCP port, 0 until the server has chosen one.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._handlers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    @property
    def url(self) -> str:
        """Address of an HTTP server, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._handlers)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        # From accepting a connection to its handler the event loop takes about five turns. A
        # handler that is cancelled before its first step never closes its connection.
        for _turn in range(10):
            await asyncio.sleep(0)
        handlers = dict(self._handlers)
        for writer, handler in handlers.items():
            writer.transport.abort()
            handler.cancel()
        await asyncio.gather(*handlers.values())
        for writer in handlers:
            await _wait_closed(writer)

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


async def _wait_closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
