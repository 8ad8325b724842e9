"""Statistics of a server from its HTTP monitoring endpoint, which is optional."""

import asyncio
import json
import subprocess
import sys

import nats

from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.server_monitor import ServerMonitor, guess_monitor_url
from tests.kit.nats_servers import NatsServer

SUBJECT = "taskiq_tasks"


async def test_the_statistics_of_a_server_are_read(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url, allow_reconnect=False)
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
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps([1, 2]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monitor = ServerMonitor(f"http://127.0.0.1:{port}")
        assert await monitor.snapshot() is None
        await monitor.close()


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
