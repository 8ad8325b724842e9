"""The desktop's connection: failures are explained, and a lost connection is made again."""

import asyncio
import contextlib
import logging
import math
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import nkeys
import pytest
from nats import errors
from nats.aio.msg import Msg

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import (
    CannotConnectError,
    NoJetStreamError,
    NotConnectedError,
    NotPermittedError,
)
from pulse_desktop.transport import connection as connection_module
from pulse_desktop.transport.connection import Connection
from tests.kit.background import in_background
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from pulse_desktop.model.connection_status import ConnectionStatus

LIMITED = """
authorization {
  users = [{ user: op, password: "s3cret",
             permissions: { publish: ["_INBOX.>"], subscribe: ["_INBOX.>"] } }]
}
"""


@contextlib.asynccontextmanager
async def running(connection: Connection) -> AsyncIterator[Connection]:
    """Run a connection while the block runs."""
    async with in_background(connection.run()):
        yield connection
    await connection.close()


async def connect_error(
    server: str, within_s: float = 3.0, timeout_s: float = 5.0
) -> CannotConnectError:
    """Return the error of a connection that must fail."""
    connection = Connection(server)
    started = time.monotonic()
    with pytest.raises(CannotConnectError) as caught:
        await connection.open(timeout_s)
    assert time.monotonic() - started < within_s * PATIENCE
    assert not connection.connected
    assert connection.status.problem == caught.value.detail
    await connection.close()
    return caught.value


async def test_a_server_that_does_not_run_is_reported_at_once(unused_tcp_port: int) -> None:
    error = await connect_error(f"nats://ann:s3cret@127.0.0.1:{unused_tcp_port}")
    assert "nothing listens" in error.detail
    assert "s3cret" not in str(error)


async def test_an_unknown_host_is_reported() -> None:
    error = await connect_error("nats://no-such-host.invalid", within_s=5)
    assert "host name is unknown" in error.detail


async def test_a_wrong_password_is_reported_at_once_and_never_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with NatsServer(user="ann", password="right") as server:
        for login, reason in (
            ("ann:wr0ng@", "refused these credentials"),
            ("wr0ng@", "refused these credentials"),
            ("", "requires a login"),
        ):
            error = await connect_error(f"nats://{login}{server.address}")
            assert reason in error.detail
            assert "wr0ng" not in str(error) + caplog.text


async def test_another_kind_of_server_is_reported(nats_server: NatsServer) -> None:
    error = await connect_error(f"127.0.0.1:{nats_server.monitor_port}", timeout_s=0.5)
    assert "NATS server" in error.detail


@pytest.mark.filterwarnings("ignore:parameter 'timeout':DeprecationWarning")  # nats-py's own
async def test_a_port_without_websocket_is_reported(
    nats_server: NatsServer, unused_tcp_port: int
) -> None:
    for port in (nats_server.port, nats_server.monitor_port):
        error = await connect_error(f"ws://127.0.0.1:{port}")
        assert error.detail == f"the server at 127.0.0.1:{port} does not support WebSocket."
    error = await connect_error(f"ws://127.0.0.1:{unused_tcp_port}")
    assert "nothing listens" in error.detail


async def test_an_untrusted_certificate_is_reported(certificate: Path) -> None:
    config = f'tls {{ cert_file: "{certificate}/cert.pem", key_file: "{certificate}/key.pem" }}'
    with NatsServer(config=config) as server:
        error = await connect_error(f"tls://localhost:{server.port}", within_s=3)
        assert "certificate" in error.detail
        assert "authority" in error.advice
        options = ConnectionOptions(tls_ca=str(certificate / "cert.pem"))
        connection = Connection(f"tls://localhost:{server.port}", options=options)
        await connection.open()
        assert connection.connected
        await connection.close()


async def test_the_tls_handshake_can_come_first(certificate: Path) -> None:
    config = (
        f'tls {{ cert_file: "{certificate}/cert.pem", key_file: "{certificate}/key.pem", '
        "handshake_first: true }"
    )
    with NatsServer(config=config) as server:
        options = ConnectionOptions(
            servers=f"tls://localhost:{server.port}",
            tls_ca=str(certificate / "cert.pem"),
            tls_first=True,
        )
        connection = Connection(options=options)
        await connection.open()
        assert connection.connected
        await connection.close()


