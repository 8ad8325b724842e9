"""The task queue as workers use it: TaskIQ's pull broker with its holes closed.

taskiq-nats' own `listen()` hangs after a server restart, lets JetStream hand a long task to a
second worker, and drops what it cannot read. Here tasks are asked for with deadlines
(`PullConsumer`), kept alive while they are worked on, and every one of them is answered for.
"""

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import AsyncGenerator
from typing import Final

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import NoStreamResponseError, ServiceUnavailableError
from taskiq import BrokerMessage
from taskiq_nats import PullBasedJetStreamBroker

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.permission_violations import PermissionViolation
from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT
from pulse_workers.brokers.base_broker import REQUEUE, BaseBroker, message_headers
from pulse_workers.brokers.delivery import (
    DeliveredMessage,
    Delivery,
    StreamDelivery,
    as_message,
)
from pulse_workers.brokers.pull_consumer import PullConsumer, next_subject
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.connection import (
    OUTAGE_ERRORS,
    ConnectionLog,
    connect_options,
    connecting,
)
from pulse_workers.runtime.provisioning import ensure_task_consumer, provision

logger = logging.getLogger("pulse.workers.broker")

SEND_LIMIT: Final = 25.0
"""For how long a task is offered to a queue that does not take it, in seconds. The election of a
leader in a cluster takes less; the queue recognises a task that was sent before for much longer."""
_SEND_AGAIN: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_FULL: Final = frozenset({10023, 10047, 10077})
"""What JetStream calls "unavailable" for want of room: the next moment will bring none."""


