"""Signals and state file of the guardian."""

import asyncio
import sys

import pytest

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.guardian import Guardian, on_stop_signal
from pulse_desktop.embedded.stack_state import Phase, read_state
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


def test_nothing_is_written_over_the_end_of_the_stack(folder: DataFolder) -> None:
    """The health watch may run a moment longer than the stack is in use."""
    guardian = Guardian(folder, "test", workers=0, sample=False, worker_module="")
    phases: tuple[Phase, ...] = ("ready", "ending", "ready")
    for phase in phases:
        guardian.write_state(phase)
    state = read_state(folder.state_file)
    assert state is not None
    assert state.phase == "ending"
