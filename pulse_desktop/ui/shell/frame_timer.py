"""The frame timer: folds what has arrived and shows what has changed, within a time budget."""

import math
import time
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer

from pulse_desktop.model.run_state import RunState
from pulse_desktop.ui.backend import SessionBackend
from pulse_desktop.ui.shell.limitations_notice import LimitationsNotice
from pulse_desktop.ui.shell.other_names_notice import OtherNamesNotice
from pulse_desktop.ui.shell.status_updater import StatusUpdater
from pulse_desktop.ui.shell.window import MainWindow

FRAME_S: Final = 0.125
"""Shortest time between two frames: nobody reads a list that changes more often. What arrives
after a pause is shown at once."""

TICK_S: Final = 1.01
"""Longest time between two frames, for clocks and ages. A little more than a second, so that what
is due every second is due in each of them."""

IDLE_TICK_S: Final = 2.02
"""The same while nothing runs and no run has changed for a while."""

IDLE_AFTER_S: Final = 5.0

RESTING_FRAME_S: Final = 0.5
"""Shortest time between two foldings while the window cannot be seen."""

REPLAY_S: Final = 0.1
"""Time between two frames while a connection is made or history is read: much can change then
without a message."""

FOLD_BUDGET_S: Final = 0.004
"""How long folding may keep the loop from handling keys, reading the network and painting."""

FRAME_FOLD_BUDGET_S: Final = 0.002
"""The same within a frame, which paints as well."""

BACKLOG: Final = 2_000
"""With more arrivals than this waiting, there are fewer frames and more folding."""

BACKLOG_S: Final = 0.1

_EXPOSING: Final = (QEvent.Type.Show, QEvent.Type.Expose, QEvent.Type.WindowStateChange)


class FrameTimer(QObject):
    """Drives one window: a frame soon after something has arrived, and now and then without.

    While the window cannot be seen, arrivals are folded and nothing is shown.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._status = StatusUpdater(window)
        self._limitations = LimitationsNotice(
            window.notify, window.notifications.dismiss, window.dialogs.show_history
        )
        window.session_closing.connect(self._limitations.reset)
        self._other_names = OtherNamesNotice(
            window.notify, window.notifications.dismiss, window.names_chosen.emit
        )
        window.session_closing.connect(self._other_names.reset)
        self._ended_at = -math.inf  # end of the latest frame
        self._soon = False  # whether the next frame is not only for the clocks
        self._missed = False  # whether something was folded and not shown
        self._runs_version: object = None
        self._runs_changed_at = -math.inf
        self._frames = QTimer(self, timerType=Qt.TimerType.PreciseTimer, singleShot=True)
        self._frames.setObjectName("frame")
        self._frames.timeout.connect(self._frame)
        # Folds the arrivals that exceed a frame's budget before the next frame. A timer of 0 ms
        # lets the event loop handle other events between two slices.
        self._backlog = QTimer(self, interval=0, singleShot=True)
        self._backlog.setObjectName("fold backlog")
        self._backlog.timeout.connect(self._fold)
        self._watched: SessionBackend | None = None
        self._started = False

    def start(self) -> None:
        """Start the frames."""
        self._started = True
        self._window.session_opened.connect(self._watch_session)
        self._window.frame_requested.connect(self.wake)
        self._window.installEventFilter(self)
        self._watch_handle()
        self._watch_session()

    def stop(self) -> None:
        """Stop the frames."""
        self._started = False
        self._frames.stop()
        self._backlog.stop()

    def wake(self) -> None:
        """Make a frame soon: there is something to fold or to show."""
        if self._soon or not self._started:
            return
        self._soon = True
        interval = FRAME_S if self._window.is_seen else RESTING_FRAME_S
        self._schedule(self._ended_at + interval - time.perf_counter())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Catch up when the window can be seen again."""
        if event.type() in _EXPOSING:
            if watched is self._window:
                self._watch_handle()
            if self._missed and self._started:
                self._schedule(0.0)
        return False

    def _watch_handle(self) -> None:
        """Notice when the window on the screen is exposed; it exists once it has been shown."""
        if self._window.isVisible():
            self._window.windowHandle().installEventFilter(self)

    def _watch_session(self) -> None:
        """Be woken by the session that is shown now."""
        if self._watched is not None:
            self._watched.on_activity = lambda: None
        self._watched = self._window.session
        self._watched.on_activity = self.wake
        self._schedule(0.0)

    def _schedule(self, delay_s: float) -> None:
        if self._started:
            self._frames.start(math.ceil(max(0.0, delay_s) * 1000))

    def _frame(self) -> None:
        self._soon = False
        started = time.perf_counter()
        session = self._window.session
        try:
            self._fold(FRAME_FOLD_BUDGET_S)
            if self._window.is_seen:
                self._show(session, started)
            else:
                session.state.take_changes()
                self._missed = True
        finally:
            self._ended_at = time.perf_counter()
            if not self._soon:
                self._schedule(self._next_s(session))

    def _show(self, session: SessionBackend, started: float) -> None:
        now = session.now()
        if self._missed:
            self._missed = False
            self._window.catch_up(now)
        self._window.frame(session.state.take_changes(), now)
        self._status.update(now, time.perf_counter() - started)
        self._limitations.check(session, now)
        self._other_names.check(session)

    def _next_s(self, session: SessionBackend) -> float:
        """Return the seconds until the next frame if nothing arrives."""
        if session.waiting:
            return BACKLOG_S if session.waiting > BACKLOG else FRAME_S
        if session.data_time is not None and session.connection_status.server:
            return REPLAY_S
        return IDLE_TICK_S if self._is_idle(session) else TICK_S

    def _is_idle(self, session: SessionBackend) -> bool:
        """Return whether nothing runs, and no run has changed for a while."""
        runs = session.state.runs
        version = session, runs.changes
        if version != self._runs_version:
            self._runs_version, self._runs_changed_at = version, self._ended_at
        return (
            self._ended_at - self._runs_changed_at >= IDLE_AFTER_S
            and not runs.counts[RunState.RUNNING]
            and session.connection_status.state == "connected"
        )

    def _fold(self, budget_s: float = FOLD_BUDGET_S) -> None:
        if self._window.session.drain(budget_s):
            self._backlog.start()
