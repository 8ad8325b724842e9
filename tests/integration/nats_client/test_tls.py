"""If TLS is requested, no secret is ever sent to a server without it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pulse_workers import errors as worker_errors
from pulse_workers.brokers.core_broker import CoreBroker
from pulse_workers.brokers.jetstream_broker import JetStreamBroker
from pulse_workers.config.settings import Settings
from pulse_workers.results.backend import ObjectStoreResultBackend
from pulse_workers.runtime.connection import connect

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.transport.connection import Connection
from tests.kit.background import in_background
from tests.kit.cli_process import command_environment, run_command
from tests.kit.nats_servers import NatsServer
from tests.kit.plain_text_server import PlainTextServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import Worker

SECRET = "s3cret"


@pytest.fixture
async def plain() -> AsyncIterator[PlainTextServer]:
    async with PlainTextServer() as listener:
        yield listener


def settings(server: str, **variables: str | float) -> Settings:
    return Settings.model_validate({"PULSE_SERVER": server, **variables})


async def test_the_command_line_sends_nothing(plain: PlainTextServer, tmp_path: Path) -> None:
    server = f"tls://{SECRET}@127.0.0.1:{plain.port}"
    status = ("status", "--server", server)
    ended = await asyncio.to_thread(run_command, *status, env=command_environment(tmp_path))
    assert ended.code == 3
    assert "offers no TLS" in ended.err
    assert SECRET not in ended.out + ended.err
    assert plain.connections == 1
    assert plain.received == b""


async def test_a_worker_sends_nothing(plain: PlainTextServer, tmp_path: Path) -> None:
    server = f"tls://{SECRET}@127.0.0.1:{plain.port}"
    worker = Worker("run", server=server, log=tmp_path / "log", connect_timeout=1.5)
    try:
        assert await worker.wait_for_exit() == 3
    finally:
        worker.close()
    assert "offers no TLS" in worker.log
    assert SECRET not in worker.log
    assert plain.connections >= 1
    assert plain.received == b""


@pytest.mark.slow
async def test_no_connection_of_a_worker_sends_anything(plain: PlainTextServer) -> None:
    given = settings(f"tls://{SECRET}@127.0.0.1:{plain.port}")
    for part in (JetStreamBroker(given), CoreBroker(given), ObjectStoreResultBackend(given)):
        before = plain.connections
        async with in_background(part.startup()):
            await wait_until(lambda visits=before + 2: plain.connections >= visits)
    assert plain.received == b""


async def test_certificates_request_tls_as_well(plain: PlainTextServer, certificate: Path) -> None:
    server = f"nats://{SECRET}@127.0.0.1:{plain.port}"
    trust = str(certificate / "cert.pem")
    with pytest.raises(worker_errors.ConnectionFailedError, match="offers no TLS"):
        await connect(settings(server, PULSE_TLS_CA=trust, PULSE_CONNECT_TIMEOUT=0.5), "test")
    connection = Connection(server, options=ConnectionOptions(tls_ca=trust))
    with pytest.raises(CannotConnectError, match="offers no TLS"):
        await connection.open()
    assert plain.received == b""


async def test_nothing_is_sent_to_a_server_that_restarts_without_tls(certificate: Path) -> None:
    trust = str(certificate / "cert.pem")
    with NatsServer(config=_tls(certificate), token=SECRET) as server:
        address = f"tls://{SECRET}@localhost:{server.port}"
        connection = Connection(address, options=ConnectionOptions(tls_ca=trust))
        worker = await connect(settings(address, PULSE_TLS_CA=trust), "test")
        async with in_background(connection.run()):
            await connection.wait_connected()
            server.stop()
            async with PlainTextServer(server.port) as plain:
                await wait_until(lambda: plain.connections >= 4)
                await wait_until(lambda: "offers no TLS" in connection.status.problem)
                assert (connection.connected, worker.is_connected) == (False, False)
                assert plain.received == b""
            server.start()
            await wait_until(lambda: connection.connected and worker.is_connected)
        await connection.close()
        await worker.close()


async def test_tls_that_is_only_offered_is_used(certificate: Path) -> None:
    trust = str(certificate / "cert.pem")
    with NatsServer(config=_tls(certificate, "allow_non_tls: true"), token=SECRET) as server:
        address = f"tls://{SECRET}@localhost:{server.port}"
        connection = Connection(address, options=ConnectionOptions(tls_ca=trust))
        await connection.open()
        worker = await connect(settings(address, PULSE_TLS_CA=trust), "test")
        async with httpx.AsyncClient() as http:
            page = (await http.get(f"{server.monitor_url}/connz")).json()
        assert len(page["connections"]) == 2
        assert all(each["tls_version"] for each in page["connections"])
        await worker.close()
        await connection.close()


def _tls(folder: Path, more: str = "") -> str:
    return f'tls {{ cert_file: "{folder}/cert.pem", key_file: "{folder}/key.pem" }}\n{more}'
