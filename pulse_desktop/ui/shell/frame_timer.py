"""The frame timer: folds what has arrived and shows what has changed, within a time budget."""

import time
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer

from pulse_desktop.ui.shell.limitations_notice import LimitationsNotice
from pulse_desktop.ui.shell.other_names_notice import OtherNamesNotice
from pulse_desktop.ui.shell.status_updater import StatusUpdater
from pulse_desktop.ui.shell.window import MainWindow

ACTIVE_MS: Final = 33
IDLE_MS: Final = 100

FOLD_BUDGET_S: Final = 0.004
"""How long folding may keep the loop from handling keys, reading the network and painting."""

FRAME_FOLD_BUDGET_S: Final = 0.002
"""The same within a frame, which paints as well."""

BACKLOG: Final = 2_000
"""With more arrivals than this waiting, there are fewer frames and more folding."""

BACKLOG_MS: Final = 100


class FrameTimer(QObject):
    """Drives one window: frequent frames while messages arrive, few while idle."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._status = StatusUpdater(window)
        self._limitations = LimitationsNotice(
            window.notify, window.notifications.dismiss, window.show_history
        )
        window.session_closing.connect(self._limitations.reset)
        self._other_names = OtherNamesNotice(
            window.notify, window.notifications.dismiss, window.names_chosen.emit
        )
        window.session_closing.connect(self._other_names.reset)
        self._active_until = 0.0
        self._received = 0
        self._frames = QTimer(self, timerType=Qt.TimerType.PreciseTimer)
        self._frames.setObjectName("frame")
        self._frames.timeout.connect(self._frame)
        # Folds the arrivals that exceed a frame's budget before the next frame. A timer of 0 ms
        # lets the event loop handle other events between two slices.
        self._backlog = QTimer(self, interval=0, singleShot=True)
        self._backlog.setObjectName("fold backlog")
        self._backlog.timeout.connect(self._fold)

    def start(self) -> None:
        """Start the frames."""
        self._frames.start(ACTIVE_MS)

    def stop(self) -> None:
        """Stop the frames."""
        self._frames.stop()
        self._backlog.stop()

    def _frame(self) -> None:
        started = time.perf_counter()
        session = self._window.session
        now = session.now()
        self._fold(FRAME_FOLD_BUDGET_S)
        if session.received != self._received:
            self._received = session.received
            self._active_until = started + 1.0
        self._window.frame(session.state.take_changes(), now)
        self._status.update(now, time.perf_counter() - started)
        self._limitations.check(session, now)
        self._other_names.check(session)
        interval = ACTIVE_MS if started < self._active_until else IDLE_MS
        if session.waiting > BACKLOG:
            interval = BACKLOG_MS
        if self._frames.interval() != interval:
            self._frames.setInterval(interval)

    def _fold(self, budget_s: float = FOLD_BUDGET_S) -> None:
        if self._window.session.drain(budget_s):
            self._backlog.start()
