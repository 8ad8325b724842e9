"""Shutdown of a worker on Windows."""

import asyncio
import sys

import pytest
from pulse_workers.runtime.shutdown import ShutdownSignal

from tests.kit.windows_event_loop import raise_signal_soon, without_signal_handlers


@pytest.mark.skipif(sys.platform == "win32", reason="imitates Windows")
def test_a_signal_requests_shutdown_where_the_event_loop_has_no_signal_handlers() -> None:
    async def run() -> str:
        shutdown = ShutdownSignal()
        shutdown.install()
        raise_signal_soon()
        async with asyncio.timeout(5):
            await shutdown.requested.wait()
        return shutdown.reason

    with without_signal_handlers():
        assert asyncio.run(run()) == "SIGTERM"
