"""Task queue on JetStream: taskiq-nats' pull broker with its delivery problems fixed.

The `listen()` of taskiq-nats hangs after a server restart, lets JetStream redeliver a long task
to a second worker, and drops messages that it cannot decode. Here tasks are pulled with deadlines
(`PullConsumer`), kept alive while they run, and each of them gets a result.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from typing import Final

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import NoStreamResponseError, NotFoundError, ServiceUnavailableError
from taskiq import BrokerMessage
from taskiq_nats import PullBasedJetStreamBroker

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.nats_client.permission_violations import PermissionViolation, parse_violation
from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT
from pulse_workers.brokers.base_broker import REQUEUE, BaseBroker, message_headers
from pulse_workers.brokers.pull_consumer import PullConsumer, next_subject
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.execution.delivery import (
    DeliveredMessage,
    Delivery,
    StreamDelivery,
    as_message,
)
from pulse_workers.runtime.connection import ConnectionLog, connect_options, limit_connect_time
from pulse_workers.runtime.provisioning import ensure_task_consumer, provision

logger = logging.getLogger("pulse.workers.broker")

PUBLISH_TIMEOUT_S: Final = 25.0
"""How long publishing a task is retried. The election of a leader in a cluster takes less; the
stream's duplicate window, in which a repeated task is recognized, is much longer."""
_MIN_RETRY_DELAY_S: Final = 0.1
_MAX_RETRY_DELAY_S: Final = 2.0
_STREAM_FULL: Final = frozenset({10023, 10047, 10077})
"""Error codes of an "unavailable" response for lack of space: retrying does not help."""


