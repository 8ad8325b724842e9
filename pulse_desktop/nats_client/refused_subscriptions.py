"""Subscriptions that the server refuses, made again until it permits them.

When an operator revokes a permission, the server removes the subscriptions that need it, and says
so once. It says nothing when the permission is granted again, and nats-py subscribes only once: the
subscription would stay silent until the process ends.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error

from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.nats_client.permission_violations import PermissionViolation, parse_violation

OnPermitted = Callable[[PermissionViolation], Awaitable[None]]

MIN_DELAY_S: Final = 1.0
MAX_DELAY_S: Final = 10.0
_FLUSH_TIMEOUT_S: Final = 5
_ID: Final = re.compile(r'\(sid "(\d+)"\)')


class RefusedSubscriptions:
    """Subscribes again, with growing delays, as long as the subscriptions are open.

    Attributes:
        on_permitted: called with each refusal that has ended.
    """

    def __init__(
        self,
        client: Client,
        subscriptions: Callable[[], dict[int, Subscription]],
        subscribe: Callable[[Subscription], Awaitable[None]],
    ) -> None:
        """Watch no subscription yet.

        Args:
            client: whose subscriptions they are.
            subscriptions: returns those that are open, by id.
            subscribe: sends the server a subscription, with the id that it has.
        """
        self.on_permitted: OnPermitted | None = None
        self._client = client
        self._subscriptions = subscriptions
        self._send = subscribe
        self._refused: dict[int, PermissionViolation] = {}
        self._refused_again: set[int] = set()
        self._retry_now = asyncio.Event()
        self._retrying: asyncio.Task[None] | None = None

    def add(self, text: str) -> bool:
        """Take the server's error about a subscription; return whether it says something new."""
        violation = parse_violation(text)
        if violation is None or violation.action != "subscribe":
            return True
        named = _ID.search(text)  # only in the error about one that was removed
        found = {
            number
            for number, subscription in self._subscriptions().items()
            if subscription.subject == violation.subject
            and (named is None or number == int(named[1]))
            and (named is not None or (subscription.queue or "") == violation.queue)
        }
        is_new = not found or bool(found - self._refused.keys())
        self._refused.update(dict.fromkeys(found, violation))
        self._refused_again |= found
        if found and (self._retrying is None or self._retrying.done()):
            self._retrying = asyncio.create_task(self._retry(), name="refused subscriptions")
        return is_new

    async def on_other_permitted(self, violation: PermissionViolation) -> None:
        """Report a refusal, not kept here, that has ended, and subscribe again at once."""
        self._retry_now.set()
        if self.on_permitted is not None:
            await self.on_permitted(violation)

    def close(self) -> None:
        """Stop subscribing again: the connection is closed for good."""
        self._refused.clear()
        if self._retrying is not None and self._retrying is not asyncio.current_task():
            self._retrying.cancel()

    async def _retry(self) -> None:
        """Subscribe again until nothing is refused."""
        backoff = Backoff(MIN_DELAY_S, MAX_DELAY_S)
        while self._refused:
            self._retry_now.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next_delay()):
                    await self._retry_now.wait()
            for number in self._refused.keys() - self._subscriptions().keys():
                del self._refused[number]  # unsubscribed meanwhile
            if self._client.is_connected and not self._client.is_draining:
                with contextlib.suppress(Error, OSError, TimeoutError):
                    await self._subscribe()

    async def _subscribe(self) -> None:
        """Subscribe again once; the server ignores it where the subscription exists."""
        self._refused_again.clear()
        tried = set(self._refused)
        for number in tried:
            subscription = self._subscriptions().get(number)
            if subscription is not None:
                await self._send(subscription)
        await self._client.flush(_FLUSH_TIMEOUT_S)  # its answer follows any refusal
        for number in tried - self._refused_again:
            violation = self._refused.pop(number)
            if self.on_permitted is not None and number in self._subscriptions():
                await self.on_permitted(violation)
