"""A client that hands the messages of some subscriptions straight to a function.

The client library reads the headers of each message, builds an object, and passes it through a
queue to a coroutine. A monitor wants the subject and the bytes: at tens of thousands of messages
a second all the rest costs more than everything that is then done with them. What is out of the
ordinary is left to the library, as are all other subscriptions.
"""

from collections.abc import Callable
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from pulse_desktop.nats_client.tls import require_tls

Receive = Callable[[str, bytes], None]
_LINE_END: Final = b"\r\n"
MAX_CACHED_HEADERS: Final = 1_000
"""Beginnings of messages that are remembered: subjects are the sender's choice."""


class FastPathParser(Parser):
    """Finds the messages of direct subscriptions in what the server sends.

    Attributes:
        direct: what to call with subject and payload, by subscription id. Must be quick.
    """

    def __init__(self, client: Client) -> None:
        self.direct: dict[int, Receive] = {}
        self._heads: dict[bytes, tuple[Receive, str, bool]] = {}
        super().__init__(client)

    def reset(self) -> None:
        """Begin with a new connection."""
        super().reset()
        self._enough = 0  # bytes without which it is no use to look again

    async def parse(self, data: bytes = b"") -> None:
        """Take in what was read from the server."""
        if not self.direct or self.state != AWAITING_CONTROL_LINE:
            await super().parse(data)
            return
        self.buf += data
        if len(self.buf) < self._enough:
            return
        self._enough = 0
        try:
            self._deliver(bytes(self.buf))
        except Exception as error:  # noqa: BLE001 - one that leaves here would end all reading
            await self.nc._error_cb(error)  # noqa: SLF001 - as the library itself does
        if self.buf and not self._enough:
            await super().parse()

    def _deliver(self, read: bytes) -> None:
        """Hand out messages from the beginning, as far as they are whole, direct and ordinary."""
        heads, size = self._heads, len(read)
        at = taken = payloads = 0
        try:
            while read.startswith((b"MSG ", b"HMSG "), at):
                end = read.find(_LINE_END, at)
                if end < 0:
                    break
                head, _, length = read[at:end].rpartition(b" ")
                begin = end + 2
                known = heads.get(head)
                if known is None and (known := self._known(head)) is None:
                    break
                receive, subject, has_headers = known
                stop = begin + int(length)
                if stop + 2 > size:
                    self._enough = stop + 2 - at
                    break
                if has_headers:
                    begin += int(head[head.rindex(b" ") :])
                at = stop + 2
                taken += 1
                payloads += stop - begin
                receive(subject, read[begin:stop])
        finally:
            del self.buf[:at]
            stats = self.nc.stats
            stats["in_msgs"] += taken
            stats["in_bytes"] += payloads

    def _known(self, head: bytes) -> tuple[Receive, str, bool] | None:
        """Look up who takes the messages that begin so, and with what subject; None for nobody.

        Args:
            head: the first line of a message without its last field, the length.
        """
        fields = head.split()
        receive = self.direct.get(int(fields[2])) if len(fields) > 2 else None
        if receive is None:
            return None
        has_headers = fields[0] == b"HMSG"
        known = (receive, fields[1].decode(), has_headers)
        if len(fields) == (4 if has_headers else 3):  # without a reply, which differs each time
            if len(self._heads) >= MAX_CACHED_HEADERS:
                self._heads.clear()
            self._heads[head] = known
        return known

    def forget(self) -> None:
        """Look everything up again: what takes messages has changed."""
        self._heads.clear()


class FastPathClient(Client):
    """The library's client, with a quick way for the subscriptions that ask for it.

    It encrypts wherever that was asked for, or does not log in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ps: FastPathParser = FastPathParser(self)

    def deliver_directly(self, subscription: Subscription, receive: Receive) -> None:
        """Call a function with subject and payload of each message, instead of the callback.

        The callback is still needed, for a message that comes before, and must do the same.

        Args:
            subscription: of this client, until it is unsubscribed.
            receive: quick, and without a wait.
        """
        self._ps.direct[subscription._id] = receive  # noqa: SLF001 - the library's own number
        self._ps.forget()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        """Take a message that the library's parser found, as one that a reading cut in two."""
        receive = self._ps.direct.get(sid)
        if receive is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        try:
            receive(subject.decode(), data)
        except Exception as error:  # noqa: BLE001 - one that leaves here would end all reading
            await self._error_cb(error)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Take in what the server says of itself; the first time, before the login is sent."""
        if initial_connection:
            require_tls(self, info)
        await super()._process_info(info, initial_connection)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._ps.direct.pop(sid, None)
        self._ps.forget()
        super()._remove_sub(sid, max_msgs)
