"""A server whose first line, or whose replies, are not as they have to be."""

import asyncio
import json
from typing import Final

from tests.kit.loopback_server import LoopbackServer

GOOD_INFO: Final = json.dumps(
    {"server_id": "X", "server_name": "n", "version": "2.11.0", "headers": True, "jetstream": True,
     "max_payload": 1 << 20, "proto": 1, "client_id": 1}
)  # fmt: skip


class LyingServer(LoopbackServer):
    """Speaks NATS, and replies to every request with the same bytes."""

    def __init__(self, info: str = GOOD_INFO, reply: bytes = b"null") -> None:
        super().__init__()
        self._info = info
        self._reply = reply

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"INFO {self._info}\r\n".encode())
        inbox, sid = "", ""
        while line := await reader.readline():
            words = line.decode().split()
            if words[0] == "PING":
                writer.write(b"PONG\r\n")
            elif words[0] == "SUB":
                inbox, sid = words[1].rstrip("*"), words[-1]
            elif words[0] in ("PUB", "HPUB"):
                await reader.readexactly(int(words[-1]) + 2)
                subject = next((each for each in words[2:] if each.startswith(inbox)), "")
                if inbox and subject:
                    head = f"MSG {subject} {sid} {len(self._reply)}\r\n".encode()
                    writer.write(head + self._reply + b"\r\n")
