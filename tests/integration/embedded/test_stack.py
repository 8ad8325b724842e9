"""The embedded stack with real processes: start, shared use, killed processes, end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import nats
import psutil
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.nats_server import find_nats_server
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack import EmbeddedStack, StackInfo, running_stack
from pulse_desktop.embedded.stack_state import StackState, read_state, write_state
from pulse_desktop.embedded.usage_locks import file_lock, try_acquire
from pulse_desktop.launcher import child_environment, module_command
from tests.kit.nats_clients import connect
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills processes as Linux does")

STUB = "stub_worker"
ENDED_WITHIN_S = 8.0


class Stacks:
    """Users of one data folder, and every process of its stack that was ever seen.

    Attributes:
        folder: the data folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self.folder = DataFolder(data_dir)
        self._seen: set[ProcessRef] = set()
        self._users: list[EmbeddedStack] = []

    def user(
        self, *, workers: int = 1, sample: bool = True, worker_module: str = STUB
    ) -> EmbeddedStack:
        user = EmbeddedStack(
            self.folder.root, workers=workers, sample=sample, worker_module=worker_module
        )
        self._users.append(user)
        return user

    def state(self) -> StackState:
        state = read_state(self.folder.state_file)
        assert state is not None
        self._seen.add(state.guardian)
        self._seen.update(each.process for each in state.processes if each.process)
        return state

    def process(self, name: str) -> ProcessRef:
        process = {each.name: each.process for each in self.state().processes}[name]
        assert process is not None
        return process

    def restarts(self, name: str) -> int:
        """Return the restarts of a process, 0 while it is not running."""
        process = next(each for each in self.state().processes if each.name == name)
        return process.restarts if process.phase == "running" else 0

    def alive(self) -> list[ProcessRef]:
        return [each for each in self._seen if each.alive()]

    async def wait_until_ended(self) -> None:
        await wait_until(lambda: not self.alive(), ENDED_WITHIN_S, f"{self._seen} to end")

    async def stop(self) -> None:
        for user in self._users:
            await user.stop()


@pytest.fixture
async def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stacks]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for the stub
    stacks = Stacks(tmp_path / 'a "data" folder')
    try:
        yield stacks
        await stacks.stop()
        await stacks.wait_until_ended()
    finally:
        for each in stacks.alive():
            psutil.Process(each.pid).kill()


@asynccontextmanager
async def connected(info: StackInfo) -> AsyncIterator[Client]:
    client = await connect(
        info.server, error_cb=_ignore, reconnect_time_wait=0.05, max_reconnect_attempts=-1
    )
    try:
        yield client
    finally:
        await client.close()


async def store_message(client: Client) -> None:
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.jetstream().publish("kept", b"still here")


async def has_message(client: Client) -> bool:
    message = await client.jetstream().get_msg("KEPT", 1)
    return message.data == b"still here"


async def test_a_started_stack_can_be_used_and_keeps_its_token_secret(stacks: Stacks) -> None:
    info = await stacks.user(workers=2).start()
    assert not info.joined
    assert stacks.state().phase == "ready"
    async with connected(info) as client:
        await store_message(client)
        assert await has_message(client)
    without_token = f"nats://127.0.0.1:{urlsplit(info.server).port}"
    stranger = Client()
    with pytest.raises(nats.errors.Error):
        await stranger.connect(
            without_token, allow_reconnect=False, max_reconnect_attempts=1, error_cb=_ignore
        )
    await stranger.close()
    names = [each.name for each in info.processes]
    assert names == ["nats-server", "worker-1", "worker-2", "feeder"]
    assert running_stack(stacks.folder.root) is not None

    token = urlsplit(info.server).username
    assert token
    assert token not in repr(info)
    for process in stacks.alive():
        assert not any(token in word for word in psutil.Process(process.pid).cmdline())
    logs = [each.read_text() for each in stacks.folder.logs.iterdir()]
    assert any("connecting to nats://***@127.0.0.1" in text for text in logs)
    assert not any(token in text for text in logs)
    files = [each for each in stacks.folder.root.rglob("*") if _contains(each, token)]
    assert {each.name for each in files} == {"stack.json", "nats-server.conf", "address.json"}
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}


async def test_the_stack_runs_until_its_last_user_leaves(stacks: Stacks) -> None:
    first, second = stacks.user(sample=False), stacks.user(sample=False)
    one, other = await asyncio.gather(first.start(), second.start())
    assert sorted([one.joined, other.joined]) == [False, True]
    assert one.server == other.server
    before = stacks.state()
    await first.stop()
    async with connected(other) as client:
        await client.flush()
    assert stacks.state().guardian == before.guardian
    await second.stop()
    assert stacks.alive() == []
    assert running_stack(stacks.folder.root) is None
    assert not stacks.folder.state_file.exists()
    assert "stopped gracefully" in stacks.folder.log_of("worker-1").read_text()
    assert list(stacks.folder.usage_locks.iterdir()) == []


