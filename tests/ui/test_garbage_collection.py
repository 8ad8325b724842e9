"""Garbage with objects of Qt is collected in the thread of the window."""

import asyncio
import gc
import threading
import weakref

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from pulse_desktop.ui.qt_loop import QtLoop
from tests.kit.waiting import wait_until

_CYCLES = 100_000
"""Enough for many collections of every generation."""


def test_no_other_thread_deletes_what_belongs_to_qt(qapp: QApplication) -> None:
    deleted_in: list[int] = []

    async def scenario() -> None:
        _make_cycle(deleted_in)
        await asyncio.to_thread(_make_garbage)
        await wait_until(lambda: deleted_in)

    with QtLoop(qapp) as loop:
        loop.run_until_complete(scenario())
    assert deleted_in == [threading.get_ident()]
    assert gc.isenabled()


def _make_cycle(deleted_in: list[int]) -> None:
    owned = QObject()
    owned.startTimer(60_000)
    cycle: list[object] = [owned]
    cycle.append(cycle)
    weakref.finalize(owned, lambda: deleted_in.append(threading.get_ident()))


def _make_garbage() -> None:
    for _ in range(_CYCLES):
        cycle: list[object] = []
        cycle.append(cycle)
