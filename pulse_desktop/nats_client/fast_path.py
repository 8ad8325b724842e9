"""Delivery of the messages of selected subscriptions straight to a function.

nats-py reads the headers of each message, builds an object and passes it through a queue to a
coroutine. A monitor needs the subject and the bytes: at tens of thousands of messages a second the
rest costs more than everything that is then done with them. Everything out of the ordinary is left
to nats-py.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from pulse_desktop.nats_client.client import CheckServer, NatsClient

Receive = Callable[[str, bytes], None]
ReceiveStored = Callable[[str, str, bytes], None]
"""Gets the reply subject, which says where the message is stored, the subject and the payload."""

STORED_REPLY: Final = "$JS.ACK."
"""What the reply subject of a message from a stream begins with."""

MAX_CACHED_HEADERS: Final = 1_000
"""Message headers kept in the cache: subjects are the sender's choice."""
_LINE_END: Final = b"\r\n"
_STORED_REPLY: Final = STORED_REPLY.encode()
_REPLY: Final = b" " + _STORED_REPLY


class FastPathParser(Parser):
    """Finds the messages of fast-path subscriptions in what the server sends.

    Attributes:
        direct: what to call with subject and payload, by subscription id. Must be quick.
        stored: the same for subscriptions of consumers. Their status messages are left to nats-py.
    """

    def __init__(self, client: Client) -> None:
        self.direct: dict[int, Receive] = {}
        self.stored: dict[int, ReceiveStored] = {}
        self._header_cache: dict[bytes, tuple[Receive, str, bool]] = {}
        self._stored_cache: dict[bytes, tuple[ReceiveStored, str, bool]] = {}
        super().__init__(client)

    def reset(self) -> None:
        """Begin with a new connection."""
        super().reset()
        self._min_size = 0  # bytes of the buffer below which no message in it is complete

    async def parse(self, data: bytes = b"") -> None:
        """Process what was read from the server."""
        if not (self.direct or self.stored) or self.state != AWAITING_CONTROL_LINE:
            await super().parse(data)
            return
        self.buf += data
        if len(self.buf) < self._min_size:
            return
        self._min_size = 0
        try:
            self._deliver(bytes(self.buf))
        except Exception as error:  # noqa: BLE001 - an exception that escapes ends all reading
            await self.nc._error_cb(error)
        if self.buf and not self._min_size:
            await super().parse()

    def _deliver(self, read: bytes) -> None:
        """Deliver messages from the beginning, as long as they are complete, direct and plain."""
        cache, stored_cache, size = self._header_cache, self._stored_cache, len(read)
        at = delivered = payloads = 0
        try:
            while read.startswith((b"MSG ", b"HMSG "), at):
                end = read.find(_LINE_END, at)
                if end < 0:
                    break
                header, _, length = read[at:end].rpartition(b" ")
                begin = end + 2
                split = header.find(_REPLY)
                if split > 0 and (stored := stored_cache.get(header[:split])) is not None:
                    receive_stored, subject, has_headers = stored
                    stop = begin + int(length)
                    if stop + 2 > size:
                        self._min_size = stop + 2 - at
                        break
                    reply = header[split + 1 :]
                    if has_headers:
                        reply, _, length = reply.rpartition(b" ")
                        begin += int(length)
                    at = stop + 2
                    delivered += 1
                    payloads += stop - begin
                    receive_stored(reply.decode("ascii", "replace"), subject, read[begin:stop])
                    continue
                cached = cache.get(header)
                if cached is None and (cached := self._look_up(header)) is None:
                    break
                receive, subject, has_headers = cached
                stop = begin + int(length)
                if stop + 2 > size:
                    self._min_size = stop + 2 - at
                    break
                if has_headers:
                    begin += int(header[header.rindex(b" ") :])
                at = stop + 2
                delivered += 1
                payloads += stop - begin
                receive(subject, read[begin:stop])
        finally:
            del self.buf[:at]
            stats = self.nc.stats
            stats["in_msgs"] += delivered
            stats["in_bytes"] += payloads

    def _look_up(self, header: bytes) -> tuple[Receive, str, bool] | None:
        """Return the receiver of messages with this header, their subject, and "has headers".

        Args:
            header: the first line of a message without its last field, the length.

        Returns:
            None when the messages are not of a fast-path subscription.
        """
        fields = header.replace(b"\t", b" ").split(b" ")
        if len(fields) < 3:
            return None
        has_headers = fields[0] == b"HMSG"
        if (stored := self.stored.get(int(fields[2]))) is not None:
            reply = fields[3] if len(fields) > 3 else b""
            if not reply.startswith(_STORED_REPLY):
                return None
            subject = fields[1].decode(errors="replace")
            if len(fields) == (5 if has_headers else 4):
                if len(self._stored_cache) >= MAX_CACHED_HEADERS:
                    self._stored_cache.clear()
                self._stored_cache[b" ".join(fields[:3])] = (stored, subject, has_headers)
            return partial(stored, reply.decode(errors="replace")), subject, has_headers
        receive = self.direct.get(int(fields[2]))
        if receive is None:
            return None
        found = (receive, fields[1].decode(errors="replace"), has_headers)
        if len(fields) == (4 if has_headers else 3):  # without a reply, which differs each time
            if len(self._header_cache) >= MAX_CACHED_HEADERS:
                self._header_cache.clear()
            self._header_cache[header] = found
        return found

    @property
    def cached_headers(self) -> int:
        """Number of headers in the cache."""
        return len(self._header_cache) + len(self._stored_cache)

    def clear_cache(self) -> None:
        """Look every header up again: the subscriptions have changed."""
        self._header_cache.clear()
        self._stored_cache.clear()


class FastPathClient(NatsClient):
    """A client with a fast path for selected subscriptions."""

    def __init__(self, check_server: CheckServer | None = None) -> None:
        super().__init__(check_server)
        self._ps: FastPathParser = FastPathParser(self)

    def deliver_directly(self, subscription: Subscription, receive: Receive) -> None:
        """Call a function with subject and payload of each message, instead of the callback.

        The callback is still needed, for a message that arrives before, and must do the same.

        Args:
            subscription: of this client, until it is unsubscribed.
            receive: quick, and without awaiting anything.
        """
        self._ps.direct[subscription._id] = receive
        self._ps.clear_cache()

    def deliver_stored_directly(self, subscription: Subscription, receive: ReceiveStored) -> None:
        """Call a function with reply, subject and payload of each message from a stream.

        Args:
            subscription: of this client, to which a consumer delivers. Its callback gets what is
                not a message from a stream.
            receive: quick, and without awaiting anything.
        """
        self._ps.stored[subscription._id] = receive

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        """Process a message found by nats-py's parser, such as one split over two reads."""
        receive = self._ps.direct.get(sid)
        stored = self._ps.stored.get(sid)
        if stored is not None and reply.startswith(_STORED_REPLY):
            receive = partial(stored, reply.decode(errors="replace"))
        if receive is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        try:
            receive(subject.decode(errors="replace"), data)
        except Exception as error:  # noqa: BLE001 - an exception that escapes ends all reading
            await self._error_cb(error)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._ps.direct.pop(sid, None)
        self._ps.stored.pop(sid, None)
        self._ps.clear_cache()
        super()._remove_sub(sid, max_msgs)