class JetStreamBroker(BaseBroker, PullBasedJetStreamBroker):  # type: ignore[misc] # its client
    """Sends tasks to the task stream, and fetches them one slot at a time.

    Attributes:
        ack_wait: the consumer's, in seconds; read again with each heartbeat.
        connected_at: a server that was killed before that may have forgotten which tasks were
            answered.
    """

    kind = "jetstream"
    keeps_tasks = True

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
            ),
        )
        self.set_up(settings)
        self.ack_wait = settings.ack_wait
        self._arrived: asyncio.Queue[StreamDelivery | None] = asyncio.Queue()
        self._pull: PullConsumer | None = None
        self._pulling: asyncio.Task[None] | None = None
        self._beside: list[asyncio.Task[None]] = []
        self._ack_wait_changed = asyncio.Event()
        self._stopping = False

    async def _add_or_reuse_stream(self) -> None:
        """Do nothing: streams are made with limits before (`provisioning`)."""

    async def _startup_consumer(self) -> None:
        """Do nothing: it is made once there is a connection (`startup`)."""

    async def startup(self) -> None:
        """Connect, and as a worker learn how long the consumer waits for an answer.

        Raises:
            CannotConnectError: no connection in time.
        """
        async with connecting(self.settings, self._log):
            await super().startup()
        self.connected_at = time.time()
        if self.is_worker_process:
            self.ack_wait = await ensure_task_consumer(self.js, self.settings)

    async def kick(self, message: BrokerMessage) -> None:
        """Store a task in the queue: once, even if the server's answer is lost and it is resent.

        A queue that has no leader at the moment is waited for, as is an answer: `SEND_LIMIT` in
        all.
        """
        requeued = message.labels.get(REQUEUE)
        identity = f"{message.task_id}.{requeued}" if requeued else message.task_id
        headers = {**message_headers(message.labels), "Nats-Msg-Id": identity}
        deadline = time.monotonic() + SEND_LIMIT
        for attempt in itertools.count():
            try:
                await self.js.publish(self.subject, payload=message.message, headers=headers)
            except (NatsTimeoutError, NoStreamResponseError, ServiceUnavailableError) as error:
                pause = _SEND_AGAIN[min(attempt, len(_SEND_AGAIN) - 1)]
                full = isinstance(error, ServiceUnavailableError) and error.err_code in _FULL
                if full or time.monotonic() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def listen(self) -> AsyncGenerator[DeliveredMessage, None]:
        """Yield tasks, never more at a time than there are slots."""
        self._beside = [
            asyncio.create_task(self._keep_alive(), name="keep-alive"),
            asyncio.create_task(self._follow_ack_wait(), name="ack wait"),
        ]
        if not self.paused:
            self._start_pulling()
        while (delivery := await self._arrived.get()) is not None:
            yield as_message(delivery)

    @property
    def _takes_by(self) -> PermissionViolation:
        return PermissionViolation("publish", next_subject(self.stream_name, self.durable))

    @property
    def waiting(self) -> int:
        """Nothing waits here: tasks stay in the stream until there is a slot."""
        return 0

    async def pause(self) -> str:
        """Fetch no more until `resume`; what was fetched and not started is given back."""
        self.paused = True
        await self._stop_pulling()
        return ""

    async def resume(self) -> None:
        """Fetch again."""
        self.paused = False
        self._start_pulling()

    async def stop_fetching(self) -> None:
        """Ask for no more tasks, and give back at once those that were not started."""
        self._stopping = True
        await self._stop_pulling()
        self._arrived.put_nowait(None)

    async def can_give_back(self) -> bool:
        """Tell that the stream keeps what is given back."""
        return True

    async def give_back_rest(self) -> int:
        """Tell that nothing waits here."""
        return 0

    def take_rest(self) -> list[Delivery]:
        """Tell that nothing waits here."""
        return []

    def take_out(self, task_id: str) -> Delivery | None:  # noqa: ARG002 - the base has a use for it
        """Tell that nothing waits here."""
        return None

    async def shutdown(self) -> None:
        """Send what is to be sent, and close."""
        await cancel_and_wait(
            *self._beside, *([self._pulling] if self._pulling is not None else [])
        )
        await super().shutdown()

    def _start_pulling(self) -> None:
        if self._pulling is not None or self._stopping:
            return
        self._pull = PullConsumer(
            self.client,
            self.stream_name,
            self.durable,
            expires=self.settings.pull_timeout,
            room=lambda: self.settings.slots - len(self.active),
            on_message=self._take,
            on_refused=self._mend_consumer,
        )
        self._pulling = asyncio.create_task(self._pull.run(), name="pull requests")

    async def _stop_pulling(self) -> None:
        pull, pulling = self._pull, self._pulling
        self._pull = self._pulling = None
        if pull is not None and pulling is not None:
            await pull.stop()
            await cancel_and_wait(pulling)
        while not self._arrived.empty():
            delivery = self._arrived.get_nowait()
            if delivery is not None:
                await delivery.give_back()

    async def _take(self, message: Msg) -> None:
        """Take a task over, or note that one we already have was delivered once more."""
        delivery = StreamDelivery(message, self._end)
        known = self.active.get(delivery.place)
        if isinstance(known, StreamDelivery):
            known.renew(message)
            return
        self.active[delivery.place] = delivery
        self._arrived.put_nowait(delivery)

    def _end(self, delivery: Delivery) -> None:
        if self.active.get(delivery.place) is delivery:
            del self.active[delivery.place]
            if self._pull is not None:
                self._pull.wake()

    async def _keep_alive(self) -> None:
        """Tell the server three times per ack wait which tasks are being worked on."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self.ack_wait / 3
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._ack_wait_changed.wait()
            self._ack_wait_changed.clear()
            self._tell_if_late(loop.time() - due)
            if not self.client.is_connected:
                continue
            for delivery in list(self.active.values()):
                try:
                    if isinstance(delivery, StreamDelivery):
                        await delivery.keep_alive()
                except OUTAGE_ERRORS as error:
                    logger.debug("keep-alive: %s", error)
                    break

    def _tell_if_late(self, late: float) -> None:
        """Warn of a task that keeps the server from hearing that tasks are being worked on."""
        if late > self.ack_wait / 3 and self.active:
            logger.warning(
                "nothing could be sent for %.1f s of an ack wait of %g s: an `async def` task "
                "computes or blocks without an `await`; at work: %s. Tasks may be run twice",
                late,
                self.ack_wait,
                ", ".join(sorted(one.task_id for one in self.active.values())),
            )

    async def _follow_ack_wait(self) -> None:
        """Notice when somebody changes the consumer."""
        while True:
            await asyncio.sleep(self.settings.heartbeat_interval)
            try:
                info = await self.js.consumer_info(self.stream_name, self.durable)
            except OUTAGE_ERRORS as error:
                logger.debug("ack wait not read: %s", error)
                continue
            found = info.config.ack_wait
            if found and found != self.ack_wait:
                logger.info("the ack wait is now %g s, it was %g s", found, self.ack_wait)
                self.ack_wait = found
                self._ack_wait_changed.set()

    async def _mend_consumer(self) -> None:
        """Make anew what somebody may have deleted."""
        self.ack_wait = (await provision(self.js, self.settings)).ack_wait

    async def _on_reconnected(self) -> None:
        await self._log.on_reconnected()
        self.connected_at = time.time()
        if self._pull is not None:
            self._pull.forget()
