"""Commands to workers: one request, and the replies of all workers that it reaches.

A request to all workers has no natural end. It ends when every known worker has replied, when the
server reports that there are no subscribers, or on timeout.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from nats import errors
from nats.aio.msg import Msg

from pulse_desktop.protocol.control import (
    CANCEL,
    CANCEL_REQUESTED,
    CANCELLED,
    CONTROL_ALL,
    CONTROL_QUEUE,
    PING,
    REMOVE,
    ControlReply,
    ControlRequest,
    control_subject,
    decode_reply,
    encode_request,
)
from pulse_desktop.protocol.event import new_event_id
from pulse_desktop.protocol.topics import with_prefix
from pulse_desktop.transport.connection import Connection

REPLY_TIMEOUT_S: Final = 2.0
"""How long known workers have to reply."""
UNKNOWN_WORKERS_S: Final = 1.0
"""How long to wait for replies when no workers are known."""
REMOVE_TIMEOUT_S: Final = 10.0
"""How long a worker may search its queue."""
DISCOVERY_S: Final = 0.05
"""How much longer to wait for unknown workers once all known ones have replied."""
_NO_RESPONDERS: Final = "503"


@dataclass(frozen=True, slots=True)
class Replies:
    """The replies to one request.

    Attributes:
        received: in the order of arrival, one for each worker.
        timed_out: identities of the known workers that did not reply.
        no_responders: whether the server reported that no worker accepts commands.
    """

    received: tuple[ControlReply, ...] = ()
    timed_out: tuple[str, ...] = ()
    no_responders: bool = False

    def first(self, *outcomes: str) -> ControlReply | None:
        """Return the first reply with one of these outcomes, or None."""
        return next((reply for reply in self.received if reply.outcome in outcomes), None)


class WorkerControlClient:
    """Sends commands to workers; each method may raise NotConnectedError, NotPermittedError."""

    def __init__(
        self,
        connection: Connection,
        actor: str,
        *,
        clock: Callable[[], float] = time.time,
        subject_prefix: str = "",
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            connection: run elsewhere.
            actor: `user@host` of the operator.
            clock: Unix seconds.
            subject_prefix: of the subjects of commands, see `TaskiqNames`.
        """
        self._subject_prefix = subject_prefix
        self._connection = connection
        self._actor = actor
        self._clock = clock

    async def ping(
        self, expected: Collection[str] = (), timeout_s: float = REPLY_TIMEOUT_S
    ) -> Replies:
        """Request a reply from every worker."""
        return await self._request(CONTROL_ALL, self._command(PING), expected, timeout_s=timeout_s)

    async def cancel(
        self, task_id: str, expected: Collection[str] = (), *, reason: str = ""
    ) -> Replies:
        """Tell all workers to cancel a task; return at the first that has it: no other can."""
        return await self._request(
            CONTROL_ALL,
            self._command(CANCEL, task_id=task_id, reason=reason or None),
            expected,
            is_final=lambda reply: reply.outcome in (CANCELLED, CANCEL_REQUESTED),
            timeout_s=REPLY_TIMEOUT_S if expected else UNKNOWN_WORKERS_S,
        )

    async def remove(
        self, task_id: str, *, sequence: int | None = None, reason: str = ""
    ) -> Replies:
        """Tell one worker to remove a queued task; return its reply.

        Args:
            task_id: of the task.
            sequence: its position in the stream, if known.
            reason: given by the operator.
        """
        command = self._command(REMOVE, task_id=task_id, sequence=sequence, reason=reason or None)
        return await self._request(
            CONTROL_QUEUE, command, is_final=lambda _reply: True, timeout_s=REMOVE_TIMEOUT_S
        )

    async def command(
        self,
        command: str,
        worker: str = "",
        expected: Collection[str] = (),
        *,
        level: str | None = None,
    ) -> Replies:
        """Send a command to a worker, or to all of them.

        Args:
            command: `PAUSE`, `RESUME`, `DRAIN` or `LOG_LEVEL` of the protocol.
            worker: its identity, empty for all.
            expected: identities of the workers that should reply, when all are addressed.
            level: of `LOG_LEVEL`.
        """
        request = self._command(command, level=level)
        if worker:
            subject = control_subject(worker)
            return await self._request(subject, request, {worker}, is_final=lambda _reply: True)
        timeout_s = REPLY_TIMEOUT_S if expected else UNKNOWN_WORKERS_S
        return await self._request(CONTROL_ALL, request, expected, timeout_s=timeout_s)

    def _command(
        self,
        command: str,
        *,
        task_id: str | None = None,
        level: str | None = None,
        reason: str | None = None,
        sequence: int | None = None,
    ) -> ControlRequest:
        event_id = new_event_id(self._clock())
        actor = self._actor[:256]
        return ControlRequest(event_id, command, actor, task_id, level, reason, sequence)

    async def _request(
        self,
        subject: str,
        request: ControlRequest,
        expected: Collection[str] = (),
        *,
        is_final: Callable[[ControlReply], bool] = lambda _reply: False,
        timeout_s: float = REPLY_TIMEOUT_S,
    ) -> Replies:
        """Send a request and collect replies until no more are needed.

        Args:
            subject: where to publish it, without the prefix.
            request: the command.
            expected: identities of the workers that should reply.
            is_final: whether a reply makes all others unnecessary.
            timeout_s: without the round trip.

        Raises:
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NotPermittedError: the server denies the subject, or the inbox for replies.
        """
        subject = with_prefix(subject, self._subject_prefix)
        rtt = self._connection.status.rtt_s or 0.0
        collector = _ReplyCollector(request.id, frozenset(expected), is_final)
        client = self._connection.client
        inbox = client.new_inbox()

        async def exchange() -> None:
            subscription = await client.subscribe(inbox, cb=collector.on_message)
            try:
                await client.publish(subject, encode_request(request), reply=inbox)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s + 2 * rtt):
                        await collector.all_replied.wait()
                if expected and not collector.ended.is_set():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(DISCOVERY_S + 2 * rtt):
                            await collector.ended.wait()
            finally:
                with contextlib.suppress(errors.Error, OSError):
                    await subscription.unsubscribe()

        await self._connection.request(exchange(), subject, inbox)
        return collector.replies


class _ReplyCollector:
    """Collects the replies to one request."""

    def __init__(
        self, request_id: str, expected: frozenset[str], is_final: Callable[[ControlReply], bool]
    ) -> None:
        self._request_id = request_id
        self._expected = expected
        self._is_final = is_final
        self._by_worker: dict[str, ControlReply] = {}
        self._no_responders = False
        self.all_replied = asyncio.Event()
        self.ended = asyncio.Event()

    @property
    def replies(self) -> Replies:
        timed_out = sorted(self._expected - self._by_worker.keys())
        return Replies(tuple(self._by_worker.values()), tuple(timed_out), self._no_responders)

    async def on_message(self, message: Msg) -> None:
        """Process a message of the inbox; never raises."""
        if not message.data and (message.headers or {}).get("Status") == _NO_RESPONDERS:
            self._no_responders = True
            self._end()
            return
        reply = decode_reply(message.data)
        if reply is None or reply.id not in (self._request_id, ""):
            return
        self._by_worker.setdefault(reply.worker, reply)
        if self._is_final(reply):
            self._end()
        elif self._expected and self._expected <= self._by_worker.keys():
            self.all_replied.set()

    def _end(self) -> None:
        self.all_replied.set()
        self.ended.set()
