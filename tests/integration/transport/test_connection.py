"""One connection for ever: told honestly, found again after every loss."""

import asyncio
import contextlib
import logging
import time
from typing import Never

import nats
import pytest
from nats import errors

from pulse_desktop.model.errors import (
    CannotConnectError,
    NoJetStreamError,
    NotConnectedError,
    NotPermittedError,
)
from pulse_desktop.nats_client.connection_options import ConnectionOptions
from pulse_desktop.transport import connection as connection_module
from pulse_desktop.transport.connection import Connection
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

LIMITED = """
authorization {
  users = [{ user: op, password: "s3cret",
             permissions: { publish: ["_INBOX.>"], subscribe: ["_INBOX.>"] } }]
}
"""


@contextlib.asynccontextmanager
async def kept(connection: Connection):
    """Keep a connection while the block runs."""
    task = asyncio.create_task(connection.run())
    try:
        yield connection
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await connection.close()


async def refusal_of(server: str, limit: float = 3.0, patience: float = 5.0) -> CannotConnectError:
    connection = Connection(server)
    started = time.monotonic()
    with pytest.raises(CannotConnectError) as caught:
        await connection.open(patience)
    assert time.monotonic() - started < limit
    assert not connection.connected
    assert connection.status.problem == caught.value.detail
    await connection.close()
    return caught.value


async def test_a_server_that_is_not_there_is_told_at_once(unused_tcp_port) -> None:
    error = await refusal_of(f"nats://ann:s3cret@127.0.0.1:{unused_tcp_port}")
    assert "nothing listens" in error.detail
    assert "s3cret" not in str(error)


async def test_an_unknown_host_is_told() -> None:
    error = await refusal_of("nats://no-such-host.invalid", limit=5)
    assert "no host of that name" in error.detail


async def test_a_wrong_password_is_told_at_once_and_never_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with NatsServer(user="ann", password="right") as server:
        for login in ("ann:wr0ng@", "wr0ng@", ""):
            error = await refusal_of(f"nats://{login}{server.address}")
            assert "refused these credentials" in error.detail
            assert "wr0ng" not in str(error) + caplog.text


async def test_something_else_that_listens_is_not_taken_for_a_server(
    nats_server: NatsServer,
) -> None:
    error = await refusal_of(f"127.0.0.1:{nats_server.monitor_port}", patience=0.5)
    assert "NATS server" in error.detail


@pytest.mark.filterwarnings("ignore:parameter 'timeout':DeprecationWarning")  # nats-py's own
async def test_a_port_that_speaks_no_websocket_is_told_in_words(
    nats_server: NatsServer, unused_tcp_port
) -> None:
    for port in (nats_server.port, nats_server.monitor_port):
        error = await refusal_of(f"ws://127.0.0.1:{port}")
        assert error.detail == f"what answers at 127.0.0.1:{port} does not speak WebSocket."
    error = await refusal_of(f"ws://127.0.0.1:{unused_tcp_port}")
    assert "nothing listens" in error.detail


async def test_an_untrusted_certificate_is_told(certificate) -> None:
    config = f'tls {{ cert_file: "{certificate}/cert.pem", key_file: "{certificate}/key.pem" }}'
    with NatsServer(config=config) as server:
        error = await refusal_of(f"tls://localhost:{server.port}", limit=3)
        assert "certificate" in error.detail
        assert "authority" in error.advice
        options = ConnectionOptions(tls_ca=str(certificate / "cert.pem"))
        connection = Connection(f"tls://localhost:{server.port}", options=options)
        await connection.open()
        assert connection.connected
        await connection.close()


async def test_credentials_may_hold_any_character() -> None:
    for server in (NatsServer(token="s3/@:%cret"), NatsServer(user="an:n", password="p@s/s:%")):
        with server:
            connection = Connection(server.url)
            await connection.open()
            assert connection.status.state == "connected"
            assert "***" in connection.status.server
            await connection.close()


async def test_a_connected_status_names_the_server(nats_server: NatsServer) -> None:
    seen = []
    connection = Connection(nats_server.url, on_status=seen.append)
    async with kept(connection):
        await wait_until(lambda: connection.status.rtt_s is not None)
        status = connection.status
        assert status.state == "connected"
        assert status.jetstream is True
        assert status.server_version.startswith("2.")
        assert status.max_payload == 1 << 20
        assert status.server_name
        assert 0 < status.rtt_s < 1
        assert status.reconnects == 0
    assert connection.status.state == "closed"
    assert [s.state for s in seen][:2] == ["connected", "connected"]
    with pytest.raises(NotConnectedError):
        _ = connection.client


async def test_a_server_without_jetstream_is_connected_and_says_so() -> None:
    with NatsServer(jetstream=False) as server:
        connection = Connection(server.url)
        await connection.open()
        assert connection.status.jetstream is False
        with pytest.raises(NoJetStreamError):
            _ = connection.js
        await connection.close()


