"""An HTTP server that answers each request with the same bytes, whatever they are."""

import asyncio

from tests.kit.loopback_server import LoopbackServer


def http_response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return the bytes of a response with JSON as its content type."""
    fixed = ("content-type: application/json", f"content-length: {len(body)}")
    lines = (f"HTTP/1.1 {status}", *fixed, *headers, "", "")
    return "\r\n".join(lines).encode() + body


class RawHttpServer(LoopbackServer):
    """A server on loopback that closes each connection after one response.

    Attributes:
        response: the bytes.
        heads: request line and headers of each request, in lower case.
    """

    def __init__(self, response: bytes) -> None:
        super().__init__()
        self.response = response
        self.heads: list[str] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        _before, _name, length = head.partition("content-length: ")
        await reader.readexactly(int(length.partition("\r\n")[0] or 0))
        self.heads.append(head)
        writer.write(self.response)
        await writer.drain()
