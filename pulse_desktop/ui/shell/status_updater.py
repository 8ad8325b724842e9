"""The figures around the pages, brought up to date once a second."""

from typing import Any, Final, Protocol

import psutil

from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats
from pulse_desktop.ui.shell.status_bar import StatusFigures
from pulse_desktop.ui.shell.window import MainWindow

ACTIVE_MS: Final = 33
IDLE_MS: Final = 100
_EVERY_S: Final = 1.0


class StatusSource(Protocol):
    """What is asked of a monitor; `pulse_desktop.session.session` has it."""

    @property
    def server(self) -> Any:
        """Figures of the server, None while they are unknown."""

    @property
    def connection(self) -> Any:
        """The connection, with its `status`."""

    @property
    def inbox(self) -> Any:
        """What has come and is not folded."""

    @property
    def dropped(self) -> int:
        """Messages lost on this side."""

    @property
    def gaps(self) -> tuple[int, int]:
        """Open gaps, filled gaps."""


class StatusUpdater:
    """Keeps the bars up to date.

    Attributes:
        received: messages that had arrived at the last frame.
    """

    def __init__(self, window: MainWindow, state: SystemState) -> None:
        self._window = window
        self._state = state
        self._process = psutil.Process()
        self._shown_at = 0.0
        self._render_s = 0.0
        self._shown_connection: object = None
        self.received = 0

    def show(self, monitor: StatusSource | None, now: float, frame_s: float) -> None:
        """Show the figures of now, if those shown are a second old.

        Args:
            monitor: None while there is no server.
            now: Unix seconds.
            frame_s: seconds the present frame took.
        """
        self._render_s = max(frame_s, self._render_s * 0.98)
        if monitor is not None and monitor.connection.status is not self._shown_connection:
            self._shown_connection = monitor.connection.status
            self._window.top_bar.set_connection(monitor.connection.status)
        if now - self._shown_at < _EVERY_S:
            return
        self._shown_at = now
        self._show_status(monitor, now)

    def _show_status(self, monitor: StatusSource | None, now: float) -> None:
        state = self._state
        if monitor is None:
            self._window.status_bar.show_figures(StatusFigures(server="starting the server …"))
            return
        still_open, filled = monitor.gaps
        status = monitor.connection.status
        server = f"NATS {status.server_version}" if status.server_version else ""
        stored = monitor.server.jetstream_bytes if monitor.server is not None else None
        if stored is not None:
            server += f" · JetStream {formats.size(stored)}"
        self._window.status_bar.show_figures(
            StatusFigures(
                topics_alive=state.topics.active_count(now),
                topics_total=len(TOPICS),
                events_per_s=state.topics.per_second(now),
                received=monitor.inbox.received,
                dropped=monitor.dropped,
                gaps_open=still_open,
                gaps_filled=filled,
                waiting=len(monitor.inbox),
                render_s=self._render_s,
                memory_bytes=self._process.memory_info().rss,
                server=server,
            )
        )
