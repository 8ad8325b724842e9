"""Search for TaskIQ systems under other names, when nothing is found under the configured ones."""

import asyncio
import contextlib
import shlex
from dataclasses import asdict, replace
from typing import Final

from nats import errors

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
        backoff = Backoff(_FIRST_INTERVAL_S, _MAX_INTERVAL_S)
        while True:
            await self._connection.wait_connected()
            await asyncio.sleep(_DELAY_S)
            with contextlib.suppress(UserFacingError, errors.Error):
                await self.search()
            await asyncio.sleep(backoff.next_delay())

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
    if len(found.queues) == 1 and found.queues[0].subject != names.subject:
        (queue,) = found.queues
        better = replace(better, subject=queue.subject, consumer=queue.consumer or names.consumer)
    has_other_system = any(queue.subject != better.subject for queue in found.queues)
    if len(found.buckets) == 1 and not has_other_system:
        better = replace(better, bucket=found.buckets[0])
    return better if better != names else None


def name_options(names: TaskiqNames, instead_of: TaskiqNames) -> str:
    """Return the options of the command line that choose these names, quoted for a shell."""
    return " ".join(
        f"--{option} {shlex.quote(value)}"
        for option, value in asdict(names).items()
        if value != getattr(instead_of, option)
    )
