"""Updates the top bar and the status bar from the session."""

from typing import Final

import psutil

from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.text import formats
from pulse_desktop.text.history_extent_text import history_text, reading_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.backend import SessionBackend
from pulse_desktop.ui.connection_phase import OFFLINE, connection_phase, stale_text
from pulse_desktop.ui.shell.status_bar import StatusFigures
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.throttle import Elapsed

_INTERVAL_S: Final = 1.0
_SLOW_INTERVAL_S: Final = 5.0
"""How often the figures of this program itself are shown: they would change all the time."""


class StatusUpdater:
    """Shows the connection at once, and the figures of the status bar once a second."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._process = psutil.Process()
        self._since_shown = Elapsed()
        self._render_s = 0.0
        self._since_measured = Elapsed()
        self._shown_render_s = 0.0
        self._memory_bytes = 0
        self._shown_connection: object = None
        self._shown_figures: StatusFigures | None = None

    def update(self, now: float, frame_s: float) -> None:
        """Bring the bars up to date.

        Args:
            now: Unix seconds.
            frame_s: seconds that the present frame took.
        """
        self._render_s = max(frame_s, self._render_s)
        session = self._window.session
        status = session.connection_status
        if status is not self._shown_connection:
            self._shown_connection = status
            self._since_shown.reset()
            self._window.top_bar.set_connection(status)
        self._window.read_only.show()
        if self._since_shown.seconds(now) >= _INTERVAL_S:
            self._since_shown.restart(now)
            self._measure(now)
            figures = self._figures(session, now)
            if figures != self._shown_figures:
                self._shown_figures = figures
                self._window.status_bar.show_figures(figures)

    def _measure(self, now: float) -> None:
        if self._since_measured.seconds(now) >= _SLOW_INTERVAL_S:
            self._since_measured.restart(now)
            self._shown_render_s, self._render_s = self._render_s, 0.0
            self._memory_bytes = self._process.memory_info().rss

    def _figures(self, session: SessionBackend, now: float) -> StatusFigures:
        status = session.connection_status
        if not status.server:
            starting = status.state == "connecting" and not status.problem
            return StatusFigures(server=_("Starting the server…") if starting else "")
        as_of = ""
        if connection_phase(session) in OFFLINE:
            as_of = stale_text(session)
            now = session.data_time or now
        never = bool(as_of) and status.last_alive is None
        extent = session.history_extent
        read = ""
        if not as_of and session.history is None:
            read = reading_text(extent, now) if extent.is_reading else history_text(extent, now)
        topics = session.state.topics
        open_gaps, filled = session.gaps
        server = f"NATS {status.server_version}" if status.server_version else ""
        stored = session.jetstream_bytes
        if stored is not None:
            server += f" · JetStream {formats.size(stored)}"
        return StatusFigures(
            topics_alive=None if never else topics.active_count(now),
            topics_total=len(TOPICS),
            events_per_s=None if never else topics.per_second(now),
            received=None if never else session.received,
            dropped=None if never else session.dropped,
            gaps_open=open_gaps,
            gaps_filled=filled,
            gap_reasons=tuple(session.gap_reasons),
            history=read,
            history_problem=extent.problem,
            waiting=session.waiting,
            render_s=self._shown_render_s,
            memory_bytes=self._memory_bytes,
            server=server,
            as_of=as_of,
        )