async def test_credentials_can_contain_any_character() -> None:
    for server in (NatsServer(token="s3/@:%cret"), NatsServer(user="an:n", password="p@s/s:%")):
        with server:
            connection = Connection(server.url)
            await connection.open()
            assert connection.status.state == "connected"
            assert "***" in connection.status.server
            await connection.close()


async def test_the_options_give_the_login(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    by_password = (
        ConnectionOptions(user="ann", password="s3cret"),
        ConnectionOptions(user="ann", password_file=str(secret)),
    )
    with NatsServer(user="ann", password="s3cret") as server:
        for options in by_password:
            await _connect(f"nats://other:wr0ng@{server.address}", options)
    by_token = (ConnectionOptions(token="s3cret"), ConnectionOptions(token_file=str(secret)))
    with NatsServer(token="s3cret") as server:
        for options in by_token:
            await _connect(server.address, options)


async def test_the_options_give_an_nkey(tmp_path: Path) -> None:
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(seed).public_key.decode()
    file = tmp_path / "user.nk"
    file.write_bytes(seed)
    with NatsServer(config=f"authorization {{ users: [{{ nkey: {public} }}] }}") as server:
        await _connect(server.address, ConnectionOptions(nkey_seed=seed.decode()))
        await _connect(server.address, ConnectionOptions(nkey_file=str(file)))


async def _connect(server: str, options: ConnectionOptions) -> None:
    connection = Connection(server, options=options)
    await connection.open()
    assert connection.connected
    assert "s3cret" not in connection.status.server
    await connection.close()


async def test_wrong_options_are_reported_as_the_reason(nats_server: NatsServer) -> None:
    options = ConnectionOptions(credentials="/none.creds")
    connection = Connection(nats_server.url, options=options)
    with pytest.raises(
        CannotConnectError, match=r"--credentials \(PULSE_CREDENTIALS\) = '/none\.creds'"
    ):
        await connection.open()
    assert "/none.creds" in connection.status.problem
    await connection.close()


async def test_the_status_of_a_connection_describes_the_server(nats_server: NatsServer) -> None:
    seen: list[ConnectionStatus] = []
    connection = Connection(nats_server.url, on_status=seen.append)
    async with running(connection):
        await wait_until(lambda: connection.status.rtt_s is not None)
        status = connection.status
        assert status.state == "connected"
        assert status.jetstream is True
        assert status.server_version.startswith("2.")
        assert status.max_payload == 1 << 20
        assert status.server_name
        assert status.rtt_s is not None
        assert 0 < status.rtt_s < 1
        assert status.reconnects == 0
    assert connection.status.state == "closed"
    assert [each.state for each in seen][:2] == ["connected", "connected"]
    with pytest.raises(NotConnectedError):
        _ = connection.client


async def test_a_server_without_jetstream_is_connected_and_reported() -> None:
    with NatsServer(jetstream=False) as server:
        connection = Connection(server.url)
        await connection.open()
        assert connection.status.jetstream is False
        with pytest.raises(NoJetStreamError):
            _ = connection.js
        await connection.close()


async def test_a_refused_subject_is_reported_at_once_and_by_name() -> None:
    with NatsServer(user="op", password="s3cret", config=LIMITED) as server:
        connection = Connection(server.url)
        started = time.monotonic()
        await connection.open()
        assert connection.status.jetstream is None
        request = connection.client.request("orders.Create", timeout=5)
        with pytest.raises(NotPermittedError, match=r"publish to orders\.Create"):
            await connection.request(request, "orders.Create")
        await connection.client.subscribe("orders.>")
        await wait_until(lambda: len(connection.violations.problems) == 3)
        assert connection.violations.problems == [
            "these credentials may not publish to $JS.API.INFO",
            "these credentials may not publish to orders.Create",
            "these credentials may not subscribe to orders.>",
        ]
        assert time.monotonic() - started < 4
        await connection.close()


async def test_a_connection_waits_for_a_server_that_starts_later() -> None:
    with NatsServer() as server:
        server.stop()
        connection = Connection(server.url)
        async with running(connection):
            await wait_until(lambda: "nothing listens" in connection.status.problem)
            states = [connection.status.state]
            server.start()
            await wait_until(lambda: connection.connected)
            assert [*states, connection.status.state] == ["connecting", "connected"]
            assert connection.status.problem == ""


async def test_after_a_loss_it_reconnects_and_notifies_its_listeners(
    nats_server: NatsServer,
) -> None:
    notified: list[str] = []
    connection = Connection(nats_server.url)

    async def on_connected() -> None:
        notified.append(f"connected {connection.generation}")

    async def fail() -> Never:
        raise ValueError("a listener's bug")

    async def on_disconnected() -> None:
        notified.append("disconnected")

    connection.on_connected += [fail, on_connected]
    connection.on_disconnected.append(on_disconnected)
    async with running(connection):
        assert await connection.wait_connected() == 1
        nats_server.kill()
        await wait_until(lambda: connection.status.state == "reconnecting")
        assert connection.status.problem
        with pytest.raises(NotConnectedError):
            await connection.client.publish("lost", b"")
        nats_server.start()
        await wait_until(lambda: "connected 2" in notified)
        assert notified == ["connected 1", "disconnected", "connected 2"]
        assert connection.status.reconnects == 1
        assert connection.status.rtt_s is None or connection.status.rtt_s > 0


async def test_a_request_ends_with_its_connection(nats_server: NatsServer) -> None:
    connection = Connection(nats_server.url)
    silent = await connect(nats_server.url, allow_reconnect=False)
    subscription = await silent.subscribe("silent")
    await silent.flush()
    async with running(connection):
        await connection.wait_connected()
        request = connection.client.request("silent", timeout=60)
        requesting = asyncio.create_task(connection.request(request, "silent"))
        await subscription.next_msg(5)
        nats_server.kill()
        await silent.close()
        with pytest.raises(NotConnectedError):
            await asyncio.wait_for(requesting, 5)


async def test_a_server_that_does_not_respond_counts_as_lost(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "REQUEST_TIMEOUT_S", 0.2)
    monkeypatch.setattr(connection_module, "RTT_INTERVAL_S", 0.05)
    connection = Connection(nats_server.url)
    async with running(connection):
        await connection.wait_connected()
        os.kill(nats_server.pid, signal.SIGSTOP)  # the sockets stay open
        try:
            await wait_until(lambda: connection.status.state == "reconnecting")
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)
        await wait_until(lambda: connection.status.state == "connected")


