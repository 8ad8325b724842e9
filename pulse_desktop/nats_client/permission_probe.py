"""Tries permissions on a connection in ways that change nothing and reach nobody.

The server checks a permission before it looks at the message. An invalid JetStream request is
rejected afterwards; a message that asks for nothing but its trace is not delivered.
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.model.connection_options import DEFAULT_API_PREFIX
from pulse_desktop.model.errors import NotPermittedError
from pulse_desktop.nats_client.client import server_info
from pulse_desktop.nats_client.permission_violations import PermissionViolations

PROBE_NAME: Final = "_pulse_check"
"""A subject token, stream, consumer or key that does not exist."""
INVALID_JSON: Final = b"{"
"""A JetStream request with this payload is rejected before anything is changed."""
_TRACE_SUBJECT: Final = f"{DEFAULT_API_PREFIX}.INFO"
_TRACE_VERSION: Final = (2, 11)
"""First version of nats-server that traces a message instead of delivering it."""
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True)
class TriedPermission:
    """A permission to try.

    Attributes:
        verb: what is done with the subject.
        subject: without wildcards to publish to; JetStream requests at `$JS.API`.
    """

    verb: Literal["publish", "subscribe"]
    subject: str

    @property
    def is_request(self) -> bool:
        """Whether it is a request to JetStream, which is tried with an invalid one."""
        return self.verb == "publish" and self.subject.startswith(f"{DEFAULT_API_PREFIX}.")


@dataclass(frozen=True)
class ProbeResult:
    """What the server has said to permissions that were tried.

    Attributes:
        refused: the errors for those that it refuses.
        untried: why it was not asked about the messages other than requests, None if it was.
    """

    refused: tuple[NotPermittedError, ...] = ()
    untried: NotPermittedError | None = None


class PermissionProbe:
    """Tries permissions of one connected client."""

    def __init__(self, client: Client, violations: PermissionViolations) -> None:
        """Create it.

        Args:
            client: connected.
            violations: where permission errors of the client are reported.
        """
        self._client = client
        self._violations = violations

    @property
    def can_try_messages(self) -> bool:
        """Whether the server tells for any subject whether it may be published to."""
        found = _VERSION.match(server_info(self._client).version)
        return found is not None and (int(found[1]), int(found[2])) >= _TRACE_VERSION

    async def probe(self, permissions: Iterable[TriedPermission], timeout_s: float) -> ProbeResult:
        """Return which of some permissions the server refuses.

        Args:
            permissions: to try; messages other than requests need `can_try_messages`.
            timeout_s: seconds for all of them.

        Raises:
            NatsError: the connection is lost, or the server does not answer in time.
        """
        with contextlib.ExitStack() as stack:
            # A server looks at the subject of a message only if its trace may be sent.
            trace = stack.enter_context(self._violations.watch(_TRACE_SUBJECT))
            watches = []
            subscriptions = []
            for each in permissions:
                watches.append(stack.enter_context(self._violations.watch(each.subject)))
                if each.verb == "subscribe":
                    subscriptions.append(await self._client.subscribe(each.subject, cb=_ignore))
                elif each.is_request:
                    reply = self._client.new_inbox()
                    await self._client.publish(each.subject, INVALID_JSON, reply=reply)
                else:
                    await self._client.publish(each.subject, b"", headers=self._trace_headers())
            try:
                # The server's answer to the flush follows its errors.
                await self._client.flush(max(1, round(timeout_s)))
            finally:
                for subscription in subscriptions:
                    await subscription.unsubscribe()
            return ProbeResult(
                tuple(watch.result() for watch in watches if watch.done()),
                trace.result() if trace.done() else None,
            )

    def _trace_headers(self) -> dict[str, str]:
        """Return headers of a message that is traced only.

        The trace is sent where it does nothing: to a request of JetStream that most users may send.
        """
        prefix = server_info(self._client).api_prefix or DEFAULT_API_PREFIX
        return {
            "Nats-Trace-Dest": _TRACE_SUBJECT.replace(DEFAULT_API_PREFIX, prefix, 1),
            "Nats-Trace-Only": "true",
            "Nats-Expected-Stream": PROBE_NAME,
        }


async def _ignore(_message: Msg) -> None:
    """Discard a message: only the permission to subscribe is tried."""
