"""Asking workers to do something: one question, and as many answers as come.

A question to all workers has no natural end. It ends when everybody who is known to be there has
answered, when the server says that nobody listens at all, or when the time is up.
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
from pulse_desktop.protocol.ids import new_event_id
from pulse_desktop.transport.connection import Connection

ANSWER_S: Final = 2.0
"""Seconds that a worker who is known to be there has for its answer."""
GRACE_S: Final = 1.0
"""How long to listen when nobody knows who is there."""
REMOVE_S: Final = 10.0
"""The same for a search through the queue."""
DISCOVERY_S: Final = 0.05
"""How much longer to listen for workers that nobody has heard of yet."""
_NOBODY: Final = "503"


@dataclass(frozen=True, slots=True)
class Replies:
    """What came back.

    Attributes:
        answers: in the order in which they came, one for each worker.
        silent: those who were expected to answer and did not.
        nobody: whether the server says that nobody hears such questions.
    """

    answers: tuple[ControlReply, ...] = ()
    silent: tuple[str, ...] = ()
    nobody: bool = False

    def first(self, *outcomes: str) -> ControlReply | None:
        """Return the first answer with one of these outcomes, or None."""
        return next((answer for answer in self.answers if answer.outcome in outcomes), None)


class WorkerControlClient:
    """Puts commands to workers. Every method may raise NotConnectedError and NotPermittedError."""

    def __init__(
        self, connection: Connection, who: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            connection: kept by somebody else.
            who: `user@host` of whoever asks.
            clock: Unix seconds.
        """
        self._connection = connection
        self._who = who
        self._clock = clock

    async def ping(self, expected: Collection[str] = (), limit_s: float = ANSWER_S) -> Replies:
        """Ask who is there."""
        return await self._ask(CONTROL_ALL, self._request(PING), expected, limit_s=limit_s)

    async def cancel(
        self, task_id: str, expected: Collection[str] = (), *, reason: str = ""
    ) -> Replies:
        """Ask all workers to end a task that one of them may have.

        Returns at the first who has it: no other can.
        """
        return await self._ask(
            CONTROL_ALL,
            self._request(CANCEL, task_id=task_id, reason=reason or None),
            expected,
            enough=lambda answer: answer.outcome in (CANCELLED, CANCEL_REQUESTED),
            limit_s=ANSWER_S if expected else GRACE_S,
        )

    async def remove(
        self, task_id: str, *, sequence: int | None = None, reason: str = ""
    ) -> ControlReply | None:
        """Ask one worker to take a waiting task out of the queue; None when nobody answers.

        Args:
            task_id: of the task.
            sequence: its place in the stream, if it is known.
            reason: in the asker's words.
        """
        request = self._request(REMOVE, task_id=task_id, sequence=sequence, reason=reason or None)
        answers = await self._ask(CONTROL_QUEUE, request, enough=lambda _: True, limit_s=REMOVE_S)
        return answers.answers[0] if answers.answers else None

    async def order(
        self,
        command: str,
        worker: str = "",
        expected: Collection[str] = (),
        *,
        level: str | None = None,
    ) -> Replies:
        """Give a worker, or all of them, an order.

        Args:
            command: `PAUSE`, `RESUME`, `DRAIN` or `LOG_LEVEL` of the protocol.
            worker: its identity, empty for all.
            expected: who should answer when all are asked.
            level: of `LOG_LEVEL`.
        """
        request = self._request(command, level=level)
        if worker:
            subject = control_subject(worker)
            return await self._ask(subject, request, {worker}, enough=lambda _: True)
        limit_s = ANSWER_S if expected else GRACE_S
        return await self._ask(CONTROL_ALL, request, expected, limit_s=limit_s)

    def _request(
        self,
        command: str,
        *,
        task_id: str | None = None,
        level: str | None = None,
        reason: str | None = None,
        sequence: int | None = None,
    ) -> ControlRequest:
        return ControlRequest(
            new_event_id(self._clock()), command, self._who[:256], task_id, level, reason, sequence
        )

    async def _ask(
        self,
        subject: str,
        request: ControlRequest,
        expected: Collection[str] = (),
        *,
        enough: Callable[[ControlReply], bool] = lambda _: False,
        limit_s: float = ANSWER_S,
    ) -> Replies:
        """Ask, and collect answers until there is no more to be had.

        Args:
            subject: whom to ask.
            request: what.
            expected: who should answer.
            enough: tells whether an answer makes all others needless.
            limit_s: seconds.

        Raises:
            NotConnectedError, NotPermittedError.
        """
        rtt = self._connection.status.rtt_s or 0.0
        collecting = _Collecting(request.id, frozenset(expected), enough)
        client = self._connection.client
        inbox = client.new_inbox()

        async def exchange() -> None:
            subscription = await client.subscribe(inbox, cb=collecting.take)
            try:
                await client.publish(subject, encode_request(request), reply=inbox)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(limit_s + 2 * rtt):
                        await collecting.all_heard.wait()
                if expected and not collecting.ended.is_set():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(DISCOVERY_S + 2 * rtt):
                            await collecting.ended.wait()
            finally:
                with contextlib.suppress(errors.Error, OSError):
                    await subscription.unsubscribe()

        await self._connection.request(exchange(), subject, inbox)
        return collecting.answers


class _Collecting:
    """The answers to one question."""

    def __init__(
        self, request_id: str, expected: frozenset[str], enough: Callable[[ControlReply], bool]
    ) -> None:
        self._request_id = request_id
        self._expected = expected
        self._enough = enough
        self._by_worker: dict[str, ControlReply] = {}
        self._nobody = False
        self.all_heard = asyncio.Event()
        self.ended = asyncio.Event()

    @property
    def answers(self) -> Replies:
        silent = sorted(self._expected - self._by_worker.keys())
        return Replies(tuple(self._by_worker.values()), tuple(silent), self._nobody)

    async def take(self, message: Msg) -> None:
        """Take in what comes to the inbox; never raises."""
        if not message.data and (message.headers or {}).get("Status") == _NOBODY:
            self._nobody = True
            self._end()
            return
        answer = decode_reply(message.data)
        if answer is None or answer.id not in (self._request_id, ""):
            return
        self._by_worker.setdefault(answer.worker, answer)
        if self._enough(answer):
            self._end()
        elif self._expected and self._expected <= self._by_worker.keys():
            self.all_heard.set()

    def _end(self) -> None:
        self.all_heard.set()
        self.ended.set()
