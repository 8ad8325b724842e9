"""Waits for Qt on a machine that may be busy."""

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.kit.waiting import PATIENCE

TIMEOUT_MS: Final = 20_000
"""Milliseconds that a condition may take on a quiet machine."""


class PatientQtBot(QtBot):
    """A QtBot that waits `PATIENCE` times as long as a test says, and longer where it says nothing.

    What is in time is not delayed by it.
    """

    def waitUntil(  # noqa: N802 - Qt's style, as all names here
        self, callback: Callable[[], bool | None], *, timeout: int = TIMEOUT_MS
    ) -> None:
        super().waitUntil(callback, timeout=_patient(timeout))

    def waitSignal(self, signal: Any, *, timeout: int = TIMEOUT_MS, **options: Any) -> Any:  # noqa: N802
        return super().waitSignal(signal, timeout=_patient(timeout), **options)

    def waitSignals(self, signals: Any, *, timeout: int = TIMEOUT_MS, **options: Any) -> Any:  # noqa: N802
        return super().waitSignals(signals, timeout=_patient(timeout), **options)

    def waitExposed(self, widget: QWidget, *, timeout: int = TIMEOUT_MS) -> Any:  # noqa: N802
        return super().waitExposed(widget, timeout=_patient(timeout))

    def waitActive(self, widget: QWidget, *, timeout: int = TIMEOUT_MS) -> Any:  # noqa: N802
        return super().waitActive(widget, timeout=_patient(timeout))

    def waitCallback(self, *, timeout: int = TIMEOUT_MS, **options: Any) -> Any:  # noqa: N802
        return super().waitCallback(timeout=_patient(timeout), **options)


def _patient(timeout_ms: float) -> int:
    return int(timeout_ms * PATIENCE)
