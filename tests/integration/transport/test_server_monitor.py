"""Statistics of a server from its HTTP monitoring endpoint, which is optional."""

import asyncio
import json
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Awaitable, Callable

import pytest

from pulse_desktop.transport import monitoring_endpoint, server_monitor
from pulse_desktop.transport.connection import CLIENT_NAME, Connection
from pulse_desktop.transport.server_monitor import ServerMonitor, guess_monitor_url
from tests.kit.loopback_server import LoopbackServer
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.raw_http_server import RawHttpServer, http_response

SUBJECT = "taskiq_tasks"


async def test_the_statistics_of_a_server_are_read(nats_server: NatsServer) -> None:
    client = await connect(nats_server.url, allow_reconnect=False)
    await client.jetstream().add_stream(name="TASKS", subjects=[SUBJECT])
    monitor = ServerMonitor(nats_server.monitor_url)
    before = await monitor.snapshot()
    await client.jetstream().publish(SUBJECT, b"x" * 1000)
    after = await monitor.snapshot()
    assert before is not None
    assert after is not None
    assert after.version.startswith("2.")
    assert after.name
    assert after.connections == 1
    assert 0 <= before.uptime_s <= after.uptime_s < 60
    assert after.memory_bytes > 1 << 20
    assert after.in_msgs > before.in_msgs
    assert after.in_bytes >= before.in_bytes + 1000
    assert after.jetstream_bytes is not None
    assert after.jetstream_limit_bytes is not None
    assert 1000 <= after.jetstream_bytes < after.jetstream_limit_bytes
    assert not after.clustered
    await monitor.close()
    await client.close()


async def test_a_missing_endpoint_is_no_error(unused_tcp_port: int) -> None:
    for url in (f"http://127.0.0.1:{unused_tcp_port}", "", None, "nonsense"):
        monitor = ServerMonitor(url, clock=lambda: 0.0)
        assert await monitor.snapshot() is None
        assert await monitor.count_consumers(SUBJECT) is None
        await monitor.close()


async def test_an_endpoint_is_tried_again_after_the_back_off(nats_server: NatsServer) -> None:
    now = 0.0
    url = nats_server.monitor_url
    nats_server.kill()
    monitor = ServerMonitor(url, clock=lambda: now)
    assert await monitor.snapshot() is None
    nats_server.start()
    assert await monitor.snapshot() is None
    now = 60.0
    assert await monitor.snapshot() is not None
    await monitor.close()


async def test_another_kind_of_http_server_is_no_error() -> None:
    async def respond(writer: asyncio.StreamWriter) -> None:
        body = json.dumps([1, 2]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with _HttpServer(respond) as server:
        monitor = ServerMonitor(server.url)
        assert await monitor.snapshot() is None
        await monitor.close()


JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
VARZ = b'{"server_id": "S", "server_name": "s", "version": "2.0"}'


async def _gzip_bomb(writer: asyncio.StreamWriter) -> None:
    packer = zlib.compressobj(wbits=31)  # gzip
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _index in range(64)) + packer.flush()
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    writer.write(JSON + head + bomb)


async def _endless_body(writer: asyncio.StreamWriter) -> None:
    writer.write(JSON + b"Connection: close\r\n\r\n")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


