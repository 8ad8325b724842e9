"""Publisher of events that never delays a task.

Events are sent over a connection of their own. `publish` only appends to a bounded buffer; events
that do not fit are dropped, counted and logged. Where a history stream stores the topic, the
server acknowledges events, and one lost in a broken connection is sent again; the stream drops
duplicates by the event's id.

Events are sent in batches a few milliseconds later, which costs worker and server a fraction of
sending them one by one. For the same reason only the last event of each subject in a batch is
acknowledged: the server has received those before it on the same connection.
"""

import asyncio
import collections
import contextlib
import dataclasses
import logging
import math
import time
from collections.abc import Callable
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.topics import subject_of
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.runtime.connection import ConnectionLog, connect
from pulse_workers.runtime.shutdown import close_client
from pulse_workers.telemetry.event_encoding import encode_any_event

logger = logging.getLogger("pulse.workers.events")

CAPACITY: Final = 20_000
_MAX_UNACKED: Final = 4_000
_BATCH: Final = 200
_BATCH_DELAY_S: Final = 0.005
"""How long an event waits for others to be sent with it."""
_IDLE_WAIT_S: Final = 0.5
_RETRY_DELAY_S: Final = 0.1
_DEFAULT_MAX_PAYLOAD: Final = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class _Event:
    id: str
    topic: str
    subject: str
    payload: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class _SentEvent:
    """An event that was sent: its number in this publisher, and when, in monotonic seconds."""

    number: int
    sent_at: float
    event: _Event


