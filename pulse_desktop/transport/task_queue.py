"""The task queue: its status, and the publishing of tasks.

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
from nats.js.errors import APIError, NoStreamResponseError

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
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.queue_inspector import QueueInspector
from pulse_desktop.transport.server_monitor import ServerMonitor

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
        names: TaskiqNames = TaskiqNames(),  # noqa: B008 - a frozen value
        monitor_url: str | None = None,
        *,
        monitor: ServerMonitor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe the queue.

        Args:
            connection: run elsewhere.
            names: subject of the tasks and consumer of the workers.
            monitor_url: the server's HTTP monitoring endpoint, which knows the subscribers.
            monitor: the same, closed elsewhere; then `monitor_url` is ignored.
            clock: Unix seconds.
        """
        self._connection = connection
        self._subject = names.subject
        self._monitor = monitor or ServerMonitor(monitor_url)
        self._inspector = QueueInspector(connection, names, self._monitor, clock=clock)

    async def close(self) -> None:
        """Close the client of the monitoring endpoint."""
        await self._monitor.close()

    async def status(self, *, has_live_workers: bool = False) -> QueueStatus:
        """Return the status of the queue. Never raises: unknown values are None, with a `problem`.

        Args:
            has_live_workers: whether there are recent heartbeats of workers.
        """
        try:
            return await self._inspector.status(has_live_workers=has_live_workers)
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
            NotPermittedError: the server refuses the subject, or replies; nothing was sent.
            UnconfirmedError: it was sent and may or may not have arrived.
            UserFacingError: the server refused it, with its reason.
        """
        client = self._connection.client
        sent_headers = {**(headers or {}), MSG_ID: task_id}
        self._check_size(payload, sent_headers, client.max_payload)
        try:
            status = await self._inspector.status(has_live_workers=has_live_workers)
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
        timeout_s = max(NO_RESPONDERS_TIMEOUT_S, 5 * (rtt or 0.0))
        try:
            reply = await self._connection.request(
                self._connection.client.request(
                    self._subject, payload, timeout=timeout_s, headers=headers
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
        except NotPermittedError as error:
            raise _after_sending(error) from None
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
        except NotPermittedError as error:
            raise _after_sending(error) from None
        except (NoStreamResponseError, NoJetStreamError):
            raise NoConsumersError(self._subject, durable=False) from None
        except APIError as error:
            code = getattr(error, "err_code", None)  # some of its subclasses have none
            raise _rejected(code, error.description or str(error)) from None
        return ack


def _after_sending(error: NotPermittedError) -> UserFacingError:
    """Return the error of a task that was refused, or that was sent and whose reply is refused."""
    return UnconfirmedError() if error.action == "reply" else error


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
