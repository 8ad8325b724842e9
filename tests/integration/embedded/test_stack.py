"""The embedded stack with real processes: started, shared, killed in every place, and gone."""

import asyncio
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
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack import EmbeddedStack, StackInfo, running_stack
from pulse_desktop.embedded.stack_state import StackState, read_state, write_state
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills processes as Linux does")

STAND_IN = "stub_worker"
GONE_WITHIN_S = 8.0


class Stacks:
    """Users of one data folder, and every process that was ever seen in its stack."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = DataFolder(data_dir)
        self.seen: set[ProcessRef] = set()
        self.users: list[EmbeddedStack] = []

    def user(self, **options: object) -> EmbeddedStack:
        user = EmbeddedStack(self.data_dir, **{"worker_module": STAND_IN, **options})
        self.users.append(user)
        return user

    def state(self) -> StackState:
        state = read_state(self.folder.state_file)
        assert state is not None
        self.seen.add(state.guardian)
        self.seen.update(each.process for each in state.processes if each.process)
        return state

    def process(self, name: str) -> ProcessRef:
        found = {each.name: each.process for each in self.state().processes}[name]
        assert found is not None
        return found

    def living(self) -> list[ProcessRef]:
        return [each for each in self.seen if each.alive()]

    async def all_gone(self) -> None:
        await wait_until(lambda: not self.living(), GONE_WITHIN_S, f"{self.seen} to be gone")


@pytest.fixture
async def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stacks]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    stacks = Stacks(tmp_path / 'a "data" folder')
    try:
        yield stacks
        for user in stacks.users:
            await user.stop()
        await stacks.all_gone()
    finally:
        for each in stacks.living():
            psutil.Process(each.pid).kill()


@asynccontextmanager
async def connected(info: StackInfo) -> AsyncIterator[Client]:
    async def ignore(_: Exception) -> None:
        pass

    client = await nats.connect(
        info.server, error_cb=ignore, reconnect_time_wait=0.05, max_reconnect_attempts=-1
    )
    try:
        yield client
    finally:
        await client.close()


async def keep_something(client: Client) -> None:
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.jetstream().publish("kept", b"still here")


async def is_kept(client: Client) -> bool:
    message = await client.jetstream().get_msg("KEPT", 1)
    return message.data == b"still here"


async def test_a_started_stack_can_be_used_and_keeps_its_token_to_itself(stacks: Stacks) -> None:
    info = await stacks.user(workers=2).start()
    assert not info.joined
    assert stacks.state().ready
    async with connected(info) as client:
        await keep_something(client)
        assert await is_kept(client)
    bare = f"nats://127.0.0.1:{urlsplit(info.server).port}"
    stranger = Client()
    with pytest.raises(nats.errors.Error):
        await stranger.connect(
            bare, allow_reconnect=False, max_reconnect_attempts=1, error_cb=_ignore
        )
    await stranger.close()
    names = [each.name for each in info.processes]
    assert names == ["nats-server", "worker-1", "worker-2", "feeder"]
    assert running_stack(stacks.data_dir) is not None

    token = urlsplit(info.server).username
    assert token
    assert token not in repr(info)
    for process in stacks.living():
        assert not any(token in word for word in psutil.Process(process.pid).cmdline())
    logs = [each.read_text() for each in stacks.folder.logs.iterdir()]
    assert any("connecting to nats://***@127.0.0.1" in text for text in logs)
    assert not any(token in text for text in logs)
    holders = [each for each in stacks.data_dir.rglob("*") if _contains(each, token)]
    assert {each.name for each in holders} == {"stack.json", "nats-server.conf", "address.json"}
    assert {each.stat().st_mode & 0o777 for each in holders} == {0o600}


async def test_the_stack_lives_until_its_last_user_goes(stacks: Stacks) -> None:
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
    assert stacks.living() == []
    assert running_stack(stacks.data_dir) is None
    assert not stacks.folder.state_file.exists()
    assert "ended in order" in stacks.folder.log_of("worker-1").read_text()
    assert list(stacks.folder.usage_locks.iterdir()) == []


async def test_real_workers_work_and_nothing_outlives_a_user_that_is_killed(
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
    command = [sys.executable, "-c", script, str(stacks.data_dir)]
    user = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert user.stdout is not None
    assert await user.stdout.readline() == b"ready\n"
    stacks.state()
    info = running_stack(stacks.data_dir)
    assert info is not None
    async with connected(info) as client:
        results = client.jetstream()
        await wait_until(lambda: _stored(results, "OBJ_taskiq_results"), 20.0)
    user.kill()
    await user.wait()
    await stacks.all_gone()


async def test_a_killed_guardian_takes_all_with_it_and_is_replaced(stacks: Stacks) -> None:
    user = stacks.user(sample=False)
    info = await user.start()
    async with connected(info) as client:
        await keep_something(client)
        before = stacks.state()
        old = stacks.living()
        heard: list[StackInfo] = []
        keeping = asyncio.create_task(user.watch(heard.append))
        try:
            os.kill(before.guardian.pid, signal.SIGKILL)
            await wait_until(lambda: not any(each.alive() for each in old), GONE_WITHIN_S)
            await wait_until(lambda: heard and heard[-1].state == "running" and len(heard) > 1)
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
        assert "restarting" in [each.state for each in heard]
        assert stacks.state().guardian != before.guardian
        assert heard[-1].server == info.server
        await wait_until(lambda: client.is_connected)
        assert await is_kept(client)


async def test_leftovers_of_a_killed_guardian_are_ended_first(stacks: Stacks) -> None:
    user = stacks.user(sample=False)
    await user.start()
    # What the kernel ends on Linux may survive elsewhere: a process written down by the guardian.
    left = _something_that_runs()
    try:
        state = stacks.state()
        os.kill(state.guardian.pid, signal.SIGKILL)
        await stacks.all_gone()
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


async def test_a_killed_server_is_back_at_the_same_address_with_its_data(stacks: Stacks) -> None:
    user = stacks.user(sample=False)
    info = await user.start()
    async with connected(info) as client:
        await keep_something(client)
        old = stacks.process("nats-server")
        os.kill(old.pid, signal.SIGKILL)
        await wait_until(lambda: _restarts(stacks, "nats-server") == 1)
        await wait_until(lambda: client.stats["reconnects"] and client.is_connected)
        assert await is_kept(client)
    now = user.info()
    assert now is not None
    assert now.server == info.server
    assert now.processes[0].last_exit == "killed by SIGKILL"


async def test_a_killed_worker_is_started_again(stacks: Stacks) -> None:
    await stacks.user(sample=False).start()
    old = stacks.process("worker-1")
    os.kill(old.pid, signal.SIGKILL)
    await wait_until(lambda: _restarts(stacks, "worker-1") == 1)
    assert stacks.process("worker-1") != old


async def test_a_port_taken_between_two_runs_is_left_to_who_has_it(stacks: Stacks) -> None:
    user = stacks.user(workers=1, sample=False)
    before = await user.start()
    stacks.state()
    await user.stop()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", urlsplit(before.server).port or 0))
        thief.listen()
        after = await user.start()
        stacks.state()
        assert after.server != before.server
        assert after.monitor == before.monitor
        async with connected(after) as client:
            await client.flush()


async def test_a_worker_that_cannot_start_is_told_with_the_end_of_its_log(stacks: Stacks) -> None:
    with pytest.raises(EmbeddedStackError) as caught:
        await stacks.user(worker_module="no_such_module").start()
    assert caught.value.title == "Process worker-1 does not start"
    assert "No module named no_such_module" in caught.value.detail
    stacks.state()
    await stacks.all_gone()


async def test_a_folder_that_cannot_be_written_is_told_at_once(stacks: Stacks) -> None:
    stacks.data_dir.write_text("a file")
    with pytest.raises(EmbeddedStackError, match="The data folder cannot be written"):
        await stacks.user().start()


async def test_too_short_a_time_is_told_and_leaves_nothing(stacks: Stacks) -> None:
    user = stacks.user()
    with pytest.raises(EmbeddedStackError, match="takes too long to start"):
        await user.start(timeout=0.2)
    await wait_until(lambda: not _guardians(stacks.data_dir), GONE_WITHIN_S)


async def _ignore(_: Exception) -> None:
    pass


async def _stored(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


def _contains(path: Path, token: str) -> bool:
    return path.is_file() and token.encode() in path.read_bytes()


def _restarts(stacks: Stacks, name: str) -> int:
    found = next(each for each in stacks.state().processes if each.name == name)
    return found.restarts if found.phase == "running" else 0


def _something_that_runs() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def _guardians(data_dir: Path) -> list[psutil.Process]:
    return [
        each
        for each in psutil.process_iter(["cmdline"])
        if str(data_dir) in (each.info["cmdline"] or ()) and each.status() != psutil.STATUS_ZOMBIE
    ]