class JetStreamBroker(BaseBroker, PullBasedJetStreamBroker):  # type: ignore[misc] # its client
    """Publishes tasks to the task stream, and pulls them one slot at a time.

    Attributes:
        ack_wait: the consumer's, in seconds; updated when the consumer changes.
        connected_at: a server that was killed before this time may have lost acknowledgements.
    """

    kind = "jetstream"
    persists_tasks = True

    def __init__(self, settings: Settings) -> None:
        self._log = ConnectionLog("tasks")
        super().__init__(
            settings.servers,
            subject=TASK_SUBJECT,
            stream_name=TASK_STREAM,
            durable=TASK_CONSUMER,
            pull_consume_timeout=settings.pull_timeout,
            **connect_options(
                settings,
                "tasks",
                self._log,
                error_cb=self.on_error,
                reconnected_cb=self._on_reconnected,
                permitted_cb=self._on_permitted,
            ),
        )
        self.configure(settings)
        self.ack_wait = settings.ack_wait
        self._received: asyncio.Queue[StreamDelivery | None] = asyncio.Queue()
        self._pull: PullConsumer | None = None
        self._pulling: asyncio.Task[None] | None = None
        self._background: list[asyncio.Task[None]] = []
        self._ack_wait_changed = asyncio.Event()
        self._stopping = False

    async def _add_or_reuse_stream(self) -> None:
        """Do nothing: `provisioning` has created the stream, with limits."""

    async def _startup_consumer(self) -> None:
        """Do nothing: `startup` creates the consumer once there is a connection."""

    async def startup(self) -> None:
        """Connect, and as a worker read the consumer's ack wait.

        Raises:
            ConnectionFailedError: no connection in time.
        """
        async with limit_connect_time(self.settings, self._log):
            await super().startup()
        self.connected_at = time.time()
        await self.observe_heartbeats()
        if self.is_worker_process:
            self.ack_wait = await ensure_task_consumer(self.js, self.settings)

    async def kick(self, message: BrokerMessage) -> None:
        """Store a task in the stream, once, even if the acknowledgement is lost and it is resent.

        A stream without a leader and a lost response are retried for `PUBLISH_TIMEOUT_S` in all.
        """
        requeued = message.labels.get(REQUEUE)
        message_id = f"{message.task_id}.{requeued}" if requeued else message.task_id
        headers = {**message_headers(message.labels), "Nats-Msg-Id": message_id}
        deadline = time.monotonic() + PUBLISH_TIMEOUT_S
        backoff = Backoff(_MIN_RETRY_DELAY_S, _MAX_RETRY_DELAY_S)
        while True:
            try:
                await self.js.publish(self.subject, payload=message.message, headers=headers)
            except (NatsTimeoutError, NoStreamResponseError, ServiceUnavailableError) as error:
                delay = backoff.next_delay()
                full = isinstance(error, ServiceUnavailableError) and error.err_code in _STREAM_FULL
                if full or time.monotonic() + delay >= deadline:
                    raise
                await asyncio.sleep(delay)
            else:
                return

    async def listen(self) -> AsyncGenerator[DeliveredMessage, None]:
        """Yield tasks, never more at a time than there are slots."""
        self._background = [
            asyncio.create_task(self._keep_alive(), name="keep-alive"),
            asyncio.create_task(self._poll_ack_wait(), name="ack wait"),
        ]
        if not self.paused:
            self._start_pulling()
        while (delivery := await self._received.get()) is not None:
            yield as_message(delivery)

    @property
    def _pull_violation(self) -> PermissionViolation:
        return PermissionViolation("publish", next_subject(self.stream_name, self.durable))

    @property
    def pending(self) -> int:
        """Always 0: tasks stay in the stream until there is a slot."""
        return 0

    async def pause(self) -> str:
        """Pull no more until `resume`; tasks pulled and not yet started are requeued."""
        self.paused = True
        await self._stop_pulling()
        return ""

    async def resume(self) -> None:
        """Pull again."""
        self.paused = False
        self._start_pulling()

    async def stop_consuming(self) -> None:
        """Stop pulling, and requeue the tasks that were not started."""
        self._stopping = True
        await self._stop_pulling()
        self._received.put_nowait(None)

    async def has_workers(self) -> bool:
        """Return True: the stream keeps tasks."""
        return True

    async def can_requeue(self, delivery: Delivery) -> bool:  # noqa: ARG002
        """Return True: the stream keeps requeued tasks."""
        return True

    async def requeue_pending(self) -> int:
        """Return 0: no task is pending in this process."""
        return 0

    async def wait_until_drained(self) -> None:
        """Return at once: the stream keeps the tasks that are in progress here."""

    def take_pending(self) -> list[Delivery]:
        """Return an empty list: no task is pending in this process."""
        return []

    def take_task(self, task_id: str) -> Delivery | None:  # noqa: ARG002 - used by the core broker
        """Return None: no task is pending in this process."""
        return None

    async def shutdown(self) -> None:
        """Stop background work, flush, and close."""
        pulling = [self._pulling] if self._pulling is not None else []
        await cancel_and_wait(*self._background, *pulling)
        await super().shutdown()

    def _start_pulling(self) -> None:
        if self._pulling is not None or self._stopping:
            return
        self._pull = PullConsumer(
            self.client,
            self.stream_name,
            self.durable,
            expires=self.settings.pull_timeout,
            capacity=lambda: self.settings.slots - len(self.active),
            on_message=self._receive,
            on_error=self._restore_consumer,
        )
        self._pulling = asyncio.create_task(self._pull.run(), name="pull requests")

    async def _stop_pulling(self) -> None:
        pull, pulling = self._pull, self._pulling
        self._pull = self._pulling = None
        if pull is not None and pulling is not None:
            await pull.stop()
            await cancel_and_wait(pulling)
        while not self._received.empty():
            delivery = self._received.get_nowait()
            if delivery is not None:
                await delivery.requeue()

    async def _receive(self, message: Msg) -> None:
        """Queue a delivered task; a redelivery of a task in progress only replaces its message."""
        delivery = StreamDelivery(message, self._finish)
        known = self.active.get(delivery.sequence)
        if isinstance(known, StreamDelivery):
            known.replace_message(message)
            return
        self.active[delivery.sequence] = delivery
        self._received.put_nowait(delivery)

    def _finish(self, delivery: Delivery) -> None:
        if self.active.get(delivery.sequence) is delivery:
            del self.active[delivery.sequence]
            if self._pull is not None:
                self._pull.wake()

    async def _keep_alive(self) -> None:
        """Reset the ack wait of the tasks in progress, three times per ack wait."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self.ack_wait / 3
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._ack_wait_changed.wait()
            self._ack_wait_changed.clear()
            self._warn_if_blocked(loop.time() - due)
            if not self.client.is_connected:
                continue
            for delivery in list(self.active.values()):
                try:
                    if isinstance(delivery, StreamDelivery):
                        await delivery.keep_alive()
                except OUTAGE_ERRORS as error:
                    logger.debug("keep-alive: %s", error)
                    break

    def _warn_if_blocked(self, late: float) -> None:
        """Warn when a task blocked the event loop, so that no keep-alive could be sent."""
        if late > self.ack_wait / 3 and self.active:
            logger.warning(
                "the event loop was blocked for %.1f s of an ack wait of %g s: an `async def` task "
                "computes or blocks without an `await`; in progress: %s. Tasks may run twice",
                late,
                self.ack_wait,
                ", ".join(sorted(delivery.task_id for delivery in self.active.values())),
            )

    async def _poll_ack_wait(self) -> None:
        """Read the consumer's ack wait regularly: an operator may change it."""
        while True:
            await asyncio.sleep(self.settings.heartbeat_interval)
            try:
                info = await self.js.consumer_info(self.stream_name, self.durable)
            except OUTAGE_ERRORS as error:
                logger.debug("ack wait not read: %s", error)
                continue
            ack_wait = info.config.ack_wait
            if ack_wait and ack_wait != self.ack_wait:
                logger.info("the ack wait is now %g s, it was %g s", ack_wait, self.ack_wait)
                self.ack_wait = ack_wait
                self._ack_wait_changed.set()

    async def _restore_consumer(self) -> None:
        """Create the consumer again if it was deleted, with all streams if its stream was.

        The other streams are left alone otherwise: one without a leader must not hold up tasks.
        """
        try:
            self.ack_wait = await ensure_task_consumer(self.js, self.settings)
        except NotFoundError:
            self.ack_wait = (await provision(self.js, self.settings)).ack_wait

    async def on_error(self, error: Exception) -> None:
        """Log a connection error, and request no tasks while they cannot be received."""
        await super().on_error(error)
        violation = parse_violation(str(error))
        if violation is not None and violation.action == "subscribe" and self._pull is not None:
            self._pull.on_subscription(violation.subject, permitted=False)

    async def _on_permitted(self, violation: PermissionViolation) -> None:
        await self._log.on_permitted(violation)
        if self._pull is not None:
            self._pull.on_subscription(violation.subject, permitted=True)

    async def _on_reconnected(self) -> None:
        await self._log.on_reconnected()
        self.connected_at = time.time()
        if self._pull is not None:
            self._pull.reset()
