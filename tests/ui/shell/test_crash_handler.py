"""An uncaught error shows one notification and is logged each time; handlers are restored."""

import _thread
import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import qInstallMessageHandler, qWarning

from pulse_desktop.ui.shell.crash_handler import CrashHandler

if TYPE_CHECKING:
    from pulse_desktop.ui.page.notification import Notification


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_the_previous_handlers_are_restored(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def excepthook(*_: object) -> None: ...

    def loop_handler(*_: object) -> None: ...

    messages: list[str] = []
    monkeypatch.setattr(sys, "excepthook", excepthook)
    loop.set_exception_handler(loop_handler)
    before = qInstallMessageHandler(lambda _kind, _context, message: messages.append(message))
    try:
        handler = CrashHandler(lambda _: None)
        handler.install(loop)
        assert sys.excepthook is not excepthook
        qWarning("while installed")
        handler.uninstall()
        handler.uninstall()
        qWarning("afterwards")
    finally:
        qInstallMessageHandler(before)
    assert sys.excepthook is excepthook
    assert loop.get_exception_handler() is loop_handler
    assert messages == ["afterwards"]


def test_an_error_is_notified_once_however_often_it_happens(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    notifications: list[Notification] = []
    handler = CrashHandler(notifications.append)
    handler.install(loop)
    try:
        for _ in range(3):
            error = ValueError("nats://me:s3cret@host failed")
            handler.report(error, "background work: feed")
    finally:
        handler.uninstall()
    (notification,) = notifications
    assert notification.detail == "ValueError: nats://me:***@host failed"
    assert caplog.text.count("background work: feed") == 3
    assert "s3cret" not in caplog.text


def test_what_notifies_is_not_kept_by_a_thread_that_python_did_not_start(
    loop: asyncio.AbstractEventLoop,
) -> None:
    class Window:
        def notify(self, _notification: object) -> None: ...

    window = Window()
    kept = weakref.ref(window)
    handler = CrashHandler(window.notify)
    handler.install(loop)
    known = threading.Event()

    def make_known() -> None:
        threading.current_thread()  # Python knows such a thread, and its hook, for ever
        known.set()

    _thread.start_new_thread(make_known, ())
    assert known.wait(10)
    handler.uninstall()
    del window, handler
    gc.collect()
    assert kept() is None
