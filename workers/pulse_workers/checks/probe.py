"""A connection that tries permissions and sends JetStream requests, for checks."""

import asyncio
import contextlib
import dataclasses
import json
import uuid
from typing import Any, Final, Literal

from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.nats_client.jetstream import JetStreamState, jetstream_state
from pulse_desktop.nats_client.permission_probe import INVALID_JSON, PROBE_NAME
from pulse_desktop.nats_client.permission_violations import PermissionViolations
from pulse_desktop.text.translation import _
from pulse_workers.config.auth import connection_options
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.connection import connect

_TIMEOUT_S: Final = 5
SINGLE_ATTEMPT: Final[dict[str, Any]] = {
    "allow_reconnect": False,
    "max_reconnect_attempts": 1,  # 0 would mean unlimited
    "reconnect_time_wait": 0.1,
}
"""Options of a connection whose first error counts, whereas a worker would reconnect."""


@dataclasses.dataclass(frozen=True)
class Permission:
    """A permission that a worker needs, with a way to try it that changes nothing.

    Attributes:
        verb: `publish`, `subscribe`, or `reply`: publish to the reply subject of a message.
        subject: the subject to try.
        purpose: what a worker needs it for.
        payload: published payload.
        headers: published headers.
        required: workers do not run without it; otherwise only a feature is missing.
        advice: what to do if it is missing.
    """

    verb: Literal["publish", "subscribe", "reply"]
    subject: str
    purpose: str
    payload: bytes = INVALID_JSON
    headers: dict[str, str] | None = None
    required: bool = True
    advice: str = _("packaging/nats/accounts.conf shows the permissions of a worker.")


class Probe:
    """A connection that records permission errors.

    Attributes:
        client: the NATS client, connected by `open`.
    """

    client: Client

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        options = connection_options(settings)
        self._violations = PermissionViolations(options.effective_api_prefix, options.inbox_prefix)
        self._denied = 0

    async def open(self) -> None:
        """Connect.

        Raises:
            CannotConnectError: not connected, with the reason.
        """
        self.client = await connect(
            self._settings, "check", error_cb=self._on_error, **SINGLE_ATTEMPT
        )

    async def close(self) -> None:
        """Disconnect."""
        await self.client.close()

    async def is_permitted(self, permission: Permission) -> bool:
        """Try a permission. The server reports a violation before the pong of the next flush.

        Raises:
            NatsError: the connection is lost.
        """
        self._denied = 0
        if permission.verb == "reply":
            return await self._may_reply(permission)
        if permission.verb == "subscribe":
            subscription = await self.client.subscribe(permission.subject, cb=_ignore)
            await self.client.flush(_TIMEOUT_S)
            if not self._denied:
                await subscription.unsubscribe()
        else:
            await self.client.publish(
                permission.subject,
                permission.payload,
                reply=self.client.new_inbox(),
                headers=permission.headers,
            )
            await self.client.flush(_TIMEOUT_S)
        return not self._denied

    async def request(self, api: str, body: bytes = b"") -> dict[str, Any] | None:
        """Return the response to a JetStream API request, None without permission.

        Args:
            api: subject without its prefix.
            body: JSON of the request.

        Raises:
            NatsError: no response.
        """
        subject = f"$JS.API.{api}"
        if not await self.is_permitted(Permission("publish", subject, "")):
            return None
        response = await self.client.request(subject, body, timeout=_TIMEOUT_S)
        found = json.loads(response.data)
        return found if isinstance(found, dict) else {}

    async def jetstream_state(self) -> JetStreamState:
        """Return whether the account has JetStream on this server."""
        return await jetstream_state(self.client, self._violations, _TIMEOUT_S)

    async def _may_reply(self, permission: Permission) -> bool:
        """Try to reply to a message of our own that names an inbox without subscribers.

        Receiving the message is another permission: without it, the reply cannot be tried, and
        counts as permitted.
        """
        inbox = f"_INBOX.{PROBE_NAME}.{uuid.uuid4().hex}"
        received = asyncio.Event()

        async def on_message(message: Msg) -> None:
            if message.reply == inbox:
                received.set()

        subscription = await self.client.subscribe(permission.subject, cb=on_message)
        await self.client.publish(
            permission.subject, permission.payload, reply=inbox, headers=permission.headers
        )
        await self.client.flush(_TIMEOUT_S)
        if self._was_denied():
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                await received.wait()
        await self.client.publish(inbox, b"")
        await self.client.flush(_TIMEOUT_S)
        await subscription.unsubscribe()
        return not received.is_set() or not self._was_denied()

    def _was_denied(self) -> bool:
        return self._denied > 0

    async def _on_error(self, error: Exception) -> None:
        if self._violations.report(str(error)):
            self._denied += 1


async def _ignore(_message: Msg) -> None:
    """Discard a message: only the permission to subscribe is tried."""