async def test_real_workers_run_and_nothing_survives_a_user_that_is_killed(
    stacks: Stacks,
) -> None:
    script = (
        "import asyncio, sys\n"
        "from pulse_desktop.embedded.stack import EmbeddedStack\n"
        "async def main():\n"
        "    await EmbeddedStack(sys.argv[1], workers=2).start()\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", script, str(stacks.folder.root)]
    user = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert user.stdout is not None
    assert await user.stdout.readline() == b"ready\n"
    stacks.state()
    info = running_stack(stacks.folder.root)
    assert info is not None
    async with connected(info) as client:
        js = client.jetstream()
        await wait_until(lambda: _messages(js, "OBJ_taskiq_results"), 20.0)
    user.kill()
    await user.wait()
    await stacks.wait_until_ended()


@pytest.mark.slow
async def test_a_killed_guardian_ends_every_process_and_is_replaced(stacks: Stacks) -> None:
    user = stacks.user(sample=False)
    info = await user.start()
    async with connected(info) as client:
        await store_message(client)
        before = stacks.state()
        old = stacks.alive()
        changes: list[StackInfo] = []
        watching = asyncio.create_task(user.watch(changes.append))
        try:
            os.kill(before.guardian.pid, signal.SIGKILL)
            await wait_until(lambda: not any(each.alive() for each in old), ENDED_WITHIN_S)
            await wait_until(lambda: len(changes) > 1 and changes[-1].state == "running")
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        assert "restarting" in [each.state for each in changes]
        assert stacks.state().guardian != before.guardian
        assert changes[-1].server == info.server
        await wait_until(lambda: client.is_connected)
        assert await has_message(client)


async def test_processes_left_by_a_killed_guardian_are_ended_before_the_start(
    stacks: Stacks,
) -> None:
    user = stacks.user(sample=False)
    await user.start()
    # Linux ends the children of the guardian. Elsewhere one can survive that is in its state file.
    left = _start("import time; time.sleep(600)")
    try:
        state = stacks.state()
        os.kill(state.guardian.pid, signal.SIGKILL)
        await stacks.wait_until_ended()
        recorded = msgspec.structs.replace(state.processes[1], process=ProcessRef.of(left.pid))
        write_state(
            stacks.folder.state_file,
            msgspec.structs.replace(state, processes=(state.processes[0], recorded)),
        )
        await user.start()
        stacks.state()
        assert left.wait(5) == -signal.SIGTERM
    finally:
        left.kill()
        left.wait()


async def test_a_killed_server_restarts_at_the_same_address_with_its_data(stacks: Stacks) -> None:
    user = stacks.user(sample=False)
    info = await user.start()
    async with connected(info) as client:
        await store_message(client)
        os.kill(stacks.process("nats-server").pid, signal.SIGKILL)
        await wait_until(lambda: stacks.restarts("nats-server") == 1)
        await wait_until(lambda: client.stats["reconnects"] > 0 and client.is_connected)
        assert await has_message(client)
    now = user.info()
    assert now is not None
    assert now.server == info.server
    assert now.processes[0].last_exit == "killed by SIGKILL"


async def test_a_killed_worker_is_restarted(stacks: Stacks) -> None:
    await stacks.user(sample=False).start()
    old = stacks.process("worker-1")
    os.kill(old.pid, signal.SIGKILL)
    await wait_until(lambda: stacks.restarts("worker-1") == 1)
    assert stacks.process("worker-1") != old


@pytest.mark.slow
async def test_a_port_taken_between_two_runs_is_replaced(stacks: Stacks) -> None:
    user = stacks.user(workers=1, sample=False)
    before = await user.start()
    stacks.state()
    await user.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", urlsplit(before.server).port or 0))
        other.listen()
        after = await user.start()
        stacks.state()
        assert after.server != before.server
        assert after.monitor == before.monitor
        async with connected(after) as client:
            await client.flush()


async def test_the_error_of_a_worker_that_does_not_start_has_the_end_of_its_log(
    stacks: Stacks,
) -> None:
    with pytest.raises(EmbeddedStackError) as caught:
        await stacks.user(worker_module="no_such_module").start()
    assert caught.value.title == "Process worker-1 does not start"
    assert "No module named no_such_module" in caught.value.detail
    stacks.state()
    await stacks.wait_until_ended()


async def test_a_file_in_place_of_the_data_folder_is_an_error_at_once(stacks: Stacks) -> None:
    stacks.folder.root.write_text("a file")
    with pytest.raises(EmbeddedStackError, match="The data folder cannot be used") as caught:
        await stacks.user().start()
    assert "file" in caught.value.detail


