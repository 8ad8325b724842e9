"""Keeps history on the server: says which streams are missing, and makes them if allowed."""

from collections.abc import Sequence
from typing import Final

from pulse_desktop.model.history_plan import (
    HistoryOutcome,
    HistoryPlan,
    HistoryStream,
)
from pulse_desktop.session.action_guard import ActionGuard
from pulse_desktop.session.event_publisher import EventPublisher
from pulse_desktop.text.history_text import limits_text
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed
from pulse_desktop.transport.history_provisioner import HistoryProvisioner

_ACTION: Final = "provision"


class HistoryStreams:
    """The streams of the history of one system."""

    def __init__(
        self,
        connection: Connection,
        provisioner: HistoryProvisioner,
        feeds: Sequence[SubjectFeed],
        events: EventPublisher,
        guard: ActionGuard,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            connection: to the server.
            provisioner: reads and creates streams.
            feeds: read what the streams keep.
            events: publishes what was made.
            guard: passed before a stream is made.
        """
        self._connection = connection
        self._provisioner = provisioner
        self._feeds = feeds
        self._events = events
        self._guard = guard

    @property
    def are_missing(self) -> bool:
        """Whether a stream can be made for events or tasks, as far as the feeds know."""
        return bool(self._connection.connected and self._connection.status.jetstream) and any(
            feed.status.missing for feed in self._feeds
        )

    async def plan(self) -> HistoryPlan:
        """Return what the server keeps, and what can be made; nothing is changed.

        Raises:
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            JetStreamNotReadyError: its cluster has no leader at the moment.
        """
        return await self._provisioner.plan()

    async def create(
        self, streams: Sequence[HistoryStream], *, confirmed: bool = False
    ) -> list[HistoryOutcome]:
        """Make streams; one that exists is left as it is. Then the feeds read them.

        Args:
            streams: of `plan`, with limits of choice.
            confirmed: whether the operator has confirmed it, which is required on every system.

        Returns:
            One outcome for each, in this order. What one stream lacks, another may have.

        Raises:
            ReadOnlyError, ConfirmationRequiredError: see `ActionGuard.check`; nothing was made.
            NotConnectedError, NoJetStreamError: there is no connection, or no JetStream.
        """
        self._guard.check(create_action(streams), confirmed=confirmed, always_asks=True)
        _js = self._connection.js  # raises without JetStream
        outcomes = []
        for stream in streams:
            outcome = await self._provisioner.create(stream)
            outcomes.append(outcome)
            if outcome.created:
                await self._events.publish_audit(_ACTION, stream.name, limits_text(stream.limits))
        for feed in self._feeds:
            feed.find_stream_now()
        return outcomes


def create_action(streams: Sequence[HistoryStream]) -> str:
    """Return what is about to be done, as an imperative."""
    names = ", ".join(stream.name for stream in streams)
    text = ngettext("Make the stream {names}", "Make the streams {names}", len(streams))
    return text.format(names=names) if streams else _("Make no stream")
