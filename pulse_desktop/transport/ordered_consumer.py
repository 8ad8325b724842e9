"""An ordered consumer: reads a stream from a position on, never faster than there is room.

One ephemeral pull consumer serves catching up and following alike: it requests as many messages as
fit, so that nothing has to be dropped, and its sequence shows at once when a message was lost.
After any interruption the reader starts again from `last + 1`.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from nats import errors
from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import APIError

from pulse_desktop.nats_client.fast_path import STORED_REPLY
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

    from pulse_desktop.nats_client.fast_path import FastPathClient

MAX_BATCH: Final = 5_000
MIN_BATCH: Final = 200
"""A smaller request would cost more than waiting for a little more room."""

MAX_REQUEST_BYTES: Final = 16 << 20
REQUEST_EXPIRES_S: Final = 30.0
HEARTBEAT_S: Final = 5.0
SILENCE_TIMEOUT_S: Final = 12.0
SILENCE_CHECK_S: Final = 3.0
STALL_TIMEOUT_S: Final = 1.0
"""Less than between the last check before a heartbeat and that heartbeat."""

NO_ROOM_PAUSE_S: Final = 0.01
INACTIVE_THRESHOLD_S: Final = 2 * REQUEST_EXPIRES_S
"""Seconds after which the server removes the consumer of a reader that died.

One that waits for messages is not inactive: its next request follows the end of the one before.
"""

Accept = Callable[[str, bytes, float, int], bool]


class ConsumerResetError(Exception):
    """The consumer cannot continue; `str()` says why. Start a new one from `last + 1`."""


class ConsumerStalledError(ConsumerResetError):
    """The server sends nothing though messages are waiting: mostly they were deleted meanwhile."""

    def __init__(self) -> None:
        super().__init__(_("the server stopped sending messages"))


@dataclass(frozen=True)
class DeliverPolicy:
    """The first message that a consumer delivers.

    Attributes:
        sequence: first sequence wanted.
        since: Unix seconds of the first message wanted, instead of a sequence.
        newest_per_subject: start with the newest message of every subject. If one of these is
            deleted before it is delivered, the server may deliver nothing more, not even new
            messages: so it is only for counting, or for reading again what stops early.
    """

    sequence: int = 0
    since: float | None = None
    newest_per_subject: bool = False

    def arguments(self) -> dict[str, Any]:
        """Return the fields of the consumer's configuration."""
        if self.newest_per_subject:
            return {"deliver_policy": api.DeliverPolicy.LAST_PER_SUBJECT}
        if self.since is not None:
            moment = datetime.fromtimestamp(self.since, UTC)
            return {"deliver_policy": api.DeliverPolicy.BY_START_TIME, "opt_start_time": moment}
        return {
            "deliver_policy": api.DeliverPolicy.BY_START_SEQUENCE,
            "opt_start_seq": max(1, self.sequence),
        }


