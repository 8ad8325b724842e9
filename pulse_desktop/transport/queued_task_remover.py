"""Removal of a queued task from its stream, for queues whose workers accept no commands.

A message of a stream can be deleted by its sequence. Whether that still prevents the task depends
on whether it has been delivered to a worker, which can change between the check and the deletion:
so it is checked again afterwards, and an uncertain removal is not reported as done.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final, Literal

from nats import errors
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.task_message import has_task_id
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)

SEARCH_TIMEOUT_S: Final = 10.0
"""How long a queue is searched: at about 30 000 tasks a second."""

IDLE_TIMEOUT_S: Final = 0.1
"""After so long without a message, the server is asked whether any are left."""

SEARCH_BATCH: Final = 5_000

_NO_MESSAGE_FOUND: Final = 10037
_SEQUENCE_NOT_FOUND: Final = 10043
_DELETE_FAILED: Final = 10057
"""Error codes of JetStream."""

Outcome = Literal["removed", "delivered", "not_queued", "not_stored", "not_searched"]


@dataclass(frozen=True, slots=True)
class Removal:
    """The result of a removal.

    Attributes:
        outcome: `removed`; `delivered` (a worker has it, or had it when it died); `not_queued`;
            `not_stored` (without a stream there is nothing to remove); `not_searched` (the queue
            is too long to be searched in time).
        sequence: position in the stream, 0 when it was not found.
    """

    outcome: Outcome
    sequence: int = 0


class QueuedTaskRemover:
    """Removes tasks from the stream that stores one subject."""

    def __init__(self, connection: Connection, subject: str) -> None:
        """Prepare.

        Args:
            connection: its `run` is started by the caller.
            subject: where tasks are published.
        """
        self._connection = connection
        self._subject = subject

    async def remove(self, task_id: str, status: QueueStatus, hint: int = 0) -> Removal:
        """Delete a task that waits for a worker.

        Args:
            task_id: of the task.
            status: a recent status of the queue.
            hint: its sequence in the stream if known, else 0.

        Raises:
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NotPermittedError: the server denies one of the subjects.
            NoJetStreamError: the server has no JetStream.
            JetStreamNotReadyError: its cluster has no leader at the moment.
            UserFacingError: the server refused, with its reason.
        """
        if status.mode != "jetstream":
            return Removal("not_stored")
        try:
            return await self._remove(task_id, status, hint)
        except (APIError, errors.Error) as error:
            raise UserFacingError(
                _("The task cannot be removed from the queue"),
                _("JetStream reported: {error}.").format(error=error),
                _("Try again in a moment."),
            ) from None

    async def _remove(self, task_id: str, status: QueueStatus, hint: int) -> Removal:
        delivered = await self._delivered(status)
        sequence = hint if hint and await self._is_task(status.stream, hint, task_id) else 0
        if sequence and sequence <= delivered:
            # It may have been published again since, as a retry.
            sequence = 0
            outcome: Outcome = "delivered"
        else:
            outcome = "not_queued"
        if not sequence:
            try:
                sequence = await self._search(task_id, status.stream, delivered + 1)
            except TimeoutError:
                return Removal("not_searched")
        if not sequence:
            return Removal(outcome, hint if outcome == "delivered" else 0)
        try:
            await self._request(
                self._connection.js.delete_msg(status.stream, sequence),
                f"$JS.API.STREAM.MSG.DELETE.{status.stream}",
            )
        except APIError as error:
            if is_message_gone(error):
                return Removal("not_queued")
            raise
        if await self._delivered(status) >= sequence:
            return Removal("delivered", sequence)  # between the check and the deletion
        return Removal("removed", sequence)

    async def _delivered(self, status: QueueStatus) -> int:
        """Return the sequence up to which tasks have been delivered."""
        if not status.consumer:
            return 0
        info = await self._request(
            self._connection.js.consumer_info(status.stream, status.consumer),
            f"$JS.API.CONSUMER.INFO.{status.stream}.{status.consumer}",
        )
        return info.delivered.stream_seq if info.delivered is not None else 0

    async def _is_task(self, stream: str, sequence: int, task_id: str) -> bool:
        message = await self._message(stream, sequence)
        return message is not None and has_task_id(message.data or b"", task_id)

    async def _message(
        self, stream: str, sequence: int, *, or_later: bool = False
    ) -> api.RawStreamMsg | None:
        request = (
            self._connection.js.get_msg(stream, seq=sequence, subject=self._subject, next=True)
            if or_later
            else self._connection.js.get_msg(stream, seq=sequence)
        )
        try:
            message: api.RawStreamMsg = await self._request(
                request, f"$JS.API.STREAM.MSG.GET.{stream}"
            )
        except NotFoundError:
            return None
        return message

    async def _search(self, task_id: str, stream: str, start: int) -> int:
        """Return the sequence of a queued task, 0 when it is not in the stream.

        Raises:
            TimeoutError: there are too many tasks to search.
        """
        found: list[int] = []

        def accept(_subject: str, payload: bytes, _at: float, sequence: int) -> bool:
            if not found and has_task_id(payload, task_id):
                found.append(sequence)
                consumer.at_end.set()  # there is no need to read on
            return True

        consumer = OrderedConsumer(
            self._connection, stream, self._subject, accept=accept, room=lambda: SEARCH_BATCH
        )
        try:
            await consumer.open(DeliverPolicy(start))
        except ConsumerResetError:
            # A work queue stream, which delivers every task once, allows no second consumer.
            return await self._search_one_by_one(task_id, stream, start)
        consuming = asyncio.ensure_future(consumer.run())
        at_end = asyncio.ensure_future(consumer.at_end.wait())
        try:
            async with asyncio.timeout(SEARCH_TIMEOUT_S):
                while not (found or at_end.done() or consuming.done()):
                    before = consumer.last
                    await asyncio.wait(
                        {consuming, at_end},
                        timeout=IDLE_TIMEOUT_S,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    # If the last messages are removed meanwhile, none arrives that has no more
                    # pending after it, and `at_end` is never set.
                    after = max(start, consumer.last + 1)
                    idle = consumer.last == before and not found
                    if idle and await self._message(stream, after, or_later=True) is None:
                        return 0
                if consuming.done() and not (found or at_end.done()):
                    consuming.result()
        except ConsumerResetError as error:
            raise UserFacingError(
                _("The queue could not be searched"), f"{error}.", _("Try again in a moment.")
            ) from None
        finally:
            await cancel_and_wait(at_end, consuming)
            await consumer.close()
        return found[0] if found else 0

    async def _search_one_by_one(self, task_id: str, stream: str, start: int) -> int:
        deadline = time.monotonic() + SEARCH_TIMEOUT_S
        sequence = start
        while (message := await self._message(stream, sequence, or_later=True)) is not None:
            if has_task_id(message.data or b"", task_id):
                return message.seq or 0
            sequence = (message.seq or sequence) + 1
            if time.monotonic() > deadline:
                raise TimeoutError
        return 0

    async def _request(self, request: Any, subject: str) -> Any:
        return await self._connection.request(request, subject)


def is_message_gone(error: APIError) -> bool:
    """Return whether a message could not be deleted because the stream has it no more.

    Of the oldest messages the server says so only in the text of a more general error.
    """
    if error.err_code == _DELETE_FAILED:
        return "no message found" in (error.description or "")
    return error.err_code in (_NO_MESSAGE_FOUND, _SEQUENCE_NOT_FOUND)
