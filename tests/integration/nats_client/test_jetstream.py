"""JetStream missing for an account on one server of several, on all, or only for the moment."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats import errors
from nats.aio.client import Client

from pulse_desktop.model.errors import JetStreamNotReadyError, NoJetStreamError
from pulse_desktop.nats_client.client import NatsClient
from pulse_desktop.nats_client.connect import require_jetstream
from pulse_desktop.nats_client.jetstream import JetStreamState, jetstream_state
from pulse_desktop.nats_client.permission_violations import PermissionViolations
from pulse_desktop.transport import connection as connection_module
from pulse_desktop.transport.connection import Connection
from tests.kit.background import in_background
from tests.kit.cluster import Cluster
from tests.kit.nats_servers import TESTER, NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_cli import PulseWorkerCommand
from tests.kit.worker_processes import WorkerHarness, open_harness

USER, PASSWORD = "me", "s3cret"
NO_ACCOUNT = f"accounts {{ PULSE {{ users: [{{ user: {USER}, password: {PASSWORD} }}] }} }}"
NO_API = f"""
authorization {{
  users = [{{ user: {USER}, password: {PASSWORD},
             permissions: {{ publish: ["_INBOX.>"], subscribe: ["_INBOX.>"] }} }}]
}}
"""


def _server(config: str = "", *, jetstream: bool = True) -> NatsServer:
    return NatsServer(config=config, user=USER, password=PASSWORD, jetstream=jetstream)


@pytest.fixture
def usable() -> Iterator[NatsServer]:
    with _server() as server:
        yield server


@pytest.fixture
def misconfigured() -> Iterator[NatsServer]:
    """A server whose account for the user has no JetStream."""
    with _server(NO_ACCOUNT) as server:
        yield server


@pytest.mark.parametrize(
    ("config", "jetstream", "expected"),
    [
        ("", True, JetStreamState.ON),
        ("", False, JetStreamState.SERVER_OFF),
        (NO_ACCOUNT, True, JetStreamState.NO_ACCOUNT),
        (NO_API, True, JetStreamState.FORBIDDEN),
    ],
)
async def test_the_state_says_why_there_is_no_jetstream(
    config: str, jetstream: bool, expected: JetStreamState
) -> None:
    with _server(config, jetstream=jetstream) as server:
        violations = PermissionViolations()

        async def on_error(error: Exception) -> None:
            violations.report(str(error))

        client = Client()
        await client.connect(server.url, error_cb=on_error)
        async with asyncio.timeout(5):
            assert await jetstream_state(client, violations, 10) is expected
        await client.close()


async def test_a_client_of_several_servers_leaves_out_one_without_jetstream(
    usable: NatsServer, misconfigured: NatsServer
) -> None:
    for _ in range(5):  # servers are tried in random order
        client = NatsClient(require_jetstream)
        await client.connect([misconfigured.url, usable.url])
        assert client.connected_url is not None
        assert client.connected_url.port == usable.port
        await client.close()


async def test_a_client_that_lost_its_server_waits_for_one_with_jetstream(
    usable: NatsServer, misconfigured: NatsServer
) -> None:
    problems: list[Exception] = []

    async def on_error(error: Exception) -> None:
        problems.append(error)

    client = NatsClient(require_jetstream)
    await client.connect(
        [usable.url, misconfigured.url],
        error_cb=on_error,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.05,
    )
    usable.kill()
    await wait_until(lambda: not client.is_connected)
    problems.clear()
    await wait_until(lambda: any(isinstance(each, NoJetStreamError) for each in problems))
    assert not client.is_connected
    usable.start()
    await wait_until(lambda: client.is_connected)
    assert client.connected_url is not None
    assert client.connected_url.port == usable.port
    await client.close()


@pytest.mark.slow
async def test_a_worker_runs_tasks_though_one_of_its_servers_has_no_jetstream_for_it(
    usable: NatsServer, misconfigured: NatsServer, tmp_path: Path
) -> None:
    async with open_harness(usable, tmp_path) as harness:
        server = f"{misconfigured.url},{usable.url}"
        worker = harness.start("run", "--name", "worker-1", "--server", server)
        await harness.wait_until_started(worker)
        task_id = await _send(harness)
        assert (await harness.result(task_id))["is_err"] is False
        usable.kill()
        await wait_until(lambda: "no JetStream" in worker.log, 20, "the other server is tried")
        usable.start()
        task_id = await _send(harness)
        assert (await harness.result(task_id, 20))["is_err"] is False
        assert worker.process.poll() is None


@pytest.mark.parametrize("servers", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_a_worker_says_that_its_account_has_no_jetstream(
    misconfigured: NatsServer, pulse_worker: PulseWorkerCommand, servers: int
) -> None:
    with _server(NO_ACCOUNT) as other:
        urls = ",".join([misconfigured.url, other.url][:servers])
        output = pulse_worker("run", server=urls, connect_timeout=2)
        assert output.code != 0
        assert "the account of this user has no JetStream on" in output.text, output
        assert "Enable JetStream for the account" in output.text
        assert "Start nats-server with -js" not in output.text


async def test_check_says_which_server_has_no_jetstream_for_the_account(
    usable: NatsServer, misconfigured: NatsServer, pulse_worker: PulseWorkerCommand
) -> None:
    output = pulse_worker("check", server=f"{misconfigured.url},{usable.url}")
    assert output.code == 0, output
    warning, workers = output.lines_with("warning")
    assert "no worker is alive" in workers
    assert f"{misconfigured.address}: the account of this user has no JetStream" in warning
    assert "Workers use the other servers meanwhile." in output.text
    output = pulse_worker("check", server=misconfigured.url)
    assert output.code == 1
    assert "the account of this user has no JetStream" in output.text
    assert "Enable JetStream for the account" in output.text


async def test_the_desktop_connects_to_the_server_with_jetstream(
    usable: NatsServer, misconfigured: NatsServer
) -> None:
    connection = Connection(f"{misconfigured.url},{usable.url}")
    await connection.open()
    assert connection.status.jetstream is True
    assert connection.client.connected_url is not None
    assert connection.client.connected_url.port == usable.port
    await connection.close()


async def test_the_desktop_moves_to_the_server_with_jetstream_once_it_is_there(
    usable: NatsServer, misconfigured: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "RTT_INTERVAL_S", 0.1)
    monkeypatch.setattr(connection_module, "OTHER_SERVERS_INTERVAL_S", 0.1)
    usable.stop()
    connection = Connection(f"{misconfigured.url},{usable.url}")
    async with in_background(connection.run()):
        await connection.wait_connected()
        assert connection.status.jetstream is False
        with pytest.raises(NoJetStreamError, match="the account of this user has no JetStream"):
            _ = connection.js
        usable.start()
        await wait_until(lambda: connection.status.jetstream is True)
        assert connection.client.connected_url is not None
        assert connection.client.connected_url.port == usable.port
    await connection.close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # nats-py, while a server ends
@pytest.mark.slow
async def test_a_cluster_without_a_leader_is_not_ready_and_not_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "RTT_INTERVAL_S", 0.1)
    with Cluster(tmp_path, {"worker": "w", "operator": "o1", "viewer": "v"}, start=1) as cluster:
        connection = Connection(cluster.url(TESTER[0]))
        async with in_background(connection.run()):
            async with asyncio.timeout(20):
                await connection.wait_connected()
            assert connection.status.jetstream is None
            request = connection.js.account_info()
            with pytest.raises((JetStreamNotReadyError, errors.TimeoutError)):
                await connection.request(request, "$JS.API.INFO")
            cluster.start_all()
            await wait_until(lambda: connection.status.jetstream is True, 30, "a leader")
            assert connection.status.reconnects == 0
        await connection.close()


async def _send(harness: WorkerHarness) -> str:
    """Send a task, again until the server confirms it."""
    while True:
        try:
            return await harness.send("return_text", 5)
        except (errors.Error, OSError):
            await asyncio.sleep(0.05)