class OrderedConsumer:
    """A consumer of one stream on one connected client.

    Attributes:
        last: stream sequence of the newest message accepted, at first of the one before the start.
        pending: matching messages in the stream when the consumer was opened.
        at_end: set once no more messages were waiting in the stream.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subject: str,
        *,
        accept: Accept,
        room: Callable[[], int],
        follow: bool = True,
    ) -> None:
        """Describe a consumer; `open` creates it.

        Args:
            connection: must be connected.
            stream: the stream's name.
            subject: only messages of this subject are read.
            accept: gets subject, payload, Unix seconds when stored, and sequence; returns False
                when it has no room, which ends the consumer.
            room: returns how many messages fit now.
            follow: whether messages that are stored later are waited for. If not, the server says
                at once when there are no more, even if those that were pending are purged.
        """
        self._connection = connection
        self._client: FastPathClient = connection.client
        self._stream = stream
        self._subject = subject
        self._accept = accept
        self._room = room
        self._follow = follow
        self._wake = asyncio.Event()
        self._end_reason = ""
        self._batch = MAX_BATCH
        self._refill_at = 0
        self._outstanding = 0
        self._expected = 1
        self._idle_at = 0  # what was expected when the last heartbeat came
        self._alive = True
        self._left = "0"  # as the server writes it: not converted for every message
        self._request_subject = ""
        self._reply_subject = ""
        self._subscription: Subscription | None = None
        self.last = 0
        self.pending = 0
        self.at_end = asyncio.Event()

    @property
    def lag(self) -> int:
        """Messages that are stored and not yet read."""
        return int(self._left)

    async def open(self, start: DeliverPolicy) -> None:
        """Create the consumer on the server; messages arrive during `run`.

        Raises:
            ConsumerResetError: the server refuses, or the stream no longer exists.
            UserFacingError: no connection, no JetStream, no permission.
        """
        # From the system: a forked process would repeat the names of a generator with a seed.
        name = f"pulse-{secrets.token_hex(11)}"
        config = api.ConsumerConfig(
            name=name,
            filter_subject=self._subject,
            ack_policy=api.AckPolicy.NONE,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=INACTIVE_THRESHOLD_S,
            **start.arguments(),
        )
        creation = f"$JS.API.CONSUMER.CREATE.{self._stream}.{name}.{self._subject}"
        self._reply_subject = self._client.new_inbox()
        self._request_subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{name}"
        try:
            info = await self._connection.request(
                self._create(config), creation, self._request_subject, self._reply_subject
            )
        except (APIError, errors.Error) as error:
            await self.close()
            is_silent = isinstance(error, errors.TimeoutError)
            reason = _("the server did not respond in time") if is_silent else str(error)
            raise ConsumerResetError(reason) from None
        except BaseException:
            await self.close()
            raise
        self.pending = info.num_pending or 0
        if info.delivered is not None:
            self.last = info.delivered.stream_seq
        self._left = str(self.pending)
        if not self.pending:
            self.at_end.set()

    async def _create(self, config: api.ConsumerConfig) -> api.ConsumerInfo:
        """Subscribe and create the consumer, after trying the permission to request messages.

        A message to a consumer that does not exist yet has no other effect, and the server
        processes the three in this order.
        """
        self._subscription = await self._client.subscribe(
            self._reply_subject,
            cb=self._on_message,
            pending_msgs_limit=1 << 20,
            pending_bytes_limit=0,
        )
        self._client.deliver_stored_directly(self._subscription, self._on_stored)
        await self._client.publish(self._request_subject, b"")
        return await self._connection.js.add_consumer(self._stream, config=config)

    async def run(self) -> None:
        """Read forever.

        Raises:
            ConsumerResetError: a new consumer is needed.
            ConsumerStalledError: the same, as the server sends nothing of what is waiting.
            NotPermittedError: a permission was revoked.
        """
        loop = asyncio.get_running_loop()
        received_at = moved_at = loop.time()
        expected = self._expected
        violations = self._connection.violations
        with violations.watch(self._request_subject, self._reply_subject) as refused:
            refused.add_done_callback(lambda _refused: self._wake.set())
            while True:
                no_room = self._outstanding <= self._refill_at and not await self._request_more()
                if await self._woken(NO_ROOM_PAUSE_S if no_room else SILENCE_CHECK_S):
                    self._wake.clear()
                if refused.done():
                    raise refused.result()
                if self._end_reason:
                    raise ConsumerResetError(self._end_reason)
                now = loop.time()
                if expected != self._expected or not self._outstanding:
                    expected, moved_at = self._expected, now
                elif self._is_idle and self.lag and now - moved_at > STALL_TIMEOUT_S:
                    self._end("stalled")
                    raise ConsumerStalledError
                if self._alive or not self._outstanding:
                    self._alive = False
                    received_at = now
                elif now - received_at > SILENCE_TIMEOUT_S:
                    raise ConsumerResetError(_("the stream sent no heartbeat"))

    async def close(self) -> None:
        """Stop reading and delete the consumer on the server."""
        self._end_reason = self._end_reason or "closed"
        subscription, self._subscription = self._subscription, None
        if subscription is not None and self._client.is_connected:
            deletion = self._request_subject.replace(".MSG.NEXT.", ".DELETE.", 1)
            with contextlib.suppress(errors.Error, OSError):
                await subscription.unsubscribe()
                await self._client.publish(deletion, b"")

    async def _woken(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    @property
    def _is_idle(self) -> bool:
        """Whether a heartbeat came after the last message: the server has nothing to send."""
        return self._idle_at == self._expected

    async def _request_more(self) -> bool:
        """Request as many messages as fit and the server allows; return False when too few fit."""
        room = self._room() - self._outstanding
        if room < (min(MIN_BATCH, self._batch // 2) if self._outstanding else 1):
            return False
        count = min(room, self._batch - self._outstanding)
        request: dict[str, int | bool] = {
            "batch": count,
            "max_bytes": max(MAX_REQUEST_BYTES, 2 * self._client.max_payload),
        }
        if self._follow:
            request["expires"] = int(REQUEST_EXPIRES_S * 1e9)
            request["idle_heartbeat"] = int(HEARTBEAT_S * 1e9)
        else:
            request["no_wait"] = True
        self._idle_at = 0
        self._outstanding += count
        self._refill_at = self._outstanding // 2
        try:
            await self._client.publish(
                self._request_subject, json.dumps(request).encode(), reply=self._reply_subject
            )
        except errors.Error:
            self._end(_("the connection was lost"))
        return True

    async def _on_message(self, msg: Msg) -> None:
        if msg.reply.startswith(STORED_REPLY):
            self._on_stored(msg.reply, msg.subject, msg.data)
        elif not self._end_reason:
            self._on_status(msg)

    def _on_stored(self, reply: str, subject: str, payload: bytes) -> None:
        """Accept a message of the stream; the reply subject says where it is stored."""
        if self._end_reason:
            return
        # The account's domain, where there is one, precedes the stream's name.
        fields = reply.split(".")
        base = 5 if len(fields) < 11 else 7
        place, number, at, left = fields[base : base + 4]
        if int(number) != self._expected:
            self._end(_("a message was lost"))
            return
        sequence = int(place)
        if not self._accept(subject, payload, int(at) / 1e9, sequence):
            self._end(_("there is no room"))
            return
        self._expected += 1
        self.last = sequence
        self._alive = True
        self._outstanding -= 1
        self._left = left
        if left == "0":
            self.at_end.set()
        if self._outstanding == self._refill_at:
            self._wake.set()

    def _on_status(self, msg: Msg) -> None:
        """Process a status message: a heartbeat, or the end of a request."""
        self._alive = True
        headers = msg.headers or {}
        # nats-py takes the next header for a part of a status without a description.
        code = headers.get("Status", "").partition("\n")[0].strip()
        text = headers.get("Description", "")
        if code == "100":
            self._idle_at = self._expected
            self._wake.set()
            return
        lowered = text.lower()
        if code in ("404", "408") or lowered == "batch completed" or "maxbytes" in lowered:
            left = headers.get("Nats-Pending-Messages", "")
            self._outstanding -= int(left) if left.isdigit() else self._outstanding
            self._outstanding = max(0, self._outstanding)
            if code == "404" and not self._follow:
                self.at_end.set()
            self._wake.set()
        elif lowered.startswith("exceeded") and self._batch > 1:
            self._batch = max(1, self._batch // 10)
            self._outstanding = 0
            self._wake.set()
        else:
            reason = _("the server ended it: {status}")
            self._end(reason.format(status=f"{code} {text}".strip()))

    def _end(self, reason: str) -> None:
        if not self._end_reason:
            self._end_reason = reason
        self._wake.set()