async def test_a_guardian_that_cannot_use_its_lock_says_so(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    folder.guardian_lock.mkdir()
    guardian = await asyncio.create_subprocess_exec(
        *module_command("pulse_desktop.embedded.guardian", "--data-dir", str(folder.root)),
        env=child_environment(),
        stderr=asyncio.subprocess.PIPE,
    )
    _output, errors = await guardian.communicate()
    assert guardian.returncode == 1
    assert errors.decode() == (
        f"The data folder cannot be used: {folder.guardian_lock}: it is a folder, not a file. "
        "Remove it or move it away, then try again.\n"
    )


async def test_a_start_that_times_out_leaves_no_process(stacks: Stacks) -> None:
    user = stacks.user()
    with pytest.raises(EmbeddedStackError, match="takes too long to start"):
        await user.start(timeout=0.2)
    await wait_until(lambda: not _guardians(stacks.folder.root), ENDED_WITHIN_S)


PREVIOUS_CONFIG = """\
server_name: "pulse-desktop"
host: "127.0.0.1"
port: -1
http: "127.0.0.1:-1"
authorization {{ token: "t0ken" }}
ports_file_dir: "{ports}"
jetstream {{
  store_dir: "{store}"
  max_file_store: 4294967296
  max_memory_store: 67108864
}}
"""
"""The configuration of nats-server as version 0.1 writes it."""


async def test_a_data_folder_of_the_previous_version_keeps_its_address_and_its_data(
    stacks: Stacks,
) -> None:
    root = stacks.folder.root
    port, monitor_port = await _fill_like_previous_version(root)
    info = await stacks.user(sample=False).start()
    stacks.state()
    assert not info.joined, "the state file is of a guardian that has died"
    assert info.server == f"nats://t0ken@127.0.0.1:{port}"
    assert info.monitor == f"http://127.0.0.1:{monitor_port}"
    async with connected(info) as client:
        assert await has_message(client)
        results = await client.jetstream().stream_info("OBJ_taskiq_results")
        assert results.config.name == "OBJ_taskiq_results"


def _read_ports(folder: Path) -> dict[str, list[str]] | None:
    """Return the URLs in the ports file of nats-server, None until it is complete."""
    for file in folder.glob("*.ports"):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(file.read_bytes(), type=dict[str, list[str]])
    return None


async def _fill_like_previous_version(root: Path) -> tuple[int, int]:
    """Fill a data folder as version 0.1 leaves it when its guardian is killed; return the ports."""
    for name in ("clients", "logs", "server/ports"):
        (root / name).mkdir(parents=True, mode=0o700)
    (root / "clients" / "4711-1.lock").touch(mode=0o600)
    (root / "guardian.lock").touch(mode=0o600)
    (root / "start.lock").touch(mode=0o600)
    (root / "logs" / "worker-1.log").write_text("-- 2026-11-23T12:00:00+00:00 process 4712\n")
    config = root / "server" / "nats-server.conf"
    ports = root / "server" / "ports"
    quoted_ports, quoted_store = (str(path).replace('"', '\\"') for path in (ports, root))
    config.write_text(PREVIOUS_CONFIG.format(ports=quoted_ports, store=quoted_store))
    server = await asyncio.create_subprocess_exec(
        find_nats_server(),
        "--config",
        config,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        found = await wait_until(lambda: _read_ports(ports))
        port, monitor_port = (urlsplit(found[k][0]).port for k in ("nats", "monitoring"))
        client = await connect(f"nats://t0ken@127.0.0.1:{port}")
        await store_message(client)
        await client.jetstream().create_object_store("taskiq_results")
        await client.close()
    finally:
        server.terminate()
        await server.wait()
    assert port is not None
    assert monitor_port is not None
    (root / "server" / "address.json").write_text(
        f'{{"token":"t0ken","port":{port},"monitor_port":{monitor_port}}}'
    )
    (root / "stack.json").write_text(
        '{"launch": "5c1f2ab7e0d94c11", "guardian": {"pid": 1, "identity": "another boot:1"}, '
        f'"phase": "ready", "server": "nats://t0ken@127.0.0.1:{port}", '
        f'"monitor": "http://127.0.0.1:{monitor_port}", "workers": 1, "sample": true, '
        '"started_at": 1795435200.5, "processes": [{"name": "worker-1", "phase": "running", '
        '"process": {"pid": 1, "identity": "another boot:2"}, "restarts": 0, "last_exit": "", '
        '"since": 1795435201.0, "log": "logs/worker-1.log"}], "problem": null}'
    )
    return port, monitor_port


def _start(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


async def _ignore(_error: Exception) -> None:
    pass


async def _messages(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


def _contains(path: Path, token: str) -> bool:
    return path.is_file() and token.encode() in path.read_bytes()


def _guardians(data_dir: Path) -> list[psutil.Process]:
    return [
        each
        for each in psutil.process_iter(["cmdline"])
        if str(data_dir) in (each.info["cmdline"] or ()) and each.status() != psutil.STATUS_ZOMBIE
    ]


def test_a_guardian_whose_user_is_gone_does_not_wait_for_another_guardian(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    other_guardian = file_lock(folder.guardian_lock)
    assert try_acquire(other_guardian)
    try:
        command = module_command(
            "pulse_desktop.embedded.guardian", "--data-dir", str(folder.root), "--launch", "test"
        )
        guardian = subprocess.Popen(command, env=child_environment())
        try:
            assert guardian.wait(30) == 0
        finally:
            guardian.kill()
            guardian.wait()
    finally:
        other_guardian.release()
    assert "no users any more" in folder.log_of("guardian").read_text()
