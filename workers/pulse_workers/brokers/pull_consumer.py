"""Asking JetStream for tasks: never more than can be started, and never waiting for nothing.

nats-py's `fetch()` loses track of a request across a reconnect (without a limit it waits for
ever), cannot ask for the next message while one is being handed over, and leaves messages that
come too late lying in a queue where nobody answers for them. Here a request is a small record
with a deadline, and every message that arrives is either handed on or given back.
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

from pulse_workers.runtime.connection import OUTAGE_ERRORS

logger = logging.getLogger("pulse.workers.pull")

_GRACE: Final = 2.0
"""How much longer than the server a request is waited for, in seconds."""
_BACK_OFF: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_EXPIRED: Final = frozenset({"404", "408"})
_FLOW: Final = frozenset({"100"})


class _Request:
    __slots__ = ("deadline", "remaining")

    def __init__(self, batch: int, deadline: float) -> None:
        self.remaining = batch
        self.deadline = deadline


def next_subject(stream: str, consumer: str) -> str:
    """Return the subject on which tasks are asked for."""
    return f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"


class PullConsumer:
    """Keeps as many tasks requested as there is room for."""

    def __init__(
        self,
        client: Client,
        stream: str,
        consumer: str,
        *,
        expires: float,
        room: Callable[[], int],
        on_message: Callable[[Msg], Awaitable[None]],
        on_refused: Callable[[], Awaitable[None]],
    ) -> None:
        """Describe the requests.

        Args:
            client: a connected client.
            stream: the task stream.
            consumer: its durable pull consumer.
            expires: seconds a request may wait on the server.
            room: how many more tasks can be started now.
            on_message: takes a message over; it answers for it from then on.
            on_refused: called when the server refuses a request, before the next attempt.
        """
        self._client = client
        self._subject = next_subject(stream, consumer)
        self._expires = expires
        self._room = room
        self._on_message = on_message
        self._on_refused = on_refused
        self._requests: dict[str, _Request] = {}
        self._inbox = client.new_inbox()
        self._count = 0
        self._refused = False
        self._refusals = 0
        self._changed = asyncio.Event()
        self._subscription: Subscription | None = None
        self._stopping = False

    def wake(self) -> None:
        """Look again whether there is room."""
        self._changed.set()

    def forget(self) -> None:
        """Drop what was asked for: after a reconnect the server knows nothing of it."""
        self._requests.clear()
        self._changed.set()

    async def run(self) -> None:
        """Ask until stopped. Survives restarts of the server and refusals of any kind."""
        self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._receive)
        while not self._stopping:
            self._changed.clear()
            try:
                if self._refused:
                    await self._back_off()
                await self._ask()
            except OUTAGE_ERRORS as error:
                logger.debug("cannot ask for tasks: %s", error)
            except Exception:
                logger.exception("cannot ask for tasks, trying again")
                self._refused = True
                self._refusals += 1
            await self._wait(self._time_to_next_deadline())

    async def stop(self) -> None:
        """Ask no more; what still arrives is given back. Returns when nothing more can arrive."""
        self._stopping = True
        self._changed.set()
        if self._subscription is not None and self._client.is_connected:
            with contextlib.suppress(*OUTAGE_ERRORS):
                async with asyncio.timeout(_GRACE):
                    await self._subscription.drain()  # type: ignore[no-untyped-call]

    async def _ask(self) -> None:
        now = time.monotonic()
        self._requests = {k: r for k, r in self._requests.items() if r.deadline > now}
        if not self._client.is_connected:
            return
        outstanding = sum(request.remaining for request in self._requests.values())
        missing = self._room() - outstanding
        if missing <= 0 or (outstanding and missing < outstanding):
            return  # one request for several tasks is cheaper than several for one
        self._count += 1
        name = str(self._count)
        self._requests[name] = _Request(missing, now + self._expires + _GRACE)
        body = {"batch": missing, "expires": int(self._expires * 1e9)}
        await self._client.publish(
            self._subject, json.dumps(body).encode(), reply=f"{self._inbox}.{name}"
        )

    async def _receive(self, message: Msg) -> None:
        """Take what comes to the inbox: a task, or the end of a request."""
        status = message.headers.get("Status") if message.headers else None
        name = message.subject.rpartition(".")[2]
        if status is None and message.reply:
            await self._take(message, message.reply)
            return
        if status in _FLOW:
            return
        self._requests.pop(name, None)
        if status in _EXPIRED:
            self._refusals = 0
        else:
            self._refused = True
            self._refusals += 1
            if self._refusals == 1:
                description = (message.headers or {}).get("Description", "nobody answers")
                logger.warning("request for tasks refused: %s %s", status, description)
        self._changed.set()

    async def _take(self, message: Msg, reply: str) -> None:
        if not reply.startswith("$JS.ACK."):
            return
        self._refusals = 0
        for request in self._requests.values():  # the oldest request is served first
            request.remaining -= 1
            break
        self._requests = {k: r for k, r in self._requests.items() if r.remaining > 0}
        if self._stopping:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await message.nak()
        else:
            await self._on_message(message)
        self._changed.set()

    async def _back_off(self) -> None:
        """Wait longer after each refusal in a row, then let the owner mend what is missing."""
        self._refused = False
        await asyncio.sleep(_BACK_OFF[min(self._refusals, len(_BACK_OFF)) - 1])
        if self._client.is_connected and not self._stopping:
            await self._on_refused()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _time_to_next_deadline(self) -> float:
        if not self._requests:
            return 0.5 if not self._client.is_connected else self._expires
        return max(0.01, min(r.deadline for r in self._requests.values()) - time.monotonic())
