"""What is asked of the server now and then: its queue, its figures, and what it refuses us."""

import asyncio
import contextlib

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.session.supervisor import Supervisor
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed_status import FeedStatus
from pulse_desktop.transport.result_store import WatchStatus
from pulse_desktop.transport.server_monitor import ServerMonitor, ServerSnapshot, guess_monitor_url
from pulse_desktop.transport.task_queue import QueueStatus, TaskQueue


class ServerPoller:
    """Looks at queue and server again and again.

    Attributes:
        queue: the task queue.
        queue_status: as of the latest look, None before the first.
        server: figures of the server, None while its monitoring port does not answer.
    """

    def __init__(self, connection: Connection, subject: str, monitor_url: str) -> None:
        """Put it together.

        Args:
            connection: to the server.
            subject: where tasks are published.
            monitor_url: HTTP address of the server's monitoring port, guessed when empty.
        """
        self._connection = connection
        self._server_monitor = ServerMonitor("")
        self.move_to(monitor_url)
        self.queue = TaskQueue(connection, subject, monitor=self._server_monitor)
        self.queue_status: QueueStatus | None = None
        self.server: ServerSnapshot | None = None

    def start(self, supervisor: Supervisor) -> None:
        """Begin to look."""
        supervisor.start("queue.look", self._look_at_queue)
        supervisor.start("server.look", self._look_at_server)

    def move_to(self, monitor_url: str) -> None:
        """Look at another monitoring port from now on, at the usual one when it is empty."""
        if monitor_url:
            self._server_monitor.move_to(monitor_url)
            return
        # Whatever runs at the usual port need not be what we are connected to.
        guessed = guess_monitor_url(self._connection.status.server)
        self._server_monitor.move_to(guessed, lambda: self._connection.server_id)

    async def close(self) -> None:
        """Give up the connections to the monitoring port."""
        await self._server_monitor.close()

    async def _look_at_queue(self) -> None:
        while True:
            await self._connection.wait_connected()
            with contextlib.suppress(UserFacingError):
                self.queue_status = await self.queue.status()
            await asyncio.sleep(2.0)

    async def _look_at_server(self) -> None:
        while True:
            await self._connection.wait_connected()
            self.server = await self._server_monitor.snapshot()
            await asyncio.sleep(5.0)


def count_consumers(queue: QueueStatus | None, alive: int) -> int | None:
    """Return how many workers would take the next task, None when nobody can tell.

    Args:
        queue: the queue as of the latest look.
        alive: workers whose heartbeats are heard.
    """
    counted = queue.listeners if queue is not None else None
    if not alive:
        return counted
    if queue is None or queue.mode == "jetstream":
        # Of a stream only open requests for work are known, and one worker may have several.
        return alive
    return max(counted or 0, alive)


def limitations(
    connection: Connection,
    events: FeedStatus,
    tasks: FeedStatus,
    results: WatchStatus,
    queue: QueueStatus | None,
) -> list[str]:
    """Return what cannot be seen or done, and why, in plain words; empty when all is well."""
    if not connection.connected:
        return []
    told = [
        f"{what}: {problem}"
        for what, problem in (
            ("events", events.problem),
            ("tasks", tasks.problem),
            ("results", results.problem),
            ("queue", queue.problem if queue is not None else ""),
        )
        if problem
    ]
    refused = connection.permission_problems
    return told + [f"permissions: {each}" for each in refused if each not in "".join(told)]
