"""The task queue as workers use it: TaskIQ's pull broker with its holes closed.

taskiq-nats' own `listen()` hangs after a server restart, lets JetStream hand a long task to a
second worker, and drops what it cannot read. Here tasks are asked for with deadlines
(`PullRequests`), kept alive while they are worked on, and every one of them is answered for.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from typing import Any, Final

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from taskiq import AsyncTaskiqDecoratedTask, BrokerMessage
from taskiq_nats import PullBasedJetStreamBroker

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT
from workers.connection import OUTAGE_ERRORS, ConnectionLog, connect_options
from workers.delivery import DeliveredMessage, Delivery, current_delivery
from workers.errors import UnknownTaskNameError
from workers.formatter import SalvagingFormatter
from workers.provisioning import ensure_task_consumer, provision
from workers.pull import PullRequests
from workers.settings import Settings

logger = logging.getLogger("pulse.workers.broker")

_PUBLISH_TRIES: Final = 5
_REQUEUE: Final = "X-Taskiq-requeue"


class PulseBroker(PullBasedJetStreamBroker):
    """Sends tasks, and fetches them one slot at a time.

    Attributes:
        active: deliveries being worked on, by their place in the task stream.
        ack_wait: the consumer's, in seconds.
        connected_at: Unix seconds of the last connection or reconnection. A server that was
            killed may have forgotten which of the tasks from before were answered.
    """

    def __init__(self, settings: Settings) -> None:
        self._log = ConnectionLog("tasks")
        super().__init__(
            settings.servers,
            subject=TASK_SUBJECT,
            stream_name=TASK_STREAM,
            durable=TASK_CONSUMER,
            pull_consume_timeout=settings.pull_timeout,
            **connect_options(settings, "tasks", self._log, reconnected_cb=self._on_reconnected),
        )
        self.settings = settings
        self.formatter = SalvagingFormatter()
        self.active: dict[int, Delivery] = {}
        self.ack_wait = settings.ack_wait
        self.connected_at = 0.0
        self._refusing_task: AsyncTaskiqDecoratedTask[Any, Any] = AsyncTaskiqDecoratedTask(
            broker=self, task_name="refused", original_func=_refuse, labels={}
        )
        self._arrived: asyncio.Queue[Delivery] = asyncio.Queue()
        self._pull: PullRequests | None = None
        self._background: list[asyncio.Task[None]] = []

    async def _add_or_reuse_stream(self) -> None:
        """Do nothing: streams are made with limits before (`provisioning`)."""

    async def _startup_consumer(self) -> None:
        """Learn how long the consumer waits for an answer. Only a worker needs one."""
        self.connected_at = time.time()
        if self.is_worker_process:
            self.ack_wait = await ensure_task_consumer(self.js, self.settings)

    async def kick(self, message: BrokerMessage) -> None:
        """Store a task in the queue: once, even if the server's answer is lost and it is resent."""
        requeued = message.labels.get(_REQUEUE)
        identity = f"{message.task_id}.{requeued}" if requeued else message.task_id
        headers = {**_headers(message.labels), "Nats-Msg-Id": identity}
        for attempt in range(1, _PUBLISH_TRIES + 1):
            try:
                await self.js.publish(self.subject, payload=message.message, headers=headers)
            except NatsTimeoutError:
                if attempt == _PUBLISH_TRIES:
                    raise
            else:
                return

    async def listen(self) -> AsyncGenerator[DeliveredMessage, None]:
        """Yield tasks, never more at a time than there are slots."""
        self._pull = PullRequests(
            self.client,
            self.stream_name,
            self.durable,
            expires=self.settings.pull_timeout,
            room=lambda: self.settings.slots - len(self.active),
            on_message=self._take,
            on_refused=self._mend_consumer,
        )
        self._background = [
            asyncio.create_task(self._pull.run(), name="pull requests"),
            asyncio.create_task(self._keep_alive(), name="keep-alive"),
        ]
        while True:
            delivery = await self._arrived.get()
            yield DeliveredMessage(data=delivery.data, ack=delivery.settle, delivery=delivery)

    async def stop_fetching(self) -> None:
        """Ask for no more tasks, and give back at once those that were not started."""
        if self._pull is not None:
            await self._pull.stop()
        while not self._arrived.empty():
            await self._arrived.get_nowait().give_back()

    async def shutdown(self) -> None:
        """Send what is to be sent, and close."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self.client.is_connected:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await self.client.flush(2)
        await super().shutdown()

    def find_task(self, task_name: str) -> AsyncTaskiqDecoratedTask[Any, Any] | None:
        """Return a task by name; for one that must not or cannot run, a task that says why.

        TaskIQ drops messages with unknown names without an answer: whoever waits for the result
        would wait for ever.
        """
        delivery = current_delivery.get()
        task = super().find_task(task_name)
        if delivery is None:
            return task
        if delivery.refusal is None:
            if task is not None:
                return task
            delivery.refusal = UnknownTaskNameError(task_name, list(self.get_all_tasks()))
        return self._refusing_task

    async def _take(self, message: Msg) -> None:
        """Take a task over, or note that one we already have was delivered once more."""
        delivery = Delivery(message, self._end)
        known = self.active.get(delivery.stream_sequence)
        if known is not None:
            known.renew(message)
            return
        self.active[delivery.stream_sequence] = delivery
        self._arrived.put_nowait(delivery)

    def _end(self, delivery: Delivery) -> None:
        if self.active.get(delivery.stream_sequence) is delivery:
            del self.active[delivery.stream_sequence]
            if self._pull is not None:
                self._pull.wake()

    async def _keep_alive(self) -> None:
        """Tell the server three times per ack wait which tasks are being worked on."""
        while True:
            await asyncio.sleep(self.ack_wait / 3)
            if not self.client.is_connected:
                continue
            for delivery in list(self.active.values()):
                try:
                    await delivery.keep_alive()
                except OUTAGE_ERRORS as error:
                    logger.debug("keep-alive: %s", error)
                    break

    async def _mend_consumer(self) -> None:
        """Make anew what somebody may have deleted."""
        self.ack_wait = (await provision(self.js, self.settings)).ack_wait

    async def _on_reconnected(self) -> None:
        await self._log.on_reconnected()
        self.connected_at = time.time()
        if self._pull is not None:
            self._pull.forget()


async def _refuse(*_args: object, **_kwargs: object) -> None:
    """Fail with the reason why the task is not run."""
    delivery = current_delivery.get()
    raise (delivery.refusal if delivery else None) or RuntimeError("refused without a reason")


def _headers(labels: dict[str, Any]) -> dict[str, str]:
    """Return the labels that can be NATS headers and are no commands to JetStream."""
    return {
        key: str(value)
        for key, value in labels.items()
        if key.isascii()
        and key.replace("-", "").replace("_", "").isalnum()
        and not key.lower().startswith("nats-")
        and str(value).isprintable()
    }
