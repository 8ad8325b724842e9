"""A TCP connection of nats-py whose end over TLS is an error, and which closes in limited time.

It also limits what is buffered for a server that does not read.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Final
from urllib.parse import ParseResult

from nats.aio.transport import TcpTransport

from pulse_desktop.nats_client.aio import abort_transport, retrieve, wait_for
from pulse_desktop.nats_client.connect_progress import ConnectStage, ProgressReport

_CLOSE_TIMEOUT_S: Final = 2.0


class _TLSReaderProtocol(asyncio.StreamReaderProtocol):
    """A reader of a TLS connection, which the other side ends for both directions."""

    def eof_received(self) -> bool:
        """Take the end; asyncio logs a warning about every other return value."""
        super().eof_received()
        return False


class TLSTransport(TcpTransport):
    """nats-py's transport, whose lines over TLS are complete or an error."""

    _is_encrypted = False
    _is_drain_limited = False

    def __init__(self, progress: ProgressReport | None = None) -> None:
        """Create a transport that is not connected.

        Args:
            progress: is told about the TLS handshake.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._progress = progress or ProgressReport()

    def __bool__(self) -> bool:
        """Return True: nats-py replaces a transport that is false by one of its own."""
        return True

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        """Encrypt a connection."""
        if self._io_writer is None:
            raise ConnectionResetError("there is no connection to encrypt")
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=buffer_size)
        protocol = _TLSReaderProtocol(reader)
        host = uri if isinstance(uri, str) else uri.hostname
        self._progress.begin(ConnectStage.TLS)
        async with asyncio.timeout(connect_timeout):
            transport = await loop.start_tls(
                self._io_writer.transport, protocol, ssl_context, server_hostname=host
            )
        if transport is None:  # closed meanwhile
            raise ConnectionResetError("the connection ended during the TLS handshake")
        self._io_reader = reader
        self._io_writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._is_encrypted = True
        tls = transport.get_extra_info("ssl_object")
        self._progress.complete(ConnectStage.TLS, tls=tls)

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Connect, without TLS at first; close what an attempt that failed has left open.

        nats-py's own method, with `asyncio.wait_for`, loses a connection that is made while the
        task is cancelled: nobody would close it.
        """
        self.close()  # type: ignore[no-untyped-call]
        self._is_encrypted = self._is_drain_limited = False
        reader, writer = await wait_for(
            asyncio.open_connection(uri.hostname, uri.port, limit=buffer_size), connect_timeout
        )
        self._bare_io_reader = self._io_reader = reader
        self._bare_io_writer = self._io_writer = writer

    async def readline(self) -> bytes:
        """Read a line. Raises ConnectionResetError when the server ends a TLS connection."""
        line: bytes = await super().readline()  # type: ignore[no-untyped-call]
        if not line and self._is_encrypted:
            raise ConnectionResetError("the server ended the connection")
        return line

    def writelines(self, payload: Iterable[bytes]) -> None:
        """Write chunks as one.

        asyncio's `writelines` buffers without limit before Python 3.12.9 and 3.13.2
        (CVE-2024-12254): `drain` would not wait for a server that does not read.
        """
        self.write(b"".join(payload))  # type: ignore[no-untyped-call]

    async def wait_closed(self) -> None:
        """Wait until the connection is closed; discard what a frozen server does not read in time.

        asyncio waits for ever until it has sent what is buffered, and nats-py with it: it would
        never connect to another server.
        """
        closing = asyncio.ensure_future(super().wait_closed())  # type: ignore[no-untyped-call]
        closing.add_done_callback(retrieve)
        try:
            # Not cancelled, because `close` awaits the same future of asyncio's again.
            await asyncio.wait({closing}, timeout=_CLOSE_TIMEOUT_S)
        finally:
            if not closing.done():
                self.abort()
        await closing

    def limit_drain(self) -> None:
        """Discard from now on what the server does not read in time: the connection is closed."""
        self._is_drain_limited = True

    async def drain(self) -> None:
        """Wait until the server has read most of what is buffered."""
        if not self._is_drain_limited:
            await super().drain()  # type: ignore[no-untyped-call]
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await super().drain()  # type: ignore[no-untyped-call]
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Close at once, and discard what is buffered."""
        if self._io_writer is not None:
            abort_transport(self._io_writer.transport)
