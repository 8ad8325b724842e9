"""A session closes in limited time, whatever the server, its own work or the disk do."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.cli.exit_codes import FAILED
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.session import session as session_module
from pulse_desktop.session.local_state.state_file import LocalStateFile
from pulse_desktop.session.session import CLOSE_TIMEOUT_S, Session
from pulse_desktop.session.session_config import SessionConfig
from tests.kit.cli_process import command_environment, started_command
from tests.kit.full_disk import no_room_in_files
from tests.kit.login_servers import free_port
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

MARGIN_S = 3.0
"""For a machine that is busy."""

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP"),
    pytest.mark.filterwarnings("ignore:parameter 'timeout':DeprecationWarning"),
]


@pytest.fixture(params=["nats", "ws"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[NatsServer, str]]:
    """A server and the URL to connect to; it goes on after the test."""
    port = free_port()
    config = f'websocket {{ listen: "127.0.0.1:{port}", no_tls: true }}'
    with NatsServer(config=config if request.param == "ws" else "") as server:
        yield server, f"ws://localhost:{port}" if request.param == "ws" else server.url
        os.kill(server.pid, signal.SIGCONT)


@contextlib.asynccontextmanager
async def running_session(url: str, folder: Path) -> AsyncIterator[Session]:
    session = Session(SessionConfig(server_profile(url), local_state=folder))
    await session.connection.open(5.0)
    session.start()
    session.start_pump()
    assert await session.wait_caught_up()
    yield session


async def close_in_time(session: Session) -> None:
    started = time.monotonic()
    await session.close()
    assert time.monotonic() - started < CLOSE_TIMEOUT_S + MARGIN_S


async def fill_send_buffer(session: Session) -> None:
    """Publish until nothing more is sent, in more tasks than nats-py lets wait for that.

    The server has been stopped: the buffer of its socket is full, and what waits stays there.
    """
    client: Any = session.connection.client

    async def publish() -> None:
        with contextlib.suppress(Exception):
            while True:
                await client.publish("full", bytes(20_000))

    for number in range(1_500):
        session.supervisor.start(f"publish.{number}", publish)

    def is_full() -> bool:
        transport = client._transport._io_writer.transport  # noqa: SLF001 - nats-py does not tell
        _low, high = transport.get_write_buffer_limits()
        is_queue_full: bool = client._flush_queue.full()  # noqa: SLF001
        return is_queue_full and transport.get_write_buffer_size() > high

    await wait_until(is_full)


async def test_a_server_that_is_stopped_delays_nothing(
    server: tuple[NatsServer, str], tmp_path: Path
) -> None:
    async with running_session(server[1], tmp_path) as session:
        os.kill(server[0].pid, signal.SIGSTOP)
        await close_in_time(session)


async def test_a_server_that_is_stopped_and_a_full_send_buffer_delay_it_little(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with running_session(nats_server.url, tmp_path) as session:
        os.kill(nats_server.pid, signal.SIGSTOP)
        try:
            await fill_send_buffer(session)
            await close_in_time(session)
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)


async def test_work_that_waits_for_the_server_ends_when_the_connection_is_cut(
    nats_server: NatsServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """nats-py swallows cancellations; such work ends with its connection alone."""
    async with running_session(nats_server.url, tmp_path) as session:
        lost = asyncio.ensure_future(wait_until(lambda: not session.connection.connected))

        async def swallow() -> None:
            while not lost.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({lost})

        session.supervisor.start("swallow", swallow)
        await asyncio.sleep(0)
        os.kill(nats_server.pid, signal.SIGSTOP)
        try:
            await close_in_time(session)
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)
        assert lost.done()
        assert "did not close" not in caplog.text


async def test_work_that_never_ends_is_left_behind_and_the_rest_is_closed(
    nats_server: NatsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = threading.Event()
    monkeypatch.setattr(LocalStateFile, "close", lambda _file: closed.set())
    monkeypatch.setattr(session_module, "CLOSE_GRACE_S", 0.2)
    monkeypatch.setattr(session_module, "WORK_TIMEOUT_S", 0.5)
    caplog.set_level(logging.WARNING)
    async with running_session(nats_server.url, tmp_path) as session:
        released = asyncio.Event()

        async def swallow() -> None:
            while not released.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await released.wait()

        session.supervisor.start("swallow", swallow)
        await asyncio.sleep(0)
        try:
            await close_in_time(session)
        finally:
            released.set()
    assert not session.connection.connected
    assert closed.is_set()
    assert "background work does not end: swallow" in caplog.text
    assert "did not close" not in caplog.text


async def test_a_disk_that_does_not_answer_delays_it_little(
    nats_server: NatsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(session_module, "CLOSE_TIMEOUT_S", 3.5)
    monkeypatch.setattr(LocalStateFile, "close", lambda _file: answers.wait())
    async with running_session(nats_server.url, tmp_path) as session:
        try:
            await close_in_time(session)
        finally:
            answers.set()
    assert not session.connection.connected
    assert "the session did not close within 3.5 s" in caplog.text


async def store_events(url: str, count: int) -> None:
    """Store events of some size in a stream, which is created."""
    client = await connect(url)
    context = client.jetstream()
    if not await context.streams_info():
        await context.add_stream(name="EVENTS", subjects=["websocket.>"])
    for _ in range(count):
        data = {"x": os.urandom(2_000).hex()}
        _id, payload = encode_event("agents", "agent.ended", data, source="t", now=time.time())
        await context.publish("websocket.agents", payload)
    await client.close()


@pytest.mark.parametrize("command", ["tail", "record"])
async def test_a_command_whose_server_is_stopped_ends_at_an_interrupt(
    command: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    env = command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)
    file = tmp_path / "file"
    await store_events(nats_server.url, 20)
    words = ("tail", "--json") if command == "tail" else ("record", str(file))
    with started_command(*words, "--since", "1h", env=env) as running:
        if command == "tail":
            await asyncio.to_thread(running.read_line)
        else:
            await wait_until(lambda: file.exists() and file.stat().st_size > 20_000)
        os.kill(nats_server.pid, signal.SIGSTOP)
        started = time.monotonic()
        try:
            result = await asyncio.to_thread(running.stop, signal.SIGINT)
            assert time.monotonic() - started < CLOSE_TIMEOUT_S + MARGIN_S
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)
    assert "Traceback" not in result.err


@pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process")
async def test_a_recording_on_a_full_disk_ends_although_the_server_is_stopped(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    env = command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)
    file = tmp_path / "file"
    await store_events(nats_server.url, 20)
    with started_command("record", str(file), "--since", "1h", env=env) as running:
        await wait_until(lambda: file.exists() and file.stat().st_size > 20_000)
        with no_room_in_files(running.pid, file.stat().st_size):
            await store_events(nats_server.url, 20)
            os.kill(nats_server.pid, signal.SIGSTOP)
            started = time.monotonic()
            try:
                result = await asyncio.to_thread(running.wait)
                assert time.monotonic() - started < CLOSE_TIMEOUT_S + MARGIN_S
            finally:
                os.kill(nats_server.pid, signal.SIGCONT)
    assert result.code == FAILED
    assert "\nCannot save file: there is not enough space left." in result.err
