"""A fake nats-server without TLS that records everything clients send."""

import asyncio
import contextlib
import json
from typing import Self


async def start_handlers() -> None:
    """Let the event loop start the handlers of connections that it has already accepted.

    A handler that is cancelled before its first step never closes its connection.
    """
    for _turn in range(10):  # from accepting a connection to its handler take about five
        await asyncio.sleep(0)


class PlainTextServer:
    """Sends the INFO line of a server that requires authentication, in plain text.

    Attributes:
        port: TCP port.
        connections: number of client connections.
        received: all bytes from clients.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.connections = 0
        self.received = b""
        self._handlers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._greet, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await start_handlers()
        for writer in self._handlers:
            writer.transport.abort()
        await asyncio.gather(*self._handlers.values())

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        fields = {"server_id": "N", "version": "2.10.0", "max_payload": 1 << 20}
        info = {**fields, "headers": True, "auth_required": True}
        writer.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
        task = asyncio.current_task()
        assert task is not None
        self._handlers[writer] = task
        try:
            with contextlib.suppress(ConnectionError):
                while received := await reader.read(1 << 16):
                    self.received += received
        finally:
            writer.close()
            del self._handlers[writer]
