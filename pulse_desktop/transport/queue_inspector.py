"""Inspection of a task queue: its length and its consumers, as far as the server reports them."""

import time
from collections.abc import Callable
from dataclasses import replace

from nats import errors
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import NoJetStreamError, NotPermittedError, UserFacingError
from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.server_monitor import ServerMonitor
from pulse_desktop.transport.source_stream import subject_matches


class QueueInspector:
    """Reads the status of the queue of one task subject."""

    def __init__(
        self,
        connection: Connection,
        names: TaskiqNames,
        monitor: ServerMonitor,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            connection: run elsewhere.
            names: subject of the tasks and consumer of the workers.
            monitor: knows the subscribers of the subject.
            clock: Unix seconds.
        """
        self._connection = connection
        self._subject = names.subject
        self._consumer = names.consumer
        self._stream = names.stream
        self._monitor = monitor
        self._clock = clock

    async def status(self, *, has_live_workers: bool) -> QueueStatus:
        """Return the status of the queue.

        Args:
            has_live_workers: whether there are recent heartbeats of workers.

        Raises:
            UserFacingError: there is no connection, or JetStream is not ready.
            APIError: JetStream rejects a request.
            nats.errors.Error: no response.
        """
        try:
            js = self._connection.js
            stream = self._stream or await self._connection.request(
                js.find_stream_name_by_subject(self._subject), "$JS.API.STREAM.NAMES"
            )
            info = await self._connection.request(
                js.stream_info(stream), f"$JS.API.STREAM.INFO.{stream}"
            )
        except (NotFoundError, NoJetStreamError) as error:
            if self._stream and isinstance(error, NotFoundError):
                raise UserFacingError(
                    _("The stream of the tasks does not exist"),
                    _("there is no stream {stream}.").format(stream=self._stream),
                    _("Correct --stream (PULSE_TASK_STREAM), or leave it out to search it."),
                ) from None
            return await self._core_status(has_live_workers=has_live_workers)
        except NotPermittedError as error:
            if error.action == "reply":
                raise
            core = await self._core_status(has_live_workers=has_live_workers)
            return replace(core, mode="unknown", problem=error.detail)
        if info.config.no_ack:
            # It confirms no task, so no JetStream broker works with it: it keeps copies for the
            # history, and workers are subscribed to the subject.
            return await self._core_status(has_live_workers=has_live_workers)
        consumer = await self._find_consumer(stream)
        # An interest stream keeps nothing without a consumer.
        durable = consumer is not None or info.config.retention != api.RetentionPolicy.INTEREST
        status = QueueStatus("jetstream", durable=durable, subject=self._subject, stream=stream)
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
        """Return the consumer that workers share: the named one, else any that acknowledges."""
        js = self._connection.js
        missing = False
        try:
            return await self._connection.request(
                js.consumer_info(stream, self._consumer),
                f"$JS.API.CONSUMER.INFO.{stream}.{self._consumer}",
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
            if missing:  # of a user who may query the named one only
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
        return QueueStatus(
            "core", subject=self._subject, consumers=consumers, has_consumers=has_consumers
        )
