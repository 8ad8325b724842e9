"""The task queue: how long it is, who takes from it, and putting a task into it honestly.

With a stream behind the subject a task is stored and confirmed. Without one it reaches whoever
listens at that moment or nobody, so nothing is sent before somebody is known to.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec
from nats import errors
from nats.js import api
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from pulse_desktop.model.errors import (
    NoConsumersError,
    NoJetStreamError,
    NotConnectedError,
    NotPermittedError,
    TooLargeError,
    UnconfirmedError,
    UserFacingError,
)
from pulse_desktop.model.queue_status import PublishReceipt, QueueStatus
from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_SUBJECT
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.server_monitor import ServerMonitor
from pulse_desktop.transport.source_stream import subject_matches

__all__ = ["PublishReceipt", "QueueStatus", "TaskQueue"]

CONFIRM_TIMEOUT: Final = 5.0
NOBODY_TIMEOUT: Final = 0.3
"""Seconds within which the server says that nobody listens, on any but a very slow line."""

MSG_ID: Final = "Nats-Msg-Id"
_NO_ROOM: Final = 10077
_UNKNOWN: Final = QueueStatus()


class TaskQueue:
    """One task subject and whatever stands behind it."""

    def __init__(
        self,
        connection: Connection,
        subject: str = TASK_SUBJECT,
        monitor_url: str | None = None,
        *,
        monitor: ServerMonitor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe the queue.

        Args:
            connection: kept by somebody else.
            subject: where tasks are published.
            monitor_url: the server's HTTP monitoring port, which knows who listens.
            monitor: the same, kept by somebody else; then `monitor_url` is of no interest.
            clock: Unix seconds.
        """
        self._connection = connection
        self._subject = subject
        self._monitor = monitor or ServerMonitor(monitor_url)
        self._clock = clock

    async def close(self) -> None:
        """Close what was opened to look at the monitoring port."""
        await self._monitor.close()

    async def status(self, *, has_live_workers: bool = False) -> QueueStatus:
        """Look at the queue. Never raises: what cannot be known is None, with a `problem`.

        Args:
            has_live_workers: whether heartbeats say that somebody is at work.
        """
        try:
            return await self._look(has_live_workers=has_live_workers)
        except UserFacingError as error:
            return replace(_UNKNOWN, problem=error.detail or error.title)
        except (APIError, errors.Error) as error:
            return replace(_UNKNOWN, problem=f"JetStream did not answer: {error}")

    async def enqueue(
        self,
        task_id: str,
        payload: bytes,
        headers: dict[str, str] | None = None,
        *,
        force: bool = False,
        has_live_workers: bool = False,
    ) -> PublishReceipt:
        """Put a task into the queue. A repeated `task_id` is stored once by a stream.

        Args:
            task_id: of the task.
            payload: the task message.
            headers: NATS headers to send with it.
            force: send it also while no consumer is known.
            has_live_workers: whether heartbeats say that somebody is at work.

        Raises:
            NotConnectedError: nothing was sent.
            NoConsumersError: nobody takes it; nothing was sent.
            TooLargeError: it is larger than the server takes; nothing was sent.
            NotPermittedError: the server refuses the subject.
            UnconfirmedError: it was sent and may or may not have arrived.
            UserFacingError: the server refused it, with its reason.
        """
        client = self._connection.client
        sent_headers = {**(headers or {}), MSG_ID: task_id}
        self._check_size(payload, sent_headers, client.max_payload)
        try:
            status = await self._look(has_live_workers=has_live_workers)
        except (APIError, errors.Error) as error:
            raise UserFacingError(
                "The queue does not answer", f"JetStream said: {error}.", "Try again in a moment."
            ) from None
        if status.has_consumers is False and not force:
            raise NoConsumersError(self._subject, durable=status.durable)
        if status.mode == "jetstream":
            return await self._store(payload, sent_headers)
        return await self._hand_over(payload, sent_headers, force=force)

    # Looking

    async def _look(self, *, has_live_workers: bool) -> QueueStatus:
        try:
            js = self._connection.js
            stream = await self._connection.request(
                js.find_stream_name_by_subject(self._subject), "$JS.API.STREAM.NAMES"
            )
            info = await self._connection.request(
                js.stream_info(stream), f"$JS.API.STREAM.INFO.{stream}"
            )
        except (NotFoundError, NoJetStreamError):
            return await self._look_at_core(has_live_workers=has_live_workers)
        except NotPermittedError as error:
            core = await self._look_at_core(has_live_workers=has_live_workers)
            return replace(core, mode="unknown", problem=error.detail)
        consumer = await self._find_consumer(stream)
        # Of a stream that keeps only what somebody is interested in, nothing stays otherwise.
        durable = consumer is not None or info.config.retention != api.RetentionPolicy.INTEREST
        status = QueueStatus("jetstream", durable=durable, stream=stream)
        if consumer is None:
            return replace(
                status,
                pending=info.state.messages,
                ack_pending=0,
                redelivered=0,
                open_pulls=0,
                consumers=0,
                has_consumers=has_live_workers,
                oldest_at=await self._stored_at(stream, 0) if info.state.messages else None,
            )
        return await self._describe(status, consumer, has_live_workers=has_live_workers)

    async def _describe(
        self, status: QueueStatus, consumer: api.ConsumerInfo, *, has_live_workers: bool
    ) -> QueueStatus:
        delivered, done = consumer.delivered, consumer.ack_floor
        unfinished = (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
        active = [
            moment.last_active.timestamp()
            for moment in (delivered, done)
            if moment is not None and moment.last_active is not None
        ]
        waiting = consumer.num_waiting or 0
        if consumer.config.deliver_subject:
            waiting = int(bool(consumer.push_bound))
        recent = bool(active) and self._clock() - max(active) < (consumer.config.ack_wait or 30.0)
        # A busy worker asks for nothing: then what it did last, or its heartbeat, speaks for it.
        busy = bool(consumer.num_ack_pending) and recent
        oldest_at = None
        if unfinished:
            floor = done.stream_seq if done is not None else 0
            oldest_at = await self._stored_at(status.stream, floor)
        return replace(
            status,
            consumer=consumer.name,
            pending=consumer.num_pending,
            ack_pending=consumer.num_ack_pending,
            redelivered=consumer.num_redelivered,
            open_pulls=waiting,
            last_delivered_at=(
                delivered.last_active.timestamp()
                if delivered is not None and delivered.last_active is not None
                else None
            ),
            oldest_at=oldest_at,
            consumers=waiting if waiting or not (busy or has_live_workers) else None,
            has_consumers=waiting > 0 or recent or has_live_workers,
        )

    async def _find_consumer(self, stream: str) -> api.ConsumerInfo | None:
        """Return the consumer that workers share: the usual one, else any that acknowledges."""
        js = self._connection.js
        missing = False
        try:
            return await self._connection.request(
                js.consumer_info(stream, TASK_CONSUMER),
                f"$JS.API.CONSUMER.INFO.{stream}.{TASK_CONSUMER}",
            )
        except NotFoundError:
            missing = True
        except NotPermittedError:
            pass
        try:
            found = await self._connection.request(
                js.consumers_info(stream), f"$JS.API.CONSUMER.LIST.{stream}"
            )
        except NotPermittedError:
            if missing:  # for one who may ask for the usual one only, that says it all
                return None
            raise
        fitting = [consumer for consumer in found if self._is_of_workers(consumer)]
        fitting.sort(key=lambda consumer: not consumer.config.durable_name)
        return fitting[0] if fitting else None

    def _is_of_workers(self, consumer: api.ConsumerInfo) -> bool:
        config = consumer.config
        filters = [config.filter_subject] if config.filter_subject else config.filter_subjects or []
        return config.ack_policy != api.AckPolicy.NONE and (
            not filters or any(subject_matches(pattern, self._subject) for pattern in filters)
        )

    async def _stored_at(self, stream: str, after: int) -> float | None:
        """Return when the first task behind a sequence was stored, None when it is gone."""
        try:
            message = await self._connection.request(
                self._connection.js.get_msg(
                    stream, seq=after + 1, subject=self._subject, next=True
                ),
                f"$JS.API.STREAM.MSG.GET.{stream}",
            )
        except (APIError, errors.Error, NotPermittedError):
            return None
        return message.time.timestamp() if message.time is not None else None

    async def _look_at_core(self, *, has_live_workers: bool) -> QueueStatus:
        listeners = await self._monitor.listeners(self._subject)
        listening = has_live_workers or None if listeners is None else listeners > 0
        return QueueStatus("core", consumers=listeners, has_consumers=listening)

    # Sending

    def _check_size(self, payload: bytes, headers: dict[str, str], limit: int) -> None:
        size = (
            len(payload)
            + 12
            + sum(len(k.encode()) + len(v.encode()) + 4 for k, v in headers.items())
        )
        if size > limit:
            raise TooLargeError(
                "The task is too large",
                f"it has {size} bytes with its labels, and the server takes {limit}.",
                "Pass large data by reference, or raise max_payload on the server.",
                size=size,
                limit=limit,
            )

    async def _store(self, payload: bytes, headers: dict[str, str]) -> PublishReceipt:
        ack = await self._send(
            self._connection.js.publish(
                self._subject, payload, timeout=CONFIRM_TIMEOUT, headers=headers
            )
        )
        return PublishReceipt(
            durable=True,
            stream=ack.stream,
            sequence=ack.seq,
            duplicate=bool(ack.duplicate),
            bytes=len(payload),
        )

    async def _hand_over(
        self, payload: bytes, headers: dict[str, str], *, force: bool
    ) -> PublishReceipt:
        """Send a task to whoever listens. A request learns at once when that is nobody."""
        rtt = self._connection.status.rtt_s
        limit = NOBODY_TIMEOUT if rtt is None else max(NOBODY_TIMEOUT, 5 * rtt)
        try:
            reply = await self._connection.request(
                self._connection.client.request(
                    self._subject, payload, timeout=limit, headers=headers
                ),
                self._subject,
            )
        except errors.NoRespondersError:
            if not force:
                raise NoConsumersError(self._subject, durable=False) from None
        except errors.TimeoutError:
            pass  # somebody has it: workers do not answer
        except NotConnectedError:
            raise UnconfirmedError("the task") from None
        else:
            return _read_reply(reply.data, len(payload))
        return PublishReceipt(
            durable=False, stream="", sequence=0, duplicate=False, bytes=len(payload)
        )

    async def _send(self, request: Any) -> api.PubAck:
        try:
            ack: api.PubAck = await self._connection.request(request, self._subject)
        except (errors.TimeoutError, NotConnectedError):
            raise UnconfirmedError("the task") from None
        except (NoStreamResponseError, NoJetStreamError):
            raise NoConsumersError(self._subject, durable=False) from None
        except APIError as error:
            code = getattr(error, "err_code", None)  # some of its subclasses have none
            raise _refused(code, error.description or str(error)) from None
        return ack


def _refused(code: int | None, reason: str) -> UserFacingError:
    if code == _NO_ROOM:
        return UserFacingError(
            "The queue is full",
            f"its stream takes no more tasks ({reason}); this one was not stored.",
            "Start workers, or more of them, and try again, or raise the stream's limit.",
        )
    return UserFacingError("The server refused the task", f"{reason}.")


class _Refusal(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Reply(msgspec.Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _Refusal | None = None


def _read_reply(data: bytes, size: int) -> PublishReceipt:
    """Tell a stream that we were not allowed to see, and that answers all the same, from others.

    Raises:
        UserFacingError: that stream refuses the task.
    """
    try:
        reply = msgspec.json.decode(data, type=_Reply)
    except (msgspec.DecodeError, UnicodeDecodeError):
        reply = _Reply()
    if reply.error is not None and reply.stream:
        raise _refused(reply.error.err_code, reply.error.description)
    return PublishReceipt(bool(reply.stream), reply.stream, reply.seq, reply.duplicate, size)
