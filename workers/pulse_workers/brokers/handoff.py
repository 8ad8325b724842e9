"""Core workers hand tasks over to each other, and know that it worked.

A task that is only sent again may be lost: a plain publish tells nothing, and a listener on the
task subject may be one who only watches. Here a task goes to one worker that takes tasks, and is
handed over once that worker has said so.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import NoRespondersError

from pulse_workers.brokers.core_delivery import CoreDelivery
from pulse_workers.runtime.connection import OUTAGE_ERRORS

PEERS_SUBJECT: Final = "pulse.takers"
"""Heard by core workers while they take tasks. An empty message asks whether there is anybody."""
_GROUP: Final = "pulse-takers"
_TAKEN: Final = b"+"
_NOT_TAKEN: Final = b"-"
_ASK_LIMIT: Final = 1.0
_LEAVE_LIMIT: Final = 2.0


class PeerGroup:
    """The workers that take tasks, this one among them or not."""

    def __init__(self, client: Client, take: Callable[[bytes, dict[str, str]], bool]) -> None:
        """Prepare; nothing is heard yet.

        Args:
            client: of the broker.
            take: given a task message and its headers, takes it or returns False. With no message
                it only says whether it would.
        """
        self._client = client
        self._take = take
        self._heard: Subscription | None = None

    async def join(self) -> None:
        """Be one of those who take tasks."""
        if self._heard is None:
            self._heard = await self._client.subscribe(PEERS_SUBJECT, queue=_GROUP, cb=self._answer)

    async def leave(self) -> None:
        """Be none of them any more, also for what is on its way here."""
        heard, self._heard = self._heard, None
        await drained(self._client, heard)

    async def anybody(self) -> bool:
        """Tell whether another worker takes tasks, this one having left."""
        return await self._ask(b"", None)

    async def hand_over(self, delivery: CoreDelivery) -> bool:
        """Give a task to another worker; False when none has said that it took it.

        One that is too slow to say so may have taken it all the same: then it runs twice.
        """
        return await self._ask(delivery.data, delivery.headers_to_send())

    async def _ask(self, data: bytes, headers: dict[str, str] | None) -> bool:
        if not self._client.is_connected:
            return False
        try:
            reply = await self._client.request(
                PEERS_SUBJECT, data, timeout=_ASK_LIMIT, headers=headers
            )
        except (NoRespondersError, *OUTAGE_ERRORS):
            return False
        return reply.data == _TAKEN

    async def _answer(self, message: Msg) -> None:
        taken = self._take(message.data, message.headers or {})
        if message.reply:
            await message.respond(_TAKEN if taken else _NOT_TAKEN)


async def drained(client: Client, subscription: Subscription | None) -> None:
    """End a subscription, and return when all that was on its way has been received."""
    if subscription is not None and client.is_connected:
        with contextlib.suppress(*OUTAGE_ERRORS):
            async with asyncio.timeout(_LEAVE_LIMIT):
                await subscription.drain()  # type: ignore[no-untyped-call]
