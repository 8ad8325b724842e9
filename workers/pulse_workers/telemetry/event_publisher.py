"""Publisher of events that never delays a task.

Events are sent over a connection of their own. `publish` only appends to a bounded buffer
(`EventBuffer`); events that do not fit are dropped, counted and logged. A history stream confirms
each event that it stores, and one that it does not confirm is sent again (`EventConfirmations`).

Events are sent in batches a few milliseconds later, which costs worker and server a fraction of
sending them one by one.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import MaxPayloadError

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.permission_violations import parse_violation
from pulse_desktop.protocol.topics import subject_of
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.runtime.connection import ConnectionLog, connect
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.runtime.shutdown import close_client
from pulse_workers.telemetry.event_buffer import EventBuffer
from pulse_workers.telemetry.event_confirmations import EventConfirmations
from pulse_workers.telemetry.event_encoding import encode_any_event
from pulse_workers.telemetry.unconfirmed_events import CONFIRM_TIMEOUT_S, EncodedEvent

logger = logging.getLogger("pulse.workers.events")

CLOSE_TIMEOUT_S: Final = 5.0
"""How long closing waits for confirmations: less than a supervisor waits before it kills."""
_OFFLINE_TIMEOUT_S: Final = 1.0
"""How long closing waits for a connection."""
_BATCH: Final = 200
_BATCH_DELAY_S: Final = 0.005
"""How long an event waits for others to be sent with it."""
_IDLE_WAIT_S: Final = 0.5
_CLOSE_CHECK_S: Final = 0.1
_RETRY_DELAY_S: Final = 0.1
_DEFAULT_MAX_PAYLOAD: Final = 1 << 20


class EventPublisher:
    """Publishes canonical events.

    Attributes:
        source: identity of the publisher, such as `worker-1@host:4121`.
        sent: events handed to the connection.
    """

    def __init__(
        self,
        settings: Settings,
        source: str,
        *,
        connect_arguments: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
        confirm_timeout: float = CONFIRM_TIMEOUT_S,
    ) -> None:
        """Prepare without connecting.

        Args:
            settings: servers and credentials.
            source: identity of the publisher.
            connect_arguments: further arguments of `runtime.connection.connect`.
            clock: Unix seconds.
            confirm_timeout: seconds to wait for a confirmation before an event is sent again.
        """
        self.source = source
        self.sent = 0
        self._settings = settings
        self._connect_arguments = connect_arguments or {}
        self._clock = clock
        self._log = ConnectionLog("events")
        self._client: Client | None = None
        self._buffer = EventBuffer()
        self._too_large = 0
        self._number = 0
        self._confirmations = EventConfirmations(self._send, confirm_timeout)
        self._check_interval = confirm_timeout / 4
        self._background = PeriodicTasks()
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and start sending; again, once the connection was closed permanently.

        Raises:
            ConnectionFailedError: no connection in time.
            nats.errors.Error: the connection was closed at once.
        """
        if self._client is not None:  # of an attempt that failed after it had connected
            await close_client(self._client)
        client = await connect(
            self._settings,
            "events",
            self._log,
            **self._connect_arguments,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
        )
        try:
            await self._confirmations.subscribe(client)
        except BaseException:
            await close_client(client)
            raise
        self._client = client
        self._wake.set()
        if self._sender is not None:
            return
        self._sender = asyncio.create_task(self._send_loop(), name="event sender")
        self._background.start(
            PeriodicTask("event confirmation", self._check_interval, self._check_unconfirmed)
        )

    @property
    def client(self) -> Client | None:
        """The connection of events, None before `start`."""
        return self._client

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed permanently."""
        return self._client is not None and self._client.is_closed

    async def wait_closed(self) -> None:
        """Wait until the connection is closed permanently, which nats-py does at most errors."""
        while not self.is_closed:
            self._closed.clear()
            await self._closed.wait()

    @property
    def dropped(self) -> int:
        """Number of events that did not fit into a buffer, or that a stream refused."""
        return self._too_large + self._buffer.dropped + self._confirmations.dropped

    @property
    def unconfirmed(self) -> int:
        """Number of events that were sent and not confirmed."""
        return self._confirmations.unconfirmed

    async def close(self, limit: float = CLOSE_TIMEOUT_S) -> None:
        """Send what is buffered, wait for confirmations and disconnect.

        Args:
            limit: seconds to wait for confirmations; less while the server is unreachable.
        """
        await self._background.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._finish()
        if self._sender is not None:
            await cancel_and_wait(self._sender)
        lost = len(self._buffer) + self._confirmations.awaited
        if self._client is not None:
            if self._client.is_connected and not lost:  # else the server does not answer
                with contextlib.suppress(*OUTAGE_ERRORS):
                    await self._client.flush(math.ceil(_OFFLINE_TIMEOUT_S))
            await close_client(self._client)
        if lost or self.dropped:
            logger.warning("events not sent or not confirmed: %d, dropped: %d", lost, self.dropped)

    async def _finish(self) -> None:
        """Wait until every event is sent and confirmed, or the server has been lost for a while."""
        online_at = time.monotonic()
        while self._buffer or self._confirmations.is_expected:
            now = time.monotonic()
            if self._client is not None and self._client.is_connected:
                online_at = now
                await self._check_unconfirmed(closing=not self._buffer)
            elif now - online_at > _OFFLINE_TIMEOUT_S:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_CHECK_S):
                    await self._confirmations.wait()

    def publish(self, topic: str, type_: str, data: dict[str, Any], *, key: str = "") -> None:
        """Send an event soon. Never raises and never waits.

        Args:
            topic: one of the topics.
            type_: event name.
            data: the event's data; values without a JSON form are sent as text.
            key: what the event tells, if it can happen only once; see `EventSink`.
        """
        try:
            event = self._encode(topic, type_, data, key)
        except Exception:
            logger.exception("%s cannot be encoded", type_)
            return
        self._buffer.append(event)
        self._wake.set()

    def _encode(self, topic: str, type_: str, data: dict[str, Any], key: str) -> EncodedEvent:
        max_bytes = self._client.max_payload if self._client is not None else _DEFAULT_MAX_PAYLOAD
        event_id, payload = encode_any_event(
            topic,
            type_,
            data,
            source=self.source,
            now=self._clock(),
            max_bytes=max_bytes,
            key=key,
        )
        self._number += 1
        return EncodedEvent(self._number, event_id, topic, type_, subject_of(topic), payload)

    async def _send_loop(self) -> None:
        while True:
            client = self._client
            if not self._buffer or client is None or not client.is_connected:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_WAIT_S):
                        await self._wake.wait()
                continue
            if len(self._buffer) < _BATCH:
                await asyncio.sleep(_BATCH_DELAY_S)
            await self._send_batch(client)

    async def _send_batch(self, client: Client) -> None:
        """Send buffered events, up to a limit."""
        events = self._buffer.take(_BATCH)
        for index, event in enumerate(events):
            try:
                await self._send(client, event)
            except MaxPayloadError:
                logger.warning("an event of %d bytes is too large", len(event.payload))
                self._confirmations.discard(event)
                self._too_large += 1
            except OUTAGE_ERRORS as error:
                logger.debug("event not sent: %s", error)
                self._confirmations.discard(event)
                self._buffer.put_back(events[index:])
                await asyncio.sleep(_RETRY_DELAY_S)
                break
            else:
                self.sent += 1

    async def _send(self, client: Client, event: EncodedEvent) -> None:
        self._confirmations.add(event)  # first: the confirmation can arrive while this waits
        await client.publish(
            event.subject,
            event.payload,
            reply=self._confirmations.reply_to(event),
            headers={"Nats-Msg-Id": event.id},
        )

    async def _check_unconfirmed(self, *, closing: bool = False) -> None:
        if self._client is not None and self._client.is_connected:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await self._confirmations.check(self._client, closing=closing)

    async def _on_error(self, error: Exception) -> None:
        await self._log.on_error(error)
        violation = parse_violation(str(error))
        if violation is not None and violation.action == "publish":
            self._confirmations.on_refusal(violation.subject)

    async def _on_disconnected(self) -> None:
        """Move unconfirmed events back into the buffer: they may be lost with the connection."""
        await self._log.on_disconnected()
        self._buffer.put_back(self._confirmations.take_all())

    async def _on_reconnected(self) -> None:
        await self._log.on_reconnected()
        self._wake.set()

    async def _on_closed(self) -> None:
        await self._log.on_closed()
        self._closed.set()
