"""Sending events without ever making the work wait for it.

Events go out on a connection of their own. `publish` only puts them into a bounded buffer; what
does not fit is dropped, counted and logged. When the server confirms (a history stream holds the
topic), an event lost in a broken connection is sent again; the stream recognises a repetition by
its id.

Events are sent a few milliseconds later, together: that costs the worker and the server a fraction
of what one by one does. For the same reason only the last of them is confirmed, for each subject.
What comes before it on the same connection was taken before it.
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
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import subject_of
from pulse_workers.config.settings import Settings
from pulse_workers.json_safe import to_json_safe
from pulse_workers.runtime.closing import close_client
from pulse_workers.runtime.connection import OUTAGE_ERRORS, ConnectionLog, connect

logger = logging.getLogger("pulse.workers.events")

CAPACITY: Final = 20_000
_UNCONFIRMED: Final = 4_000
_SLICE: Final = 200
_GATHER_S: Final = 0.005
"""How long an event waits for others to be sent with it."""
_BULKY: Final = (
    "args",
    "kwargs",
    "labels",
    "traceback",
    "factors",
    "content",
    "result",
    "catalogue",
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Outgoing:
    id: str
    topic: str
    subject: str
    payload: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class _Sent:
    """An event on its way: the how manieth of this publisher, and when, in monotonic seconds."""

    number: int
    at: float
    event: _Outgoing


class EventPublisher:
    """Publishes canonical events.

    Attributes:
        source: who says so, such as `worker-1@host:4121`.
        sent: events handed to the connection.
        dropped: events that found no room while the server was away.
    """

    def __init__(
        self,
        settings: Settings,
        source: str,
        *,
        clock: Callable[[], float] = time.time,
        patience: float = 10.0,
    ) -> None:
        """Describe it.

        Args:
            settings: where to connect.
            source: who says so.
            clock: Unix seconds.
            patience: seconds a confirmation is waited for; where no stream holds the topic,
                none comes.
        """
        self.source = source
        self.sent = 0
        self.dropped = 0
        self._settings = settings
        self._clock = clock
        self._patience = patience
        self._log = ConnectionLog("events")
        self._client: Client | None = None
        self._buffer: collections.deque[_Outgoing] = collections.deque()
        self._unconfirmed: dict[str, collections.deque[_Sent]] = {}
        self._number = 0
        self._inbox = ""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and begin to send.

        Raises:
            CannotConnectError: no connection within the limit.
        """
        self._client = await connect(
            self._settings,
            "events",
            self._log,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
        )
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.>", cb=self._on_confirmation)
        self._sender = asyncio.create_task(self._send_for_ever(), name="event sender")

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed and will not come back."""
        return self._client is not None and self._client.is_closed

    @property
    def unconfirmed(self) -> int:
        """How many events were sent of which it is not known whether they arrived."""
        return sum(map(len, self._unconfirmed.values()))

    async def close(self, limit: float = 1.0) -> None:
        """Send what is buffered, as far as the limit in seconds allows, and disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._idle.wait()
        if self._sender is not None:
            await cancel_and_wait(self._sender)
        lost = len(self._buffer)  # before closing, which takes back what was sent unconfirmed
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
            data: what happened; what has no JSON form is sent as text.
        """
        try:
            event = self._encoded(topic, type_, data)
        except Exception:
            logger.exception("%s cannot be written", type_)
            return
        if len(self._buffer) >= CAPACITY:
            if not self.dropped:
                logger.warning("the event buffer is full (%d), newer events are dropped", CAPACITY)
            self.dropped += 1
            return
        self._buffer.append(event)
        self._idle.clear()
        self._wake.set()

    def _encoded(self, topic: str, type_: str, data: dict[str, Any]) -> _Outgoing:
        now = self._clock()
        try:
            event_id, payload = encode_event(topic, type_, data, source=self.source, now=now)
        except (TypeError, ValueError, OverflowError, RecursionError):
            event_id, payload = encode_event(
                topic, type_, to_json_safe(data), source=self.source, now=now
            )
        limit = self._client.max_payload if self._client is not None else 1 << 20
        if len(payload) + 1024 > limit:
            small = {key: value for key, value in data.items() if key not in _BULKY}
            small["truncated"] = True
            event_id, payload = encode_event(
                topic, type_, to_json_safe(small), source=self.source, now=now
            )
        return _Outgoing(event_id, topic, subject_of(topic), payload)

    async def _send_for_ever(self) -> None:
        while True:
            client = self._client
            if not self._buffer or client is None or not client.is_connected:
                if not self._buffer:
                    self._idle.set()
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await self._wake.wait()
                continue
            if len(self._buffer) < _SLICE:
                await asyncio.sleep(_GATHER_S)
            await self._send_slice(client)

    async def _send_slice(self, client: Client) -> None:
        """Send what is buffered, up to a limit, and ask for a confirmation of it."""
        events = [self._buffer.popleft() for _ in range(min(_SLICE, len(self._buffer)))]
        last = {event.subject: place for place, event in enumerate(events)}
        for place, event in enumerate(events):
            try:
                await self._send(client, event, confirmed=last[event.subject] == place)
            except MaxPayloadError:
                logger.warning("an event of %d bytes is too large", len(event.payload))
            except OUTAGE_ERRORS as error:
                logger.debug("event not sent: %s", error)
                self._buffer.extendleft(reversed(events[place:]))
                await asyncio.sleep(0.1)
                break
        self._forget_the_oldest()

    async def _send(self, client: Client, event: _Outgoing, *, confirmed: bool) -> None:
        self._number += 1
        sent = _Sent(self._number, time.monotonic(), event)
        await client.publish(
            event.subject,
            event.payload,
            reply=f"{self._inbox}.{event.topic}.{sent.number}" if confirmed else "",
            headers={"Nats-Msg-Id": event.id},
        )
        self.sent += 1
        self._unconfirmed.setdefault(event.subject, collections.deque()).append(sent)

    def _forget_the_oldest(self) -> None:
        """Give up waiting for confirmations that do not come: no stream holds the subject."""
        oldest = time.monotonic() - self._patience
        for waiting in self._unconfirmed.values():
            while waiting and (waiting[0].at < oldest or len(waiting) > _UNCONFIRMED):
                waiting.popleft()

    async def _on_confirmation(self, message: Msg) -> None:
        """Note that the server took an event, and those before it of the same subject.

        "Nobody listens" is no confirmation: a server that is about to end says so, too.
        """
        if message.headers or b'"error"' in message.data:
            return
        topic, _, number = message.subject.removeprefix(f"{self._inbox}.").rpartition(".")
        waiting = self._unconfirmed.get(subject_of(topic))
        while waiting and waiting[0].number <= int(number):
            waiting.popleft()

    async def _on_disconnected(self) -> None:
        """Send again later what nobody confirmed: it may have been lost with the connection.

        It is taken back at once. The client sends what it still holds over the next connection,
        and a confirmation of that says nothing about what went before.
        """
        await self._log.on_disconnected()
        unconfirmed = [sent for waiting in self._unconfirmed.values() for sent in waiting]
        unconfirmed.sort(key=lambda sent: sent.number)
        self._unconfirmed.clear()
        self._buffer.extendleft(sent.event for sent in reversed(unconfirmed))

    async def _on_reconnected(self) -> None:
        await self._log.on_reconnected()
        self._wake.set()
