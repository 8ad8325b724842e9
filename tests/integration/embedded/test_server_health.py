"""Health of the embedded server: real write errors of a real server, and the recovery from them."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats.errors
import psutil
import pytest
from nats.aio.client import Client

from pulse_desktop.embedded.server_health import SILENCE_TIMEOUT_S
from pulse_desktop.embedded.stack import StackInfo
from pulse_desktop.embedded.stack_state import StackState, read_state
from tests.integration.embedded.test_stack import Stacks, connected, stacks
from tests.kit.full_disk import no_room_in_files
from tests.kit.waiting import PATIENCE, wait_until

__all__ = ["stacks"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits a process as Linux can")

REFUSED_WITHIN_S = 1.0
HEALED_WITHIN_S = 45.0
DISK_MIB = 160


class Outage:
    """Publishes numbered messages, and knows which were confirmed."""

    def __init__(self, client: Client) -> None:
        self._js = client.jetstream()
        self.confirmed: list[bytes] = []

    async def create(self) -> None:
        await self._js.add_stream(name="KEPT", subjects=["kept"])
        await self._js.add_stream(name="OTHER", subjects=["other"])

    async def publish(self, size: int = 20_000) -> bool:
        payload = b"%08d" % len(self.confirmed) + bytes(size)
        try:
            await self._js.publish("kept", payload, timeout=REFUSED_WITHIN_S)
        except nats.errors.Error:
            return False
        self.confirmed.append(payload[:8])
        return True

    async def until_refused(self) -> None:
        for _attempt in range(2_000):
            if not await self.publish():
                return
        pytest.fail("every message was stored")

    async def stored(self) -> set[bytes]:
        last = (await self._js.stream_info("KEPT")).state.last_seq
        messages = [await self._js.get_msg("KEPT", number) for number in range(1, last + 1)]
        return {(each.data or b"")[:8] for each in messages}


@asynccontextmanager
async def watching(stacks: Stacks) -> AsyncIterator[tuple[StackInfo, list[StackInfo]]]:
    """Run a stack, and collect its changes."""
    user = stacks.user(sample=False)
    info = await user.start()
    stacks.state()
    changes: list[StackInfo] = []
    task = asyncio.create_task(user.watch(changes.append))
    try:
        yield info, changes
    finally:
        task.cancel()
        await asyncio.wait([task])


def in_phase(stacks: Stacks, phase: str) -> Callable[[], StackState | None]:
    def read() -> StackState | None:
        state = read_state(stacks.folder.state_file)
        return state if state is not None and state.phase == phase else None

    return read


async def test_a_server_that_cannot_write_is_reported_restarted_and_loses_nothing_confirmed(
    stacks: Stacks,
) -> None:
    async with watching(stacks) as (info, changes), connected(info) as client:
        outage = Outage(client)
        await outage.create()
        assert await outage.publish()
        server = stacks.process("nats-server")
        with no_room_in_files(server.pid):
            await outage.until_refused()
            await wait_until(in_phase(stacks, "unhealthy"), HEALED_WITHIN_S)
        state = stacks.state()
        assert state.problem is not None
        assert "KEPT' write error" in state.problem.detail
        assert "file too large" in state.problem.detail

        await wait_until(in_phase(stacks, "ready"), HEALED_WITHIN_S)
        state = stacks.state()
        assert state.problem is None
        assert state.server == info.server
        assert stacks.process("nats-server") != server
        await wait_until(outage.publish, HEALED_WITHIN_S)
        assert set(outage.confirmed) <= await outage.stored()

        await wait_until(lambda: bool(changes) and changes[-1].state == "running")
        states = [each.state for each in changes]
        assert states.index("unhealthy") < states.index("recovering") < states.index("running")
        log = stacks.folder.log_of("guardian").read_text()
        assert "nats-server is not healthy: nats-server reports: JetStream stream" in log
        assert "restarting nats-server, which does not recover" in log
        assert "nats-server is healthy again after" in log


@pytest.mark.slow
async def test_a_store_that_was_removed_is_created_again_with_its_streams(stacks: Stacks) -> None:
    async with watching(stacks) as (info, _changes), connected(info) as client:
        await Outage(client).create()
        stacks.folder.jetstream.rename(stacks.folder.root / "moved away")
        unhealthy = await wait_until(in_phase(stacks, "unhealthy"), HEALED_WITHIN_S)
        assert unhealthy.problem is not None
        assert "was removed or replaced" in unhealthy.problem.detail
        await wait_until(in_phase(stacks, "ready"), HEALED_WITHIN_S)
        assert stacks.folder.jetstream.is_dir()
        await wait_until(lambda: stacks.restarts("worker-1") == 1, HEALED_WITHIN_S)


@pytest.mark.slow
async def test_a_server_that_does_not_answer_is_killed_and_restarted(stacks: Stacks) -> None:
    async with watching(stacks) as (info, _changes), connected(info) as client:
        server = stacks.process("nats-server")
        psutil.Process(server.pid).send_signal(signal.SIGSTOP)
        unhealthy = await wait_until(in_phase(stacks, "unhealthy"), HEALED_WITHIN_S)
        assert unhealthy.problem is not None
        assert "does not answer" in unhealthy.problem.detail
        await wait_until(in_phase(stacks, "ready"), SILENCE_TIMEOUT_S + HEALED_WITHIN_S)
        assert stacks.process("nats-server") != server
        await wait_until(lambda: client.is_connected, HEALED_WITHIN_S)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a file system of its own needs the permission to mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte, and return the file that does."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    return filler


@pytest.mark.slow
async def test_a_full_disk_is_reported_and_the_server_stores_again_once_there_is_space(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for the stub
    stacks = Stacks(small_disk / "data")
    try:
        async with watching(stacks) as (info, changes), connected(info) as client:
            outage = Outage(client)
            await outage.create()
            assert await outage.publish()
            filler = fill(small_disk)
            await outage.until_refused()
            unhealthy = await wait_until(in_phase(stacks, "unhealthy"), HEALED_WITHIN_S)
            assert unhealthy.problem is not None
            assert unhealthy.problem.title == "The disk is full"
            assert "no space left on device" in unhealthy.problem.detail
            server = stacks.process("nats-server")
            with pytest.raises(AssertionError):  # a restart could not help while the disk is full
                await wait_until(in_phase(stacks, "recovering"), 8.0 / PATIENCE)
            assert stacks.process("nats-server") == server
            filler.unlink()
            await wait_until(in_phase(stacks, "ready"), HEALED_WITHIN_S)
            await wait_until(outage.publish, HEALED_WITHIN_S)
            assert set(outage.confirmed) <= await outage.stored()
            await wait_until(lambda: changes[-1].state == "running")
            assert "failed" not in [each.state for each in changes]
        await stacks.stop()
        await stacks.wait_until_ended()
    finally:
        for each in stacks.alive():
            psutil.Process(each.pid).kill()