async def test_a_refused_subject_is_told_at_once_and_by_name() -> None:
    with NatsServer(user="op", password="s3cret", config=LIMITED) as server:
        connection = Connection(server.url)
        started = time.monotonic()
        await connection.open()
        assert connection.status.jetstream is None
        request = connection.client.request("orders.Create", timeout=5)
        with pytest.raises(NotPermittedError, match=r"publish to orders\.create"):
            await connection.request(request, "orders.Create")
        await connection.client.subscribe("orders.>")
        await wait_until(lambda: len(connection.permission_problems) == 3)
        assert connection.permission_problems == [
            "not allowed to publish to $js.api.info",
            "not allowed to publish to orders.create",
            "not allowed to subscribe to orders.>",
        ]
        assert time.monotonic() - started < 4
        await connection.close()


async def test_a_connection_waits_for_a_server_that_starts_later() -> None:
    with NatsServer() as server:
        server.stop()
        connection = Connection(server.url)
        async with kept(connection):
            await wait_until(lambda: "nothing listens" in connection.status.problem)
            assert connection.status.state == "connecting"
            server.start()
            await wait_until(lambda: connection.status.state == "connected")
            assert connection.status.problem == ""


async def test_after_a_loss_it_is_found_again_and_everybody_is_told(
    nats_server: NatsServer,
) -> None:
    told: list[str] = []
    connection = Connection(nats_server.url)

    async def connected() -> None:
        told.append(f"up {connection.generation}")

    async def broken() -> Never:
        raise ValueError("a listener's bug")

    async def disconnected() -> None:
        told.append("down")

    connection.on_connected += [broken, connected]
    connection.on_disconnected.append(disconnected)
    async with kept(connection):
        assert await connection.wait_connected() == 1
        nats_server.kill()
        await wait_until(lambda: connection.status.state == "reconnecting")
        assert connection.status.problem
        with pytest.raises(NotConnectedError):
            await connection.client.publish("lost", b"")
        nats_server.start()
        await wait_until(lambda: "up 2" in told)
        assert told == ["up 1", "down", "up 2"]
        assert connection.status.reconnects == 1
        assert connection.status.rtt_s is None or connection.status.rtt_s > 0


async def test_a_request_does_not_outlive_its_connection(nats_server: NatsServer) -> None:
    connection = Connection(nats_server.url)
    silent = await nats.connect(nats_server.url, allow_reconnect=False)
    heard = await silent.subscribe("silent")
    await silent.flush()
    async with kept(connection):
        await connection.wait_connected()
        request = connection.client.request("silent", timeout=60)
        asking = asyncio.create_task(connection.request(request, "silent"))
        await heard.next_msg(5)
        nats_server.kill()
        await silent.close()
        with pytest.raises(NotConnectedError):
            await asyncio.wait_for(asking, 5)


async def test_a_silent_server_counts_as_gone(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "REQUEST_TIMEOUT_S", 0.2)
    monkeypatch.setattr(connection_module, "RTT_INTERVAL_S", 0.05)
    connection = Connection(nats_server.url)
    async with kept(connection):
        await connection.wait_connected()
        process = nats_server._process
        process.send_signal(19)  # SIGSTOP: the sockets stay open, nothing answers
        try:
            await wait_until(lambda: connection.status.state == "reconnecting")
        finally:
            process.send_signal(18)
        await wait_until(lambda: connection.status.state == "connected")


async def test_whatever_the_library_reports_the_reader_goes_on(nats_server: NatsServer) -> None:
    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    connection = Connection(nats_server.url)
    await connection.open()
    client = connection.client
    slow = errors.SlowConsumerError("s", "", 1, None)
    for garbage in (UnprintableError(), slow, Exception(), Exception("\0\ud800"), None):
        await client._error_cb(garbage)
    assert connection.slow_consumers == 1
    assert connection.connected
    await connection.close()


async def test_a_slow_callback_is_counted(nats_server: NatsServer) -> None:
    connection = Connection(nats_server.url)
    await connection.open()
    hold = asyncio.Event()

    async def slow(msg) -> None:
        await hold.wait()

    await connection.client.subscribe("fast", cb=slow, pending_msgs_limit=5)
    other = await nats.connect(nats_server.url)
    for _ in range(20):
        await other.publish("fast", b"")
    await other.close()
    await wait_until(lambda: connection.slow_consumers >= 14)
    hold.set()
    await connection.close()


async def test_no_secret_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with NatsServer(token="t0ps3cret") as server:
        seen = []
        connection = Connection(server.url, on_status=seen.append)
        async with kept(connection):
            await connection.wait_connected()
            server.kill()
            await wait_until(lambda: connection.status.state == "reconnecting")
            await wait_until(lambda: "nothing listens" in connection.status.problem)
        assert "t0ps3cret" not in caplog.text + repr(seen) + repr(vars(connection).get("status"))


async def test_closing_during_an_attempt_leaves_nothing_behind(unused_tcp_port) -> None:
    connection = Connection(f"127.0.0.1:{unused_tcp_port}")
    keeping = asyncio.create_task(connection.run())
    await wait_until(lambda: connection.status.problem)
    await connection.close()
    await asyncio.wait_for(keeping, 5)
    assert connection.status.state == "closed"
    assert asyncio.all_tasks() == {asyncio.current_task()}
