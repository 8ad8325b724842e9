"""Taking a waiting task out of a stream, where no worker can be asked to.

A stream's message can be deleted by its sequence. Whether that still matters depends on whether a
worker has been handed it, and that can change between looking and deleting: so it is looked at
again afterwards, and what is not certain is not called done.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any, Final, Literal

from nats import errors
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.task_message import MalformedTaskError, decode_task
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)

SEARCH_TIMEOUT_S: Final = 10.0
"""How long a queue is searched: at about 30 000 tasks a second."""

IDLE_TIMEOUT_S: Final = 0.1
"""Without a message for so long it is asked whether there are any more."""

Outcome = Literal["removed", "handed_out", "not_queued", "not_kept", "not_searched"]


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of it.

    Attributes:
        outcome: `removed`; `handed_out` (a worker has it, or had it when it died); `not_queued`;
            `not_kept` (a core subject keeps nothing, so there is nothing to remove);
            `not_searched` (the queue is too long to be searched in time).
        sequence: where it was in the stream, 0 when it was not found.
    """

    outcome: Outcome
    sequence: int = 0


class QueuedTaskRemover:
    """Removes tasks from the stream behind one subject."""

    def __init__(self, connection: Connection, subject: str) -> None:
        """Prepare.

        Args:
            connection: kept by somebody else.
            subject: where tasks are published.
        """
        self._connection = connection
        self._subject = subject

    async def remove(self, task_id: str, status: QueueStatus, hint: int = 0) -> Removal:
        """Delete a task that waits for a worker.

        Args:
            task_id: of the task.
            status: a fresh look at the queue.
            hint: its sequence in the stream as far as is known, 0 for unknown.

        Raises:
            NotConnectedError, NotPermittedError, NoJetStreamError.
            UserFacingError: the server refused, with its reason.
        """
        if status.mode != "jetstream":
            return Removal("not_kept")
        try:
            return await self._remove(task_id, status, hint)
        except (APIError, errors.Error) as error:
            raise UserFacingError(
                "The queue does not answer", f"JetStream said: {error}.", "Try again in a moment."
            ) from None

    async def _remove(self, task_id: str, status: QueueStatus, hint: int) -> Removal:
        delivered = await self._delivered(status)
        sequence = hint if hint and await self._is_task(status.stream, hint, task_id) else 0
        if sequence and sequence <= delivered:
            # It may have been put there once more since, as a retry.
            sequence = 0
            outcome: Outcome = "handed_out"
        else:
            outcome = "not_queued"
        if not sequence:
            try:
                sequence = await self._search(task_id, status.stream, delivered + 1)
            except TimeoutError:
                return Removal("not_searched")
        if not sequence:
            return Removal(outcome, hint if outcome == "handed_out" else 0)
        try:
            await self._ask(
                self._connection.js.delete_msg(status.stream, sequence),
                f"$JS.API.STREAM.MSG.DELETE.{status.stream}",
            )
        except (NotFoundError, APIError) as error:
            if "no message found" in str(error).lower():
                return Removal("not_queued")
            raise
        if await self._delivered(status) >= sequence:
            return Removal("handed_out", sequence)  # in the same moment
        return Removal("removed", sequence)

    async def _delivered(self, status: QueueStatus) -> int:
        """Return the sequence up to which tasks have been handed out."""
        if not status.consumer:
            return 0
        info = await self._ask(
            self._connection.js.consumer_info(status.stream, status.consumer),
            f"$JS.API.CONSUMER.INFO.{status.stream}.{status.consumer}",
        )
        return info.delivered.stream_seq if info.delivered is not None else 0

    async def _is_task(self, stream: str, sequence: int, task_id: str) -> bool:
        message = await self._message(stream, sequence)
        return message is not None and _is_of(message.data or b"", task_id)

    async def _message(
        self, stream: str, sequence: int, *, following: bool = False
    ) -> api.RawStreamMsg | None:
        request = (
            self._connection.js.get_msg(stream, seq=sequence, subject=self._subject, next=True)
            if following
            else self._connection.js.get_msg(stream, seq=sequence)
        )
        try:
            message: api.RawStreamMsg = await self._ask(request, f"$JS.API.STREAM.MSG.GET.{stream}")
        except NotFoundError:
            return None
        return message

    async def _search(self, task_id: str, stream: str, start: int) -> int:
        """Return the sequence of a waiting task, 0 when it is not there.

        Raises:
            TimeoutError: there are too many tasks to look at.
        """
        found: list[int] = []

        def accept(_subject: str, payload: bytes, _at: float, sequence: int) -> bool:
            if not found and _is_of(payload, task_id):
                found.append(sequence)
                reader.at_end.set()  # there is no need to read on
            return True

        reader = OrderedConsumer(
            self._connection, stream, self._subject, accept=accept, room=lambda: 5_000
        )
        try:
            await reader.open(DeliverPolicy(start))
        except ConsumerResetError:
            # A stream of which every task is taken once lets nobody else read along.
            return await self._search_one_by_one(task_id, stream, start)
        following = asyncio.ensure_future(reader.follow())
        at_end = asyncio.ensure_future(reader.at_end.wait())
        try:
            async with asyncio.timeout(SEARCH_TIMEOUT_S):
                while not (found or at_end.done() or following.done()):
                    before = reader.last
                    await asyncio.wait(
                        {following, at_end},
                        timeout=IDLE_TIMEOUT_S,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    # What was removed meanwhile never comes, and so the end is never told.
                    after = max(start, reader.last + 1)
                    quiet = reader.last == before and not found
                    if quiet and await self._message(stream, after, following=True) is None:
                        return 0
                if following.done() and not (found or at_end.done()):
                    following.result()
        except ConsumerResetError as error:
            raise UserFacingError(
                "The queue could not be searched", f"{error}.", "Try again in a moment."
            ) from None
        finally:
            await cancel_and_wait(at_end)
            await cancel_and_wait(following)
            await reader.close()
        return found[0] if found else 0

    async def _search_one_by_one(self, task_id: str, stream: str, start: int) -> int:
        deadline = time.monotonic() + SEARCH_TIMEOUT_S
        sequence = start
        while (message := await self._message(stream, sequence, following=True)) is not None:
            if _is_of(message.data or b"", task_id):
                return message.seq or 0
            sequence = (message.seq or sequence) + 1
            if time.monotonic() > deadline:
                raise TimeoutError
        return 0

    async def _ask(self, request: Any, subject: str) -> Any:
        return await self._connection.request(request, subject)


def _is_of(payload: bytes, task_id: str) -> bool:
    if task_id.isalnum() and task_id.isascii() and task_id.encode() not in payload:
        return False  # said quickly, for nearly all
    with contextlib.suppress(MalformedTaskError):
        return decode_task(payload).task_id == task_id
    return False