async def test_no_error_of_the_library_ends_its_reader(nats_server: NatsServer) -> None:
    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    connection = Connection(nats_server.url)
    await connection.open()
    client: Any = connection.client
    slow = errors.SlowConsumerError("s", "", 1, client)
    for error in (UnprintableError(), slow, Exception(), Exception("\0\ud800"), None):
        await client._error_cb(error)  # noqa: SLF001 - as the library calls it
    assert connection.slow_consumers == 1
    assert connection.connected
    await connection.close()


async def test_messages_dropped_for_a_slow_callback_are_counted(nats_server: NatsServer) -> None:
    connection = Connection(nats_server.url)
    await connection.open()
    hold = asyncio.Event()

    async def slow(_message: Msg) -> None:
        await hold.wait()

    await connection.client.subscribe("fast", cb=slow, pending_msgs_limit=5)
    publisher = await connect(nats_server.url)
    for _ in range(20):
        await publisher.publish("fast", b"")
    await publisher.close()
    await wait_until(lambda: connection.slow_consumers >= 14)
    hold.set()
    await connection.close()


async def test_no_secret_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with NatsServer(token="t0ps3cret") as server:
        seen: list[ConnectionStatus] = []
        connection = Connection(server.url, on_status=seen.append)
        async with running(connection):
            await connection.wait_connected()
            server.kill()
            await wait_until(lambda: connection.status.state == "reconnecting")
            await wait_until(lambda: "nothing listens" in connection.status.problem)
        assert "t0ps3cret" not in caplog.text + repr(seen) + repr(connection.status)


