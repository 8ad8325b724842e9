"""Search for TaskIQ systems under other names, when nothing is found under the configured ones."""

import asyncio
import contextlib
from dataclasses import replace
from typing import Final

from nats import errors

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.discovery import Discovery, discover

_DELAY_S: Final = 4.0
"""Until then the history of the configured system has arrived, if there is one."""
_INTERVAL_S: Final = 30.0


class SystemFinder:
    """Looks for tasks and results under other names, as long as there are none under the own.

    Attributes:
        suggestion: names with tasks or results, None while the own names have both or nothing
            else was found.
    """

    def __init__(self, connection: Connection, names: TaskiqNames, state: SystemState) -> None:
        """Create a finder; nothing is sent before `run` or `find`.

        Args:
            connection: to the server.
            names: configured names.
            state: knows whether there are tasks and results under these names.
        """
        self._connection = connection
        self._names = names
        self._state = state
        self.suggestion: TaskiqNames | None = None

    async def run(self) -> None:
        """Search from time to time; run by a supervisor."""
        while True:
            await self._connection.wait_connected()
            await asyncio.sleep(_DELAY_S)
            with contextlib.suppress(UserFacingError, errors.Error):
                await self.search()
            await asyncio.sleep(_INTERVAL_S)

    async def search(self) -> Discovery:
        """Search now, if something is missing under the own names; set `suggestion`.

        Raises:
            UserFacingError: the streams cannot be listed.
            nats.errors.Error: no response.
        """
        found = Discovery()
        if not (self._state.runs.rows and self._state.results.rows):
            found = await discover(self._connection)
        self.suggestion = suggest(found, self._names)
        return found


def suggest(found: Discovery, names: TaskiqNames) -> TaskiqNames | None:
    """Return better names for what was found, None if there are none or it is ambiguous.

    Args:
        found: on the server.
        names: in use now.
    """
    better = names
    if found.queues and names.subject not in {queue.subject for queue in found.queues}:
        queue = found.queues[0]
        if len(found.queues) == 1:
            better = replace(
                better, subject=queue.subject, consumer=queue.consumer or names.consumer
            )
    if len(found.buckets) == 1 and names.bucket not in found.buckets:
        better = replace(better, bucket=found.buckets[0])
    return better if better != names else None
