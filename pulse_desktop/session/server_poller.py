"""Polls the server: its task queue and its monitoring port."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.session.supervisor import Supervisor
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.server_monitor import ServerMonitor, ServerSnapshot, guess_monitor_url
from pulse_desktop.transport.task_queue import TaskQueue

QUEUE_INTERVAL_S: Final = 2.0
SERVER_INTERVAL_S: Final = 5.0
IDLE_FACTOR: Final = 4
"""How many times as long the intervals are at most while no run and no answer changes."""


class ServerPoller:
    """Polls the task queue and the monitoring port, less often while nothing changes.

    Attributes:
        queue: the task queue.
        server: figures of the server, None while its monitoring port does not answer.
    """

    def __init__(
        self,
        connection: Connection,
        names: TaskiqNames,
        monitor_url: str,
        activity: Callable[[], object] = lambda: None,
    ) -> None:
        """Create a poller.

        Args:
            connection: to the server.
            names: of the TaskIQ system.
            monitor_url: HTTP address of the server's monitoring port, guessed when empty.
            activity: returns another value whenever a run has changed.
        """
        self._connection = connection
        self._activity = activity
        self._server_monitor = ServerMonitor("")
        self._moves = 0
        self.move_to(monitor_url)
        self.queue = TaskQueue(connection, names, monitor=self._server_monitor)
        self._queue_status: QueueStatus | None = None
        self.server: ServerSnapshot | None = None

    @property
    def queue_status(self) -> QueueStatus | None:
        """The queue as of the last poll, None before the first.

        While disconnected its figures are those of before the loss.
        """
        if self._queue_status is not None and not self._connection.connected:
            return replace(self._queue_status, problem=_("not connected"), connected=False)
        return self._queue_status

    def start(self, supervisor: Supervisor) -> None:
        """Start to poll."""
        supervisor.start("poll.queue", self._poll_queue)
        supervisor.start("poll.server", self._poll_server)

    def move_to(self, monitor_url: str) -> None:
        """Poll another monitoring port from now on; an empty address is guessed."""
        self._moves += 1
        if monitor_url:
            self._server_monitor.move_to(monitor_url)
            return
        # What runs at the default port need not be the server we are connected to.
        guessed = guess_monitor_url(self._connection.status.server)
        self._server_monitor.move_to(guessed, lambda: self._connection.server_id)

    async def close(self) -> None:
        """Close the connections to the monitoring port."""
        await self._server_monitor.close()

    async def _poll_queue(self) -> None:
        pauses = PollPauses(QUEUE_INTERVAL_S)
        while True:
            await self._connection.wait_connected()
            self._queue_status = await self.queue.status()
            await pauses.wait(lambda: (*self._version(), self._queue_status))

    async def _poll_server(self) -> None:
        pauses = PollPauses(SERVER_INTERVAL_S)
        while True:
            await self._connection.wait_connected()
            self.server = await self._server_monitor.snapshot()
            # Its figures always change: this program itself sends messages.
            await pauses.wait(lambda: (*self._version(), self.server is None))

    def _version(self) -> tuple[object, ...]:
        """Return what changes when figures may be those of before."""
        return self._activity(), self._connection.generation, self._moves


class PollPauses:
    """Pauses between polls: an interval, or several of them while nothing changes."""

    def __init__(
        self,
        interval_s: float,
        *,
        sleep: Callable[[float], Coroutine[Any, Any, object]] = asyncio.sleep,
    ) -> None:
        """Create the pauses of one poll.

        Args:
            interval_s: seconds of an interval.
            sleep: waits for an interval.
        """
        self._interval_s = interval_s
        self._sleep = sleep
        self._version: object = None

    async def wait(self, version: Callable[[], object]) -> None:
        """Wait for the end of the first interval in which a version changes, or of the last."""
        for _interval in range(IDLE_FACTOR):
            await self._sleep(self._interval_s)
            before, self._version = self._version, version()
            if self._version != before:
                return