async def test_closing_during_an_attempt_leaves_no_task(unused_tcp_port: int) -> None:
    connection = Connection(f"127.0.0.1:{unused_tcp_port}")
    task = asyncio.create_task(connection.run())
    await wait_until(lambda: connection.status.problem)
    await connection.close()
    await asyncio.wait_for(task, 5)
    assert connection.status.state == "closed"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_servers_clock_stays_in_use_without_a_connection() -> None:
    with NatsServer() as server:
        async with running(Connection(server.url, clock=lambda: time.time() + 3600)) as connection:
            await connection.wait_connected()
            assert connection.clock_offset_s is None
            await connection.js.add_stream(name="S", subjects=["s"])
            await connection.js.stream_info("S")
            assert abs(connection.now() - time.time()) < 60
            server.kill()
            await wait_until(lambda: not connection.connected)
            await wait_until(lambda: connection.status.state == "reconnecting")
            assert abs(connection.now() - time.time()) < 60
            server.start()
            await connection.wait_connected()
            assert abs(connection.now() - time.time()) < 60
            assert connection.clock_offset_s is not None


@pytest.mark.parametrize("jump_s", [7200, -7200])
async def test_a_clock_that_is_set_does_not_move_the_present(jump_s: float) -> None:
    ahead_s = 0.0
    with NatsServer() as server:
        connection = Connection(server.url, clock=lambda: time.time() + ahead_s)
        async with running(connection):
            await connection.wait_connected()
            await connection.js.add_stream(name="S", subjects=["s"])
            await connection.js.stream_info("S")
            assert connection.clock_offset_s == 0
            connection.now()
            ahead_s = jump_s
            assert abs(connection.now() - time.time()) < 60
            assert connection.clock_offset_s == pytest.approx(jump_s, abs=2)
            await connection.js.stream_info("S")
            assert abs(connection.now() - time.time()) < 60


async def test_the_next_attempt_is_announced_and_can_be_made_now(unused_tcp_port: int) -> None:
    connection = Connection(f"nats://127.0.0.1:{unused_tcp_port}")
    async with running(connection):
        await wait_until(lambda: (connection.status.next_try_at or 0) - connection.now() > 1)
        attempts, due_at = connection.status.attempts, connection.status.next_try_at or 0
        assert attempts >= 4
        assert not connection.status.is_login_refused
        connection.try_now()
        await wait_until(lambda: connection.status.attempts > attempts)
        assert connection.now() < due_at
        server = NatsServer(port=unused_tcp_port)
        server.start()
        try:
            connection.try_now()
            await wait_until(lambda: connection.connected)
            assert (connection.status.attempts, connection.status.next_try_at) == (0, None)
            assert connection.outages == (), "nothing was known before it"
            assert connection.status.last_alive is None
        finally:
            server.close()


async def test_a_refused_login_is_tried_less_and_less_often() -> None:
    with NatsServer(user="me", password="right") as server:
        connection = Connection(f"nats://me:wrong@{server.address}")
        async with running(connection):
            await wait_until(lambda: (connection.status.next_try_at or 0) - connection.now() > 1)
            assert connection.status.is_login_refused


async def test_an_outage_lasts_from_the_loss_to_the_next_connection(
    nats_server: NatsServer,
) -> None:
    connection = Connection(nats_server.url)
    async with running(connection):
        await connection.wait_connected()
        before = connection.now()
        nats_server.kill()
        await wait_until(lambda: connection.outages)
        assert connection.outages[0].end == math.inf
        assert connection.status.last_alive == connection.outages[0].start >= before - 0.1
        nats_server.start()
        await connection.wait_connected()
        assert connection.outages[0].end <= connection.now()
        assert len(connection.outages) == 1


async def test_a_typed_login_that_was_refused_waits_for_a_person() -> None:
    with NatsServer(user="me", password="right") as server:
        connection = Connection(f"nats://me:wrong@{server.address}", is_login_typed=True)
        async with running(connection):
            await wait_until(lambda: connection.status.next_try_at == math.inf)
            assert (connection.status.attempts, connection.status.is_login_refused) == (1, True)
            connection.try_now()
            await wait_until(lambda: connection.status.attempts == 2)
