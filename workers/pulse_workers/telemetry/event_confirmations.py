"""Confirmations of events by the stream that stores them.

Each event is published with a reply subject of its own, to which the stream replies. An event
without a confirmation is sent again with the same id, and the stream drops it if it has it already.
Where no stream stores a subject, nothing replies, and nothing is sent again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from pulse_desktop.nats_client.client import server_info
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.nats_client.jetstream import state_of_error
from pulse_desktop.protocol.topics import subject_of
from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.telemetry.unconfirmed_events import (
    EncodedEvent,
    SubjectEvents,
    UnconfirmedEvents,
)

logger = logging.getLogger("pulse.workers.events")

Send = Callable[[Client, EncodedEvent], Awaitable[None]]

_SILENCE: Final = 5
"""Timeouts without any confirmation until the server is asked whether the stream still exists, and
from which on closing does not wait for it."""
_STREAM_CHECK_S: Final = 60.0
"""How often the server is asked for a stream where none stores the subject."""
_REQUEST_TIMEOUT_S: Final = 2.0


class EventConfirmations:
    """Waits for the confirmation of each event, and sends those again that have none."""

    def __init__(self, send: Send, timeout: float) -> None:
        """Create it without a connection.

        Args:
            send: publishes an event, and calls `add`.
            timeout: seconds to wait for a confirmation before an event is sent again.
        """
        self._send = send
        self._timeout = timeout
        self._inbox = ""
        self._events = UnconfirmedEvents()
        self._replied = asyncio.Event()
        self._last_rejection = ""
        self._refused: set[str] = set()

    @property
    def unconfirmed(self) -> int:
        """Number of events that were sent and not confirmed."""
        return len(self._events)

    @property
    def awaited(self) -> int:
        """Number of those whose confirmation can still arrive, as far as is known."""
        return self._events.expected

    @property
    def is_expected(self) -> bool:
        """Whether to wait for a confirmation: not from streams that have long been silent."""
        now = time.monotonic()
        return any(
            subject.sent and subject.stored is not False and not self._is_silent(subject, now)
            for subject in self._events.subjects
        )

    @property
    def dropped(self) -> int:
        """Number of events that were refused, or that were dropped for lack of room."""
        return self._events.dropped + self._events.rejected

    async def subscribe(self, client: FastPathClient) -> None:
        """Receive the replies of streams on a connection."""
        self._inbox = f"{client.new_inbox()}."
        replies = await client.subscribe(f"{self._inbox}>", cb=self._on_message)
        client.deliver_directly(replies, self._on_reply)

    def reply_to(self, event: EncodedEvent) -> str:
        """Return the subject on which the confirmation of an event is expected."""
        return f"{self._inbox}{event.topic}.{event.number}"

    def add(self, event: EncodedEvent) -> None:
        """Expect the confirmation of an event that is about to be sent."""
        dropped = self._events.dropped
        self._events.add(event, time.monotonic())
        if not dropped and self._events.dropped:
            logger.warning(
                "%d events are not confirmed by a stream, the oldest are dropped", len(self._events)
            )

    def discard(self, event: EncodedEvent) -> None:
        """Expect no confirmation of an event that could not be sent."""
        self._events.discard(event)

    def on_refusal(self, subject_name: str) -> None:
        """Forget the events of a subject on which the server does not let this user publish.

        Args:
            subject_name: as the server reports it, perhaps in lower case.
        """
        for subject in self._events.subjects:
            if subject.subject.lower() != subject_name.lower():
                continue
            self._events.reject_all(subject)
            self._replied.set()
            if subject.subject not in self._refused:
                self._refused.add(subject.subject)
                logger.warning(
                    "this user may not publish on %s: events there are lost", subject.subject
                )

    def take_all(self) -> list[EncodedEvent]:
        """Remove and return all events, in the order in which they were published."""
        return self._events.take_all()

    async def wait(self) -> None:
        """Wait for the next reply."""
        self._replied.clear()
        await self._replied.wait()

    async def check(self, client: Client, *, closing: bool = False) -> None:
        """Send again what is overdue, and forget what no stream stores.

        Args:
            client: connected.
            closing: decide at once whether a confirmation can be expected.
        """
        now = time.monotonic()
        unsure: list[SubjectEvents] = []
        for subject in self._events.subjects:
            self._report(subject, now)
            if not subject.sent and not subject.reported:
                subject.waiting_since = None
            if closing and subject.stored is None:
                ask = bool(subject.sent)
            else:
                overdue = subject.is_overdue(now, self._timeout)
                ask = overdue and await self._check_overdue(client, subject, now)
            if ask:
                unsure.append(subject)
        await asyncio.gather(*(self._look_up(client, subject, closing) for subject in unsure))

    async def _check_overdue(self, client: Client, subject: SubjectEvents, now: float) -> bool:
        """Send again or forget what is overdue; return whether to ask for the stream."""
        patience = _SILENCE * self._timeout
        since_check = now - subject.checked_at
        if not subject.stored:
            if since_check >= _STREAM_CHECK_S:
                return True
            self._events.forget(subject, now - (patience if subject.stored is None else 0))
            return False
        if subject.waiting_since is None:
            subject.waiting_since = now
        for event in subject.overdue(now, self._timeout):
            await self._send(client, event)
        return now - subject.waiting_since >= patience and since_check >= patience

    def _report(self, subject: SubjectEvents, now: float) -> None:
        """Log what changed since the previous check."""
        if self._is_silent(subject, now) and not subject.reported:
            subject.reported = True
            logger.warning(
                "%d events on %s are not confirmed by their stream and are sent again",
                len(subject.sent),
                subject.subject,
            )
        elif subject.reported and subject.waiting_since is None:
            subject.reported = False
            logger.info("events on %s are confirmed again", subject.subject)
        if self._events.last_rejection != self._last_rejection:
            self._last_rejection = self._events.last_rejection
            logger.warning("the stream refuses events: %s", self._last_rejection)

    def _is_silent(self, subject: SubjectEvents, now: float) -> bool:
        """Whether nothing has been confirmed for so long that it is reported."""
        waiting = subject.waiting_since
        return waiting is not None and now - waiting >= _SILENCE * self._timeout

    async def _look_up(self, client: Client, subject: SubjectEvents, closing: bool) -> None:
        """Ask the server whether a stream confirms events of a subject."""
        stored = await _is_stored(client, subject.subject)
        subject.checked_at = time.monotonic()
        if subject.stored and stored is False:
            logger.warning("no stream stores events on %s any more", subject.subject)
        if stored is not None:
            subject.stored = stored
        if stored is False or (closing and subject.stored is None):
            subject.end_waiting()
            self._events.forget(subject)

    async def _on_message(self, message: Msg) -> None:
        self._on_reply(message.subject, message.data)

    def _on_reply(self, reply: str, data: bytes) -> None:
        topic, _, number = reply.removeprefix(self._inbox).rpartition(".")
        if number.isdecimal():
            self._events.on_reply(subject_of(topic), int(number), data, time.monotonic())
            self._replied.set()


async def _is_stored(client: Client, subject: str) -> bool | None:
    """Return whether a stream stores and confirms a subject; None if the server does not say."""
    js = client.jetstream(timeout=_REQUEST_TIMEOUT_S)
    try:
        name = await js.find_stream_name_by_subject(subject)
        info = await js.stream_info(name)
    except NotFoundError:
        return False
    except (*OUTAGE_ERRORS, KeyError, ValueError) as error:  # or the reply is not JetStream's
        state = state_of_error(error, server_info(client))
        return False if state is not None and state.is_off else None
    return not info.config.no_ack
