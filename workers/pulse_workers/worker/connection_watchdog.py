"""Ends a process that cannot do its work any more.

nats-py reconnects after a loss, but closes a connection for good after most errors of the server.
"""

from typing import Final

from nats.aio.client import Client

from pulse_desktop.text.translation import _
from pulse_workers.brokers.base_broker import BaseBroker
from pulse_workers.config.known_secrets import without_secrets
from pulse_workers.errors import ConnectionFailedError, TasksNotPermittedError, WorkerError
from pulse_workers.results.backend import ObjectStoreResultBackend
from pulse_workers.runtime.shutdown import ShutdownSignal
from pulse_workers.telemetry.event_publisher import EventPublisher

WATCHDOG_INTERVAL_S: Final = 1.0


class ConnectionWatchdog:
    """Stops a process whose connection was closed permanently, or that may not receive tasks.

    Attributes:
        error: what happened, None while all is well.
    """

    def __init__(
        self,
        shutdown: ShutdownSignal,
        server: str,
        client: Client,
        events: EventPublisher,
        broker: BaseBroker,
    ) -> None:
        """Prepare.

        Args:
            shutdown: what stops the process.
            server: URL without credentials, for texts.
            client: connection of the process.
            events: publishes events over another one.
            broker: takes or sends tasks over another one.
        """
        self._shutdown = shutdown
        self._server = server
        self._client = client
        self._events = events
        self._broker = broker
        self.error: WorkerError | None = None

    async def check(self) -> None:
        """Request shutdown if the process cannot do its work any more."""
        if self._shutdown.requested.is_set():
            return
        if denied := self._broker.permission_error:
            self.error = TasksNotPermittedError(
                _(
                    "{server} does not let this user take tasks: {error}. "
                    "`pulse-worker check` shows what is missing."
                ).format(server=self._server, error=denied)
            )
            self._shutdown.request("this user may not take tasks")
        elif closed := self._closed_connection():
            reason = without_secrets(str(closed.last_error or _("no reason given")))
            if "auth" in reason.lower():
                text = _(
                    "{server} closed a connection permanently: {reason}. "
                    "Check the user, password or token."
                )
            else:
                text = _("{server} closed a connection permanently: {reason}.")
            self.error = ConnectionFailedError(text.format(server=self._server, reason=reason))
            self._shutdown.request("a connection was closed permanently")

    def _closed_connection(self) -> Client | None:
        results = self._broker.result_backend
        clients = [self._broker.client, self._client, self._events.client]
        if isinstance(results, ObjectStoreResultBackend):
            clients.append(results.nats_client)
        return next((each for each in clients if each is not None and each.is_closed), None)
