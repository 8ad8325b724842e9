"""Pull requests to JetStream: never more tasks than there is capacity for, each with a deadline.

The `fetch()` of nats-py loses track of a request across a reconnect (without a limit it waits for
ever), cannot request the next message while one is being processed, and leaves late messages in a
queue where they are never acknowledged. Here a request is a small record with a deadline, and
every message received is either passed on or requeued.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.backoff import Backoff
from pulse_workers.errors import OUTAGE_ERRORS, WorkerError

logger = logging.getLogger("pulse.workers.pull")

_GRACE_S: Final = 2.0
"""How long a request is kept after it has expired on the server."""
_MIN_BACKOFF_S: Final = 0.2
_MAX_BACKOFF_S: Final = 5.0
_MIN_WAIT_S: Final = 0.01
_DISCONNECTED_WAIT_S: Final = 0.5
_RESTORE_WAIT_S: Final = 1.0
"""How long a request waits for the consumer to be restored, which usually takes milliseconds."""
_EXPIRED_STATUSES: Final = frozenset({"404", "408"})
_FLOW_CONTROL_STATUSES: Final = frozenset({"100"})
_ACK_PREFIX: Final = "$JS.ACK."


class _Request:
    __slots__ = ("deadline", "remaining")

    def __init__(self, batch: int, deadline: float) -> None:
        self.remaining = batch
        self.deadline = deadline


def next_subject(stream: str, consumer: str) -> str:
    """Return the subject of pull requests to a consumer."""
    return f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"


class PullConsumer:
    """Keeps as many tasks requested as there is capacity for."""

    def __init__(
        self,
        client: Client,
        stream: str,
        consumer: str,
        *,
        expires: float,
        capacity: Callable[[], int],
        on_message: Callable[[Msg], Awaitable[None]],
        on_error: Callable[[], Awaitable[None]],
    ) -> None:
        """Configure the requests.

        Args:
            client: a connected client.
            stream: the task stream.
            consumer: its durable pull consumer.
            expires: seconds until a request expires on the server.
            capacity: returns how many more tasks can be started now.
            on_message: called with each message; responsible for its acknowledgement from then on.
            on_error: restores the consumer; called after the server has rejected a request, and
                never twice at a time. Requests go on meanwhile, so it may take any time.
        """
        self._client = client
        self._subject = next_subject(stream, consumer)
        self._expires = expires
        self._capacity = capacity
        self._on_message = on_message
        self._on_error = on_error
        self._requests: dict[str, _Request] = {}
        self._inbox = client.new_inbox()
        self._count = 0
        self._rejected = False
        self._rejections = 0
        self._refused = False
        self._backoff = Backoff(_MIN_BACKOFF_S, _MAX_BACKOFF_S)
        self._changed = asyncio.Event()
        self._subscription: Subscription | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._stopping = False

    def wake(self) -> None:
        """Check the capacity again now."""
        self._changed.set()

    def reset(self) -> None:
        """Discard open requests: after a reconnect the server does not know them."""
        self._requests.clear()
        self._changed.set()

    def on_subscription(self, subject: str, *, permitted: bool) -> None:
        """Request nothing while the server refuses the subscription to the replies.

        Args:
            subject: what is refused, or permitted again.
            permitted: which of the two.
        """
        if subject == f"{self._inbox}.*":
            self._refused = not permitted
            self.reset()

    async def run(self) -> None:
        """Request tasks until stopped; continue after server restarts and rejected requests."""
        self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._receive)
        try:
            while not self._stopping:
                self._changed.clear()
                try:
                    if self._rejected:
                        await self._back_off()
                    await self._request()
                except OUTAGE_ERRORS as error:
                    logger.debug("cannot request tasks: %s", error)
                except Exception:
                    logger.exception("cannot request tasks, retrying")
                    self._rejected = True
                    self._rejections += 1
                await self._wait(self._time_to_next_deadline())
        finally:
            if self._restoring is not None:
                await cancel_and_wait(self._restoring)

    async def stop(self) -> None:
        """Stop requesting and requeue messages in flight; return when none can arrive any more."""
        self._stopping = True
        self._changed.set()
        if self._subscription is not None and self._client.is_connected:
            with contextlib.suppress(*OUTAGE_ERRORS):
                async with asyncio.timeout(_GRACE_S):
                    await self._subscription.drain()  # type: ignore[no-untyped-call]

    async def _request(self) -> None:
        now = time.monotonic()
        self._requests = {k: r for k, r in self._requests.items() if r.deadline > now}
        if self._refused or not self._client.is_connected:
            return
        outstanding = sum(request.remaining for request in self._requests.values())
        missing = self._capacity() - outstanding
        if missing <= 0 or (outstanding and missing < outstanding):
            return  # one request for several tasks is cheaper than several for one
        self._count += 1
        name = str(self._count)
        self._requests[name] = _Request(missing, now + self._expires + _GRACE_S)
        body = {"batch": missing, "expires": int(self._expires * 1e9)}
        await self._client.publish(
            self._subject, json.dumps(body).encode(), reply=f"{self._inbox}.{name}"
        )

    async def _receive(self, message: Msg) -> None:
        """Process a message of the inbox: a task, or the status that ends a request."""
        status = message.headers.get("Status") if message.headers else None
        name = message.subject.rpartition(".")[2]
        if message.reply.startswith(_ACK_PREFIX):  # a task may have a header of that name
            await self._take(message)
            return
        if status in _FLOW_CONTROL_STATUSES:
            return
        self._requests.pop(name, None)
        if status in _EXPIRED_STATUSES:
            self._accepted()
        else:
            self._rejected = True
            self._rejections += 1
            if self._rejections == 1:
                description = (message.headers or {}).get("Description", "no responders")
                logger.warning("request for tasks rejected: %s %s", status, description)
        self._changed.set()

    async def _take(self, message: Msg) -> None:
        self._accepted()
        for request in self._requests.values():  # the server fulfills the oldest request first
            request.remaining -= 1
            break
        self._requests = {k: r for k, r in self._requests.items() if r.remaining > 0}
        if self._stopping:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await message.nak()
        else:
            await self._on_message(message)
        self._changed.set()

    def _accepted(self) -> None:
        self._rejections = 0
        self._backoff.reset()

    async def _back_off(self) -> None:
        """Wait longer after each rejection in a row, and let the owner restore the consumer.

        The next request does not wait until that succeeds: most rejections come from the election
        of a leader, after which the consumer is there, while the owner may wait for other streams.
        """
        self._rejected = False
        await asyncio.sleep(self._backoff.next_delay())
        if not self._client.is_connected or self._stopping:
            return
        if self._restoring is None or self._restoring.done():
            self._restoring = asyncio.create_task(self._restore(), name="restore the consumer")
        await asyncio.wait({self._restoring}, timeout=_RESTORE_WAIT_S)

    async def _restore(self) -> None:
        try:
            await self._on_error()
        except OUTAGE_ERRORS as error:
            logger.debug("the consumer is not restored yet: %s", error)
        except WorkerError as error:
            logger.warning("the consumer cannot be restored: %s", error)
        except Exception:
            logger.exception("the consumer cannot be restored")

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _time_to_next_deadline(self) -> float:
        if not self._requests:
            return self._expires if self._client.is_connected else _DISCONNECTED_WAIT_S
        next_deadline = min(request.deadline for request in self._requests.values())
        return max(_MIN_WAIT_S, next_deadline - time.monotonic())
