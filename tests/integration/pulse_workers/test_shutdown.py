"""Worker processes exit soon after SIGTERM, and with a reason when they cannot take tasks."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.kit.loopback_server import LoopbackServer
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import Worker, WorkerHarness, lines, open_harness

COMMANDS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "run": (("run",), {}),
    "core": (("run",), {"broker": "core"}),
    "feed": (("feed",), {}),
    "scheduler": (("scheduler",), {}),
}
SECOND_KINDS = {"core", "feed"}  # they share the shutdown of `run` and `scheduler`
every_command = pytest.mark.parametrize(
    "command",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SECOND_KINDS else ())
        for name in COMMANDS
    ],
)
EXIT_TIMEOUT_S = 15.0  # well under a second on an idle machine; a defect takes a minute


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


async def exits_soon(worker: Worker) -> None:
    before = len(worker.log)
    worker.terminate()
    try:
        assert await worker.wait_for_exit(EXIT_TIMEOUT_S) == 0, worker.log
    finally:
        worker.close()
    assert "Traceback" not in worker.log[before:]


@every_command
async def test_while_the_server_is_unreachable(
    harness: WorkerHarness, nats_server: NatsServer, command: str
) -> None:
    arguments, more = COMMANDS[command]
    worker = harness.start(*arguments, **more)
    await harness.wait_until_started(worker)
    nats_server.stop()
    await wait_until(lambda: worker.log.count("connection: lost") >= 3)
    await exits_soon(worker)


@every_command
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="suspends a process as POSIX can")
async def test_while_the_server_hangs(
    harness: WorkerHarness, nats_server: NatsServer, command: str
) -> None:
    """Docker kills what takes longer than 10 s."""
    arguments, more = COMMANDS[command]
    worker = harness.start(*arguments, **more)
    await harness.wait_until_started(worker)
    server = psutil.Process(nats_server.pid)
    server.suspend()
    try:
        worker.terminate()
        assert await worker.wait_for_exit(10) == 0, worker.log
    finally:
        server.resume()
        worker.close()


class _SilentServer(LoopbackServer):
    """Accepts connections and never writes."""

    def __init__(self) -> None:
        super().__init__()
        self.called = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        self.called.set()
        await reader.read()


@every_command
@pytest.mark.slow
async def test_before_the_first_connection(tmp_path: Path, command: str) -> None:
    arguments, more = COMMANDS[command]
    async with _SilentServer() as server:
        address = f"nats://127.0.0.1:{server.port}"
        worker = Worker(
            *arguments, server=address, log=tmp_path / "log", connect_timeout=60, **more
        )
        with contextlib.closing(worker):
            async with asyncio.timeout(30):
                await server.called.wait()
            await exits_soon(worker)


@every_command
@pytest.mark.slow
async def test_while_the_server_accepts_only_some_connections(tmp_path: Path, command: str) -> None:
    arguments, more = COMMANDS[command]
    with NatsServer(config="max_connections: 2") as server:
        worker = Worker(
            *arguments, server=server.url, log=tmp_path / "log", connect_timeout=60, **more
        )
        with contextlib.closing(worker):
            # The server may close a refused connection before its reason is read.
            await wait_until(lambda: " connection: " in worker.log, 90)
            await exits_soon(worker)


@pytest.mark.slow
async def test_too_few_connections_are_an_error_after_the_timeout(tmp_path: Path) -> None:
    with NatsServer(config="max_connections: 3") as server:
        worker = Worker("run", server=server.url, log=tmp_path / "log", connect_timeout=1)
        try:
            assert await worker.wait_for_exit() == 3
        finally:
            worker.close()
    last = worker.log.splitlines()[-1]
    assert last.startswith("pulse-worker: nats://")
    assert "not all connections were made within 1 s" in last
    assert "Traceback" not in worker.log


@pytest.mark.slow
async def test_the_thread_of_a_task_that_timed_out_is_not_joined(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    worker = await harness.run()
    seen = tmp_path / "seen"
    task_id = await harness.send("work_in_a_thread", str(seen), 60, labels={"timeout": 0.5})
    assert (await harness.result(task_id))["error"]["exc_type"] == "TimeoutError"
    assert lines(seen) == ["begin"]
    await exits_soon(worker)
    assert "not waiting for threads" in worker.log
    stopped = await harness.wait_for_event(lambda event: event["type"] == "worker.stopped")
    assert stopped["data"]["given_back"] == 0


@pytest.mark.parametrize("broker", ["jetstream", "core"])
@pytest.mark.parametrize("refused", ["from the start", "later"])
@pytest.mark.slow
async def test_a_worker_without_permission_to_take_tasks_exits_with_the_reason(
    tmp_path: Path, broker: str, refused: str
) -> None:
    denied = {
        "jetstream": 'publish: { deny: "$JS.API.CONSUMER.MSG.NEXT.taskiq_jetstream.>" }',
        "core": 'subscribe: { deny: "taskiq_tasks" }',
    }[broker]
    authorization = "authorization {{ users: [ {{ user: w, password: secret1 {} }} ] }}".format
    forbidden = authorization(f", permissions: {{ {denied} }}")
    config = forbidden if refused == "from the start" else authorization("")
    with NatsServer(user="w", password="secret1", config=config) as server:
        worker = Worker("run", server=server.url, log=tmp_path / "log", broker=broker)
        try:
            if refused == "later":
                await wait_until(lambda: "takes tasks from" in worker.log)
                server.stop()
                server.config = forbidden
                server.start()
            assert await worker.wait_for_exit(15) == 1, worker.log
        finally:
            worker.close()
    last = worker.log.splitlines()[-1]
    assert "does not let this user take tasks" in last
    assert "taskiq" in last
    assert "secret1" not in worker.log
    assert "Traceback" not in worker.log
