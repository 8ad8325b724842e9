"""The task queue: its length, its consumers, and the publishing of tasks.

Where a stream stores the subject, a task is stored and confirmed. Without one it reaches the
workers that are subscribed at that moment, or is lost; so it is sent only when there is one.
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
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.server_monitor import ServerMonitor
from pulse_desktop.transport.source_stream import subject_matches

CONFIRM_TIMEOUT_S: Final = 5.0
NO_RESPONDERS_TIMEOUT_S: Final = 0.3
"""Time in which the server reports that there are no consumers, on any but a very slow line."""

MSG_ID: Final = "Nats-Msg-Id"
_STREAM_FULL_CODE: Final = 10077
_UNKNOWN: Final = QueueStatus()


class TaskQueue:
    """The queue of one task subject."""

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
            connection: run elsewhere.
            subject: where tasks are published.
            monitor_url: the server's HTTP monitoring endpoint, which knows the subscribers.
            monitor: the same, closed elsewhere; then `monitor_url` is ignored.
            clock: Unix seconds.
        """
        self._connection = connection
        self._subject = subject
        self._monitor = monitor or ServerMonitor(monitor_url)
        self._clock = clock

    async def close(self) -> None:
        """Close the client of the monitoring endpoint."""
        await self._monitor.close()

    async def status(self, *, has_live_workers: bool = False) -> QueueStatus:
        """Return the status of the queue. Never raises: unknown values are None, with a `problem`.

        Args:
            has_live_workers: whether there are recent heartbeats of workers.
        """
        try:
            return await self._status(has_live_workers=has_live_workers)
        except UserFacingError as error:
            return replace(_UNKNOWN, problem=error.detail or error.title)
        except (APIError, errors.Error) as error:
            return replace(
                _UNKNOWN, problem=_("JetStream did not respond: {error}").format(error=error)
            )

    async def enqueue(
        self,
        task_id: str,
        payload: bytes,
        headers: dict[str, str] | None = None,
        *,
        force: bool = False,
        has_live_workers: bool = False,
    ) -> PublishReceipt:
        """Enqueue a task. A stream stores a repeated `task_id` once.

        Args:
            task_id: of the task.
            payload: the task message.
            headers: NATS headers to send with it.
            force: send it also without a known consumer.
            has_live_workers: whether there are recent heartbeats of workers.

        Raises:
            NotConnectedError: nothing was sent.
            NoConsumersError: no worker consumes the queue; nothing was sent.
            TooLargeError: it is larger than the server accepts; nothing was sent.
            JetStreamNotReadyError: nothing was sent.
            NotPermittedError: the server refuses the subject.
            UnconfirmedError: it was sent and may or may not have arrived.
            UserFacingError: the server refused it, with its reason.
        """
        client = self._connection.client
        sent_headers = {**(headers or {}), MSG_ID: task_id}
        self._check_size(payload, sent_headers, client.max_payload)
        try:
            status = await self._status(has_live_workers=has_live_workers)
        except (APIError, errors.Error) as error:
            raise UserFacingError(
                _("The queue does not respond"),
                _("JetStream reported: {error}.").format(error=error),
                _("Try again in a moment."),
            ) from None
        if status.has_consumers is False and not force:
            raise NoConsumersError(self._subject, durable=status.durable)
        if status.mode == "jetstream":
            return await self._store(payload, sent_headers)
        return await self._publish_core(payload, sent_headers, force=force)

    # Status

    async def _status(self, *, has_live_workers: bool) -> QueueStatus:
        try:
            js = self._connection.js
            stream = await self._connection.request(
                js.find_stream_name_by_subject(self._subject), "$JS.API.STREAM.NAMES"
            )
            info = await self._connection.request(
                js.stream_info(stream), f"$JS.API.STREAM.INFO.{stream}"
            )
        except (NotFoundError, NoJetStreamError):
            return await self._core_status(has_live_workers=has_live_workers)
        except NotPermittedError as error:
            core = await self._core_status(has_live_workers=has_live_workers)
            return replace(core, mode="unknown", problem=error.detail)
        consumer = await self._find_consumer(stream)
        # An interest stream keeps nothing without a consumer.
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
        open_pulls = consumer.num_waiting or 0
        if consumer.config.deliver_subject:
            open_pulls = int(bool(consumer.push_bound))
        recent = bool(active) and self._clock() - max(active) < (consumer.config.ack_wait or 30.0)
        # A busy worker has no open pull request: its last activity or its heartbeat counts then.
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
            open_pulls=open_pulls,
            last_delivered_at=(
                delivered.last_active.timestamp()
                if delivered is not None and delivered.last_active is not None
                else None
            ),
            oldest_at=oldest_at,
            consumers=open_pulls if open_pulls or not (busy or has_live_workers) else None,
            has_consumers=open_pulls > 0 or recent or has_live_workers,
        )

    async def _find_consumer(self, stream: str) -> api.ConsumerInfo | None:
        """Return the consumer that workers share: the default one, else any that acknowledges."""
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
            if missing:  # of a user who may query the default one only
                return None
            raise
        candidates = [consumer for consumer in found if self._is_worker_consumer(consumer)]
        candidates.sort(key=lambda consumer: not consumer.config.durable_name)
        return candidates[0] if candidates else None

    def _is_worker_consumer(self, consumer: api.ConsumerInfo) -> bool:
        config = consumer.config
        filters = [config.filter_subject] if config.filter_subject else config.filter_subjects or []
        return config.ack_policy != api.AckPolicy.NONE and (
            not filters or any(subject_matches(pattern, self._subject) for pattern in filters)
        )

    async def _stored_at(self, stream: str, after: int) -> float | None:
        """Return when the first task after a sequence was stored, None when it is unknown."""
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

    async def _core_status(self, *, has_live_workers: bool) -> QueueStatus:
        consumers = await self._monitor.count_consumers(self._subject)
        has_consumers = has_live_workers or None if consumers is None else consumers > 0
        return QueueStatus("core", consumers=consumers, has_consumers=has_consumers)

    # Publishing

    def _check_size(self, payload: bytes, headers: dict[str, str], limit: int) -> None:
        size = (
            len(payload)
            + 12
            + sum(len(k.encode()) + len(v.encode()) + 4 for k, v in headers.items())
        )
        if size > limit:
            raise TooLargeError(
                _("The task is too large"),
                _("it has {size} bytes with its labels, and the server accepts {limit}.").format(
                    size=size, limit=limit
                ),
                _("Pass large data by reference, or raise max_payload on the server."),
                size=size,
                limit=limit,
            )

    async def _store(self, payload: bytes, headers: dict[str, str]) -> PublishReceipt:
        ack = await self._publish(
            self._connection.js.publish(
                self._subject, payload, timeout=CONFIRM_TIMEOUT_S, headers=headers
            )
        )
        return PublishReceipt(
            durable=True,
            stream=ack.stream,
            sequence=ack.seq,
            duplicate=bool(ack.duplicate),
            bytes=len(payload),
        )

    async def _publish_core(
        self, payload: bytes, headers: dict[str, str], *, force: bool
    ) -> PublishReceipt:
        """Publish a task to the subscribed workers; a request fails at once if there are none."""
        rtt = self._connection.status.rtt_s
        limit = max(NO_RESPONDERS_TIMEOUT_S, 5 * (rtt or 0.0))
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
            pass  # it was delivered: workers do not reply
        except NotConnectedError:
            raise UnconfirmedError from None
        else:
            return _decode_reply(reply.data, len(payload))
        return PublishReceipt(
            durable=False, stream="", sequence=0, duplicate=False, bytes=len(payload)
        )

    async def _publish(self, request: Any) -> api.PubAck:
        try:
            ack: api.PubAck = await self._connection.request(request, self._subject)
        except (errors.TimeoutError, NotConnectedError):
            raise UnconfirmedError from None
        except (NoStreamResponseError, NoJetStreamError):
            raise NoConsumersError(self._subject, durable=False) from None
        except APIError as error:
            code = getattr(error, "err_code", None)  # some of its subclasses have none
            raise _rejected(code, error.description or str(error)) from None
        return ack


def _rejected(code: int | None, reason: str) -> UserFacingError:
    if code == _STREAM_FULL_CODE:
        return UserFacingError(
            _("The queue is full"),
            _("its stream accepts no more tasks ({reason}); this one was not stored.").format(
                reason=reason
            ),
            _("Start workers, or more of them, and try again, or raise the stream's limit."),
        )
    return UserFacingError(_("The server rejected the task"), f"{reason}.")


class _Rejection(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Reply(msgspec.Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _Rejection | None = None


def _decode_reply(data: bytes, size: int) -> PublishReceipt:
    """Decode a reply to a task: of a stream that this user may not see, or of another subscriber.

    Raises:
        UserFacingError: the stream rejects the task.
    """
    try:
        reply = msgspec.json.decode(data, type=_Reply)
    except (msgspec.DecodeError, UnicodeDecodeError):
        reply = _Reply()
    if reply.error is not None and reply.stream:
        raise _rejected(reply.error.err_code, reply.error.description)
    return PublishReceipt(bool(reply.stream), reply.stream, reply.seq, reply.duplicate, size)
