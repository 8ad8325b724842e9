"""What this program itself does is told to everybody, as workers tell what they do."""

import getpass
import logging
import socket
from collections.abc import Callable
from typing import Any

from pulse_desktop.model.redaction import redact_url
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import subject_of
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed

_log = logging.getLogger(__name__)


class EventPublisher:
    """Publishes the events of this program.

    Attributes:
        who: who acts, as told in labels and audit events.
    """

    def __init__(
        self, connection: Connection, feed: SubjectFeed, clock: Callable[[], float]
    ) -> None:
        """Put it together.

        Args:
            connection: to the server.
            feed: `websocket.*`; told what was published, as the server does not send it back.
            clock: Unix seconds.
        """
        self._connection = connection
        self._feed = feed
        self._clock = clock
        self.who = f"{_user()}@{socket.gethostname()}"

    async def tell(self, topic: str, type_: str, data: dict[str, Any]) -> None:
        """Publish an event; that it cannot be is no reason to fail what it tells of."""
        event_id, payload = encode_event(
            topic, type_, data, source=f"desktop:{self.who}", now=self._clock()
        )
        subject = subject_of(topic)
        try:
            await self._connection.client.publish(
                subject, payload, headers={"Nats-Msg-Id": event_id}
            )
        except Exception as error:  # noqa: BLE001 - told in the log, and to nobody's harm
            _log.warning("cannot publish %s: %s", type_, redact_url(str(error)))
        else:
            self._feed.echo(subject, payload)

    async def tell_audit(self, action: str, target: str, detail: str) -> None:
        """Publish who did what to what."""
        await self.tell(
            "monitoring",
            "audit",
            {"who": self.who, "action": action, "target": target, "detail": detail},
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user id: a container
        return "operator"
