"""Who caught errors before the window catches them again after it."""

import asyncio
import sys
from collections.abc import Iterator

import pytest
from PySide6.QtCore import qInstallMessageHandler, qWarning

from pulse_desktop.ui.shell.crash_handler import CrashHandler


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_hooks_are_given_back_to_whoever_had_them(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exceptions(*_: object) -> None: ...

    def problems(*_: object) -> None: ...

    heard: list[str] = []
    monkeypatch.setattr(sys, "excepthook", exceptions)
    loop.set_exception_handler(problems)
    before = qInstallMessageHandler(lambda _kind, _context, message: heard.append(message))
    try:
        reports = CrashHandler()
        reports.install(loop)
        assert sys.excepthook is not exceptions
        qWarning("while installed")
        reports.uninstall()
        reports.uninstall()
        qWarning("afterwards")
    finally:
        qInstallMessageHandler(before)
    assert sys.excepthook is exceptions
    assert loop.get_exception_handler() is problems
    assert heard == ["afterwards"]
