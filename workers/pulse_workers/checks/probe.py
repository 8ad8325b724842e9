"""Asking a server directly, and hearing what it forbids."""

import asyncio
import contextlib
import json
import time
import uuid
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_workers.checks.permissions import NOBODY, Permission
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.connection import connect

_LIMIT: Final = 5
ONE_ATTEMPT: Final[dict[str, Any]] = {
    "allow_reconnect": False,
    "max_reconnect_attempts": 1,  # 0 would stand for any number
    "reconnect_time_wait": 0.1,
}
"""For looking: the first refusal counts, whereas a worker would wait for a better answer."""


class Probe:
    """One connection for checks. It remembers what the server forbade.

    Attributes:
        client: connected by `open`.
        setting_up: seconds the connection took.
    """

    client: Client

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._forbidden: list[str] = []
        self.setting_up = 0.0

    async def open(self) -> None:
        """Connect.

        Raises:
            CannotConnectError: with the reason.
        """
        before = time.monotonic()
        self.client = await connect(self._settings, "check", error_cb=self._on_error, **ONE_ATTEMPT)
        self.setting_up = time.monotonic() - before

    async def close(self) -> None:
        """Disconnect."""
        await self.client.close()

    async def may(self, right: Permission) -> bool:
        """Try a right. The server refuses before it answers the ping behind the attempt.

        Raises:
            NatsError: the connection is lost.
        """
        self._forbidden.clear()
        if right.verb == "answer":
            return await self._may_answer(right)
        if right.verb == "subscribe":
            subscription = await self.client.subscribe(right.subject, cb=_ignore)
            await self._settled()
            if not self._forbidden:
                await subscription.unsubscribe()
        else:
            await self.client.publish(
                right.subject, right.payload, reply=self.client.new_inbox(), headers=right.headers
            )
            await self._settled()
        return not self._forbidden

    async def _may_answer(self, right: Permission) -> bool:
        """Try to answer a message of one's own, which names an inbox that is nobody's.

        Whether a message arrives at all is another right: without one, nothing is refused here.
        """
        inbox = f"_INBOX.{NOBODY}.{uuid.uuid4().hex}"
        arrived = asyncio.Event()

        async def hear(message: Msg) -> None:
            if message.reply == inbox:
                arrived.set()

        subscription = await self.client.subscribe(right.subject, cb=hear)
        await self.client.publish(right.subject, right.payload, reply=inbox, headers=right.headers)
        await self._settled()
        if self._forbidden:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LIMIT):
                await arrived.wait()
        await self.client.publish(inbox, b"")
        await self._settled()
        await subscription.unsubscribe()
        return not (self._forbidden and arrived.is_set())

    async def _settled(self) -> None:
        """Wait until the server has dealt with what was sent.

        Twice, since the client's first ping may overtake what was published before it.
        """
        await self.client.flush(_LIMIT)
        await self.client.flush(_LIMIT)

    async def ask(self, request: str) -> dict[str, Any] | None:
        """Return JetStream's answer to a request, None if it may not be made.

        Raises:
            NatsError: nobody answers.
        """
        self._forbidden.clear()
        subject = f"$JS.API.{request}"
        if not await self.may(Permission("publish", subject, "")):
            return None
        answer = await self.client.request(subject, b"", timeout=_LIMIT)
        found = json.loads(answer.data)
        return found if isinstance(found, dict) else {}

    async def _on_error(self, error: Exception) -> None:
        text = str(error).lower()
        if "permissions violation" in text:
            self._forbidden.append(text)


async def _ignore(_message: Msg) -> None:
    """Somebody else's."""
