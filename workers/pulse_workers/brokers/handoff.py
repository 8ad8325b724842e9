"""Confirmed handoff of tasks between workers over core NATS.

A task that is simply published again may be lost: a plain publish is not confirmed, and a
subscriber to the task subject may only be watching. Here a task is sent as a request to one
worker of the peer group, and is handed off once that worker has confirmed it.
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
from pulse_workers.errors import OUTAGE_ERRORS

PEERS_SUBJECT: Final = "pulse.peers"
"""Subject of the peer group. An empty message asks whether a worker would accept a task."""
TASK_NAME: Final = "Pulse-Task-Name"
"""Header of an empty message: the name of the task that it asks about; without it, of any task."""
_QUEUE_GROUP: Final = "pulse-peers"
_ACCEPTED: Final = b"+"
_DECLINED: Final = b"-"
_REQUEST_TIMEOUT_S: Final = 1.0
_MAX_REQUESTS: Final = 4
"""Requests for one task: the server chooses the peer, and not every peer need have the task."""
_DRAIN_TIMEOUT_S: Final = 2.0


class PeerGroup:
    """Workers that accept tasks from each other; this one belongs to them after `join`."""

    def __init__(self, client: Client, accept: Callable[[bytes, dict[str, str]], bool]) -> None:
        """Prepare without subscribing.

        Args:
            client: of the broker.
            accept: given a task message and its headers, accepts it or returns False. Without a
                message it only returns whether it would accept one, of the name in the headers.
        """
        self._client = client
        self._accept = accept
        self._subscription: Subscription | None = None

    async def join(self) -> None:
        """Join the group: other workers may hand tasks off to this one."""
        if self._subscription is None:
            self._subscription = await self._client.subscribe(
                PEERS_SUBJECT, queue=_QUEUE_GROUP, cb=self._respond
            )

    async def leave(self) -> None:
        """Leave the group and drain requests in flight."""
        subscription, self._subscription = self._subscription, None
        await drain(self._client, subscription)

    async def has_peers(self, task_name: str = "") -> bool:
        """Return whether another worker accepts tasks. Call it after `leave`.

        Args:
            task_name: accepts tasks of this name; empty for any. A name that no header can hold
                counts as unknown to all.
        """
        if not task_name:
            return await self._request(b"", None)
        if not (task_name.isascii() and task_name.isprintable() and task_name.strip() == task_name):
            return False
        return await self._request(b"", {TASK_NAME: task_name})

    async def hand_off(self, delivery: CoreDelivery) -> bool:
        """Hand a task off to another worker; False when none has confirmed it.

        A worker that confirms too late may have accepted the task: then it runs twice.
        """
        return await self._request(delivery.data, delivery.handoff_headers())

    async def _request(self, data: bytes, headers: dict[str, str] | None) -> bool:
        for _ in range(_MAX_REQUESTS):
            if not self._client.is_connected:
                return False
            try:
                reply = await self._client.request(
                    PEERS_SUBJECT, data, timeout=_REQUEST_TIMEOUT_S, headers=headers
                )
            except (NoRespondersError, *OUTAGE_ERRORS):
                return False
            if reply.data == _ACCEPTED:
                return True
        return False

    async def _respond(self, message: Msg) -> None:
        accepted = self._accept(message.data, message.headers or {})
        if message.reply:
            await message.respond(_ACCEPTED if accepted else _DECLINED)


async def drain(client: Client, subscription: Subscription | None) -> None:
    """Unsubscribe, and return when all messages in flight have been received."""
    if subscription is not None and client.is_connected:
        with contextlib.suppress(*OUTAGE_ERRORS):
            async with asyncio.timeout(_DRAIN_TIMEOUT_S):
                await subscription.drain()  # type: ignore[no-untyped-call]
