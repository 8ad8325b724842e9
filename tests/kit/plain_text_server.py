"""A fake nats-server without TLS that records everything clients send."""

import asyncio
import json

from tests.kit.loopback_server import LoopbackServer


class PlainTextServer(LoopbackServer):
    """Sends the INFO line of a server that requires authentication, in plain text.

    Attributes:
        connections: number of client connections so far.
        received: all bytes from clients.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.connections = 0
        self.received = b""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        fields = {"server_id": "N", "version": "2.10.0", "max_payload": 1 << 20}
        info = {**fields, "headers": True, "auth_required": True}
        writer.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
        while received := await reader.read(1 << 16):
            self.received += received