class EventPublisher:
    """Publishes canonical events.

    Attributes:
        source: identity of the publisher, such as `worker-1@host:4121`.
        sent: events handed to the connection.
        dropped: events that did not fit into the buffer while the server was unreachable.
    """

    def __init__(
        self,
        settings: Settings,
        source: str,
        *,
        clock: Callable[[], float] = time.time,
        ack_timeout: float = 10.0,
    ) -> None:
        """Prepare without connecting.

        Args:
            settings: servers and credentials.
            source: identity of the publisher.
            clock: Unix seconds.
            ack_timeout: seconds to wait for an acknowledgement; where no stream stores the topic,
                none arrives.
        """
        self.source = source
        self.sent = 0
        self.dropped = 0
        self._settings = settings
        self._clock = clock
        self._ack_timeout = ack_timeout
        self._log = ConnectionLog("events")
        self._client: Client | None = None
        self._buffer: collections.deque[_Event] = collections.deque()
        self._unacked: dict[str, collections.deque[_SentEvent]] = {}
        self._number = 0
        self._inbox = ""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and start sending.

        Raises:
            ConnectionFailedError: no connection in time.
        """
        self._client = await connect(
            self._settings,
            "events",
            self._log,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
        )
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.>", cb=self._on_ack)
        self._sender = asyncio.create_task(self._send_loop(), name="event sender")

    @property
    def client(self) -> Client | None:
        """The connection of events, None before `start`."""
        return self._client

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed permanently."""
        return self._client is not None and self._client.is_closed

    @property
    def unacked(self) -> int:
        """Number of events that were sent and not acknowledged."""
        return sum(map(len, self._unacked.values()))

    async def close(self, limit: float = 1.0) -> None:
        """Send buffered events, for at most `limit` seconds, and disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._idle.wait()
        if self._sender is not None:
            await cancel_and_wait(self._sender)
        lost = len(self._buffer)  # before closing, which moves unacknowledged events back
        if self._client is not None:
            if self._client.is_connected:
                with contextlib.suppress(*OUTAGE_ERRORS):
                    await self._client.flush(math.ceil(limit))
            await close_client(self._client)
        if lost or self.dropped:
            logger.warning("events never sent: %d, dropped: %d", lost, self.dropped)

    def publish(self, topic: str, type_: str, data: dict[str, Any]) -> None:
        """Send an event soon. Never raises and never waits.

        Args:
            topic: one of the topics.
            type_: event name.
            data: the event's data; values without a JSON form are sent as text.
        """
        try:
            event = self._encode(topic, type_, data)
        except Exception:
            logger.exception("%s cannot be encoded", type_)
            return
        if len(self._buffer) >= CAPACITY:
            if not self.dropped:
                logger.warning("the event buffer is full (%d), newer events are dropped", CAPACITY)
            self.dropped += 1
            return
        self._buffer.append(event)
        self._idle.clear()
        self._wake.set()

    def _encode(self, topic: str, type_: str, data: dict[str, Any]) -> _Event:
        max_bytes = self._client.max_payload if self._client is not None else _DEFAULT_MAX_PAYLOAD
        event_id, payload = encode_any_event(
            topic, type_, data, source=self.source, now=self._clock(), max_bytes=max_bytes
        )
        return _Event(event_id, topic, subject_of(topic), payload)

    async def _send_loop(self) -> None:
        while True:
            client = self._client
            if not self._buffer or client is None or not client.is_connected:
                if not self._buffer:
                    self._idle.set()
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_WAIT_S):
                        await self._wake.wait()
                continue
            if len(self._buffer) < _BATCH:
                await asyncio.sleep(_BATCH_DELAY_S)
            await self._send_batch(client)

    async def _send_batch(self, client: Client) -> None:
        """Send buffered events, up to a limit, and request acknowledgements."""
        events = [self._buffer.popleft() for _ in range(min(_BATCH, len(self._buffer)))]
        last = {event.subject: index for index, event in enumerate(events)}
        for index, event in enumerate(events):
            try:
                await self._send(client, event, ack=last[event.subject] == index)
            except MaxPayloadError:
                logger.warning("an event of %d bytes is too large", len(event.payload))
            except OUTAGE_ERRORS as error:
                logger.debug("event not sent: %s", error)
                self._buffer.extendleft(reversed(events[index:]))
                await asyncio.sleep(_RETRY_DELAY_S)
                break
        self._expire_unacked()

    async def _send(self, client: Client, event: _Event, *, ack: bool) -> None:
        self._number += 1
        sent = _SentEvent(self._number, time.monotonic(), event)
        await client.publish(
            event.subject,
            event.payload,
            reply=f"{self._inbox}.{event.topic}.{sent.number}" if ack else "",
            headers={"Nats-Msg-Id": event.id},
        )
        self.sent += 1
        self._unacked.setdefault(event.subject, collections.deque()).append(sent)

    def _expire_unacked(self) -> None:
        """Drop events whose acknowledgement is overdue: no stream stores the subject."""
        oldest = time.monotonic() - self._ack_timeout
        for unacked in self._unacked.values():
            while unacked and (unacked[0].sent_at < oldest or len(unacked) > _MAX_UNACKED):
                unacked.popleft()

    async def _on_ack(self, message: Msg) -> None:
        """Drop an acknowledged event, and those before it of the same subject.

        "No responders" is no acknowledgement: a server that shuts down sends it, too.
        """
        if message.headers or b'"error"' in message.data:
            return
        topic, _, number = message.subject.removeprefix(f"{self._inbox}.").rpartition(".")
        unacked = self._unacked.get(subject_of(topic))
        while unacked and unacked[0].number <= int(number):
            unacked.popleft()

    async def _on_disconnected(self) -> None:
        """Move unacknowledged events back into the buffer: they may be lost with the connection.

        This happens at once. The client sends its own buffer over the next connection, and an
        acknowledgement of that says nothing about earlier events.
        """
        await self._log.on_disconnected()
        unacked = [sent for queue in self._unacked.values() for sent in queue]
        unacked.sort(key=lambda sent: sent.number)
        self._unacked.clear()
        self._buffer.extendleft(sent.event for sent in reversed(unacked))

    async def _on_reconnected(self) -> None:
        await self._log.on_reconnected()
        self._wake.set()
