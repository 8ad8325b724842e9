"""Dispatch of commands: signals, a missing window."""

import asyncio
import sys
from argparse import Namespace

import pytest

from pulse_desktop.cli import main, window
from pulse_desktop.model.errors import UserFacingError
from tests.kit.windows_event_loop import raise_signal_soon, without_signal_handlers


@pytest.mark.skipif(sys.platform == "win32", reason="imitates Windows")
def test_a_signal_cancels_a_command_where_the_event_loop_has_no_signal_handlers() -> None:
    async def command() -> int:
        raise_signal_soon()
        await asyncio.Event().wait()
        return 0

    async def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            await main.cancel_on_signal(command())

    with without_signal_handlers():
        asyncio.run(run())


def test_without_the_window_an_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pulse_desktop.cli.window_qt", None)
    assert main.main([]) == 1
    err = capsys.readouterr().err
    assert err.startswith("The window is not installed here: ")
    assert "pip install 'pulse-desktop[desktop]'" in err
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(UserFacingError, match="apt install pulse-desktop"):
        window.run(Namespace())


def test_a_bug_controls_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_arguments: Namespace) -> int:
        raise TypeError("unhashable: \x1b]0;x\x07")

    monkeypatch.setattr(main, "_run_command", fail)
    assert main.main(["status"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert r"unhashable: \x1b]0;x\x07" in err
