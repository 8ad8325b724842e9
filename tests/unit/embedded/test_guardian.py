"""Signals of the guardian on Windows."""

import asyncio
import sys

import pytest

from pulse_desktop.embedded.guardian import on_stop_signal
from tests.kit.windows_event_loop import raise_signal_soon, without_signal_handlers


@pytest.mark.skipif(sys.platform == "win32", reason="imitates Windows")
def test_the_guardian_needs_no_signal_handlers_of_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    async def run() -> None:
        stopped = asyncio.Event()
        on_stop_signal(stopped.set)
        raise_signal_soon()
        async with asyncio.timeout(5):
            await stopped.wait()

    with without_signal_handlers():
        asyncio.run(run())
