"""Publishes events about the actions of this program, in the same form as workers do."""

import getpass
import logging
import socket
from collections.abc import Callable
from typing import Any

from pulse_desktop.model.redaction import redact
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import subject_of
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed

_log = logging.getLogger(__name__)


class EventPublisher:
    """Publishes the events of this program, audit events among them.

    Attributes:
        actor: user and host, as given in labels and audit events.
    """

    def __init__(
        self,
        connection: Connection,
        feed: SubjectFeed,
        clock: Callable[[], float],
        prefix: str = "",
    ) -> None:
        """Create a publisher.

        Args:
            connection: to the server.
            feed: of `websocket.*`; gets a copy of each event, which the server does not echo.
            clock: Unix seconds.
            prefix: of the subjects, see `TaskiqNames`.
        """
        self._prefix = prefix
        self._connection = connection
        self._feed = feed
        self._clock = clock
        self.actor = actor_name()

    async def publish(self, topic: str, type_: str, data: dict[str, Any]) -> None:
        """Publish an event. A failure is only logged: the action it reports has been done.

        Args:
            topic: of the event, such as `tasks`.
            type_: of the event, such as `task.queued`.
            data: JSON-ready content.
        """
        event_id, payload = encode_event(
            topic, type_, data, source=f"desktop:{self.actor}", now=self._clock()
        )
        subject = subject_of(topic, self._prefix)
        try:
            await self._connection.client.publish(
                subject, payload, headers={"Nats-Msg-Id": event_id}
            )
        except Exception as error:  # noqa: BLE001 - logged; see above
            _log.warning("cannot publish %s: %s", type_, redact(str(error)))
        else:
            self._feed.echo(subject, payload)

    async def publish_audit(self, action: str, target: str, detail: str) -> None:
        """Publish an audit event: this actor did `action` to `target`."""
        await self.publish(
            "monitoring",
            "audit",
            {"who": self.actor, "action": action, "target": target, "detail": detail},
        )


def actor_name() -> str:
    """Return user and host, as given in labels, audit events and marks."""
    return f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # this user id has no name, as in a container
        return "operator"