async def _slow_body(writer: asyncio.StreamWriter) -> None:
    writer.write(JSON + b"Connection: close\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _endless_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Header: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


async def _slow_continues(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _other_type(writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s"
    writer.write(head % (len(VARZ), VARZ))


async def _deep_json(writer: asyncio.StreamWriter) -> None:
    body = b'{"x": ' + b"[" * 900_000 + b"}"
    writer.write(JSON + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


async def _mixed_times(writer: asyncio.StreamWriter) -> None:
    body = b'{"start": "2026-01-01T00:00:00", "now": "2026-01-01T00:00:00Z"}'
    writer.write(JSON + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


@pytest.mark.parametrize(
    "respond",
    [
        _gzip_bomb,
        _endless_body,
        _slow_body,
        _endless_headers,
        _slow_continues,
        _other_type,
        _deep_json,
        _mixed_times,
    ],
)
async def test_a_hostile_endpoint_costs_neither_memory_nor_time(
    respond: Callable[[asyncio.StreamWriter], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring_endpoint, "TIMEOUT_S", 0.5)
    async with _HttpServer(respond) as server:
        monitor = ServerMonitor(server.url)
        begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert await monitor.snapshot() is None
        assert await monitor.count_consumers(SUBJECT) is None
        assert time.monotonic() - begin < 2 * 0.5 + 10  # the machine may be busy
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 40 << 10, "KiB"
        await monitor.close()


async def test_a_redirect_is_not_followed(nats_server: NatsServer) -> None:
    async def redirect(writer: asyncio.StreamWriter) -> None:
        location = f"{nats_server.monitor_url}/varz".encode()
        head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n"
        writer.write(head % location)

    async with _HttpServer(redirect) as server:
        monitor = ServerMonitor(server.url)
        assert await monitor.snapshot() is None
        await monitor.close()


async def test_cookies_are_not_kept() -> None:
    async with RawHttpServer(http_response(VARZ, "set-cookie: a=b; path=/")) as server:
        monitor = ServerMonitor(server.url)
        for _request in range(2):
            assert await monitor.snapshot() is not None
        await monitor.close()
        assert len(server.heads) > 2
        assert not [head for head in server.heads if "cookie" in head]


async def test_counting_consumers_ends_however_many_clients_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_monitor, "COUNT_TIMEOUT_S", 0.5)

    async def respond(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        clients = [{"cid": n} for n in range(1_000)]
        body = json.dumps({"subscriptions_list": clients, "connections": [{"name": CLIENT_NAME}]})
        writer.write(JSON + b"Content-Length: %d\r\n\r\n%s" % (len(body), body.encode()))

    async with _HttpServer(respond) as server:
        monitor = ServerMonitor(server.url)
        begin = time.monotonic()
        assert await monitor.count_consumers(SUBJECT) is None
        assert time.monotonic() - begin < 0.5 + 10
        await monitor.close()


class _HttpServer(LoopbackServer):
    """An HTTP server that handles one request for each connection."""

    def __init__(self, respond: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
        super().__init__()
        self._respond = respond

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await self._respond(writer)
        await writer.drain()


async def test_a_guessed_endpoint_of_another_server_is_ignored(nats_server: NatsServer) -> None:
    now = 0.0
    ours = ""
    with NatsServer() as other:
        monitor = ServerMonitor(other.monitor_url, server_id=lambda: ours, clock=lambda: now)
        assert await monitor.snapshot() is None, "not connected yet"
        connection = Connection(nats_server.url)
        await connection.open()
        ours = connection.server_id
        assert await monitor.snapshot() is None
        assert await monitor.count_consumers(SUBJECT) is None
        monitor.move_to(nats_server.monitor_url, lambda: connection.server_id)
        assert await monitor.snapshot() is not None
        assert await monitor.count_consumers(SUBJECT) == 0
        await connection.close()
        assert await monitor.snapshot() is None
        await monitor.close()


def test_the_first_request_imports_nothing_in_the_main_thread(nats_server: NatsServer) -> None:
    code = f"""
import asyncio, sys, threading
from pulse_desktop.transport.server_monitor import ServerMonitor
from tests.kit.nats_clients import connect

class Recorder:
    names = []
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            self.names.append(name)

async def main():
    monitor = ServerMonitor({nats_server.monitor_url!r})
    sys.meta_path.insert(0, Recorder())
    assert await monitor.snapshot() is not None
    await monitor.close()

asyncio.run(main())
loaded = {{name.partition(".")[0] for name in Recorder.names}}
print(sorted(loaded & {{"anyio", "certifi", "h11", "httpcore"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_endpoint_is_guessed_without_secrets() -> None:
    assert guess_monitor_url("nats://t0ken@host:4222") == "http://host:8222"
    assert guess_monitor_url("tls://[::1]:4333,nats://b") == "http://[::1]:8222"
    assert guess_monitor_url("") == ""
