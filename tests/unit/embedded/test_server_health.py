"""How long a server that is not healthy may recover before it is restarted."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from pulse_desktop.embedded import nats_server, server_health, stack_services
from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.server_health import HealthWatch
from pulse_desktop.embedded.stack_services import StackServices
from pulse_desktop.nats_client.aio import cancel_and_wait
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts and SIGSTOP")

PATIENCE_S = 1.5
RESTARTED_WITHIN_S = 20.0


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_health, "CHECK_INTERVAL_S", 0.02)
    monkeypatch.setattr(server_health, "HEAL_TIMEOUT_S", 0.1)
    monkeypatch.setattr(stack_services, "SERVER_DRAIN_TIMEOUT_S", 0.1)
    monkeypatch.setattr(nats_server, "_HEALTH_TIMEOUT_S", 0.2)


@asynccontextmanager
async def watched_server(folder: DataFolder) -> AsyncIterator[StackServices]:
    """Run a server without workers, and watch its health."""
    services = StackServices(folder, "", workers=0, sample=False, on_change=lambda: None)
    services.find_program()
    watch = HealthWatch(folder, services, lambda: None)
    running = asyncio.create_task(services.server.run())
    await wait_until(lambda: services.server.state.process)
    watching = asyncio.create_task(watch.run())
    try:
        yield services
    finally:
        await cancel_and_wait(watching)
        await services.stop()
        await running


def is_another(services: StackServices, first: ProcessRef | None) -> Callable[[], bool]:
    return lambda: services.server.state.process not in (None, first)


async def test_a_server_that_starts_slowly_is_not_restarted_before_its_limit(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nats-server"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o700)
    monkeypatch.setattr(nats_server, "find_nats_server", lambda: program)
    monkeypatch.setattr(server_health, "START_TIMEOUT_S", PATIENCE_S)
    async with watched_server(folder) as services:
        started_at, first = time.monotonic(), services.server.state.process
        await wait_until(is_another(services, first), RESTARTED_WITHIN_S)
        assert time.monotonic() - started_at >= PATIENCE_S


@pytest.mark.slow
async def test_a_server_that_is_silent_has_longer_to_recover(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_health, "SILENCE_TIMEOUT_S", PATIENCE_S)
    async with watched_server(folder) as services:
        await wait_until(services.server.ready.is_set, RESTARTED_WITHIN_S)
        silent_at, first = time.monotonic(), services.server.state.process
        assert first is not None
        psutil.Process(first.pid).send_signal(signal.SIGSTOP)
        await wait_until(is_another(services, first), RESTARTED_WITHIN_S)
        assert time.monotonic() - silent_at >= PATIENCE_S
