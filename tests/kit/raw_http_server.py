"""An HTTP server that answers each request with the same bytes, whatever they are."""

import asyncio
import contextlib
from typing import Self

from tests.kit.plain_text_server import start_handlers


def http_response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return the bytes of a response with JSON as its content type."""
    fixed = ("content-type: application/json", f"content-length: {len(body)}")
    lines = (f"HTTP/1.1 {status}", *fixed, *headers, "", "")
    return "\r\n".join(lines).encode() + body


class RawHttpServer:
    """A server on loopback that closes each connection after one response.

    Attributes:
        response: the bytes.
        heads: request line and headers of each request, in lower case.
        url: its address, without a path.
    """

    def __init__(self, response: bytes) -> None:
        self.response = response
        self.heads: list[str] = []
        self.url = ""
        self._handlers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await start_handlers()
        for writer in self._handlers:
            writer.transport.abort()
        await asyncio.gather(*self._handlers.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers[writer] = task
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                _before, _name, length = head.partition("content-length: ")
                await reader.readexactly(int(length.partition("\r\n")[0] or 0))
                self.heads.append(head)
                writer.write(self.response)
                await writer.drain()
        finally:
            writer.close()
            self._handlers.pop(writer, None)
