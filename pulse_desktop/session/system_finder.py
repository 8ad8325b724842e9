"""Search for TaskIQ systems under other names, when nothing is found under the configured ones."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.discovery import Discovery, discover

_DELAY_S: Final = 4.0
"""Until then the history of the configured system has arrived, if there is one."""
_FIRST_INTERVAL_S: Final = 30.0
_MAX_INTERVAL_S: Final = 600.0
"""A search costs requests for each stream."""


class SystemFinder:
    """Looks for tasks and results under other names while the configured names have none.

    Attributes:
        suggestion: names with tasks or results, None if the configured names have both, or if
            nothing else was found.
    """

    def __init__(
        self,
        connection: Connection,
        names: Callable[[], TaskiqNames],
        state: SystemState,
        is_result: Callable[[bytes], Awaitable[bool]],
    ) -> None:
        """Create a finder; nothing is sent before `run` or `find`.

        Args:
            connection: to the server.
            names: returns the names in use.
            state: knows whether there are tasks and results under these names.
            is_result: whether a stored body is a TaskIQ result.
        """
        self._connection = connection
        self._names = names
        self._state = state
        self._is_result = is_result
        self.suggestion: TaskiqNames | None = None

    async def run(self) -> None:
        """Search from time to time; run by a supervisor."""
        backoff = Backoff(_FIRST_INTERVAL_S, _MAX_INTERVAL_S)
        while True:
            await self._connection.wait_connected()
            await asyncio.sleep(_DELAY_S)
            with contextlib.suppress(UserFacingError):
                await self.search()
            await asyncio.sleep(backoff.next_delay())

    async def search(self) -> Discovery:
        """Search now, if something is missing under the configured names; set `suggestion`.

        Raises:
            UserFacingError: the streams cannot be listed.
        """
        found = Discovery()
        if not (self._state.runs.rows and self._state.results.rows):
            found = await discover(self._connection, self._is_result)
        self.suggestion = suggest(found, self._names())
        return found


def suggest(found: Discovery, names: TaskiqNames) -> TaskiqNames | None:
    """Return better names for what was found, None if there are none or it is ambiguous.

    Args:
        found: on the server.
        names: in use now.
    """
    better = names
    if len(found.queues) == 1 and found.queues[0].subject != names.subject:
        (queue,) = found.queues
        better = replace(better, subject=queue.subject, consumer=queue.consumer or names.consumer)
    has_other_system = any(queue.subject != better.subject for queue in found.queues)
    if len(found.buckets) == 1 and not has_other_system:
        better = replace(better, bucket=found.buckets[0])
    return better if better != names else None
