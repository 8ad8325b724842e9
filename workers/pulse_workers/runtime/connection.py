"""Connections of workers to NATS: they reconnect forever, and report why connecting fails.

nats-py gives the reason of a failure only to its error callback, and its `connect()` may never
return; both are handled here.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from nats.errors import Error as NatsError

from pulse_desktop.model.connection_options import DEFAULT_INBOX_PREFIX
from pulse_desktop.model.errors import NoJetStreamError
from pulse_desktop.nats_client.client import CheckServer
from pulse_desktop.nats_client.connect import diagnose, require_jetstream
from pulse_desktop.nats_client.connect_errors import LOSSES, describe_connect_error, telling_error
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.nats_client.permission_violations import PermissionViolation, parse_violation
from pulse_desktop.text.translation import _
from pulse_workers.config.auth import login_options
from pulse_workers.config.known_secrets import describe_error, without_secrets
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ConnectionFailedError

logger = logging.getLogger("pulse.workers.connection")

PING_INTERVAL_S: Final = 10
_CLOSE_GRACE_S: Final = 0.2


class ConnectionLog:
    """Logs the events of a connection, each error once, with credentials masked.

    Attributes:
        purpose: what the connection is for.
        inbox_prefix: of the subjects on which it receives replies.
        last_error: the latest error since the connection was made, masked; empty if none.
    """

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self.inbox_prefix = DEFAULT_INBOX_PREFIX
        self.last_error = ""
        self._refused: set[str] = set()
        self._lost = False
        self._loss_timer: asyncio.TimerHandle | None = None

    async def on_error(self, error: Exception) -> None:
        """Log one line, unless it repeats the previous one. Never raises."""
        if isinstance(error, LOSSES) and not isinstance(error, ConnectionRefusedError):
            return  # `on_disconnected` logs it
        if isinstance(error, OSError):
            text = without_secrets(describe_connect_error(error, _("the server"))[0])
        else:
            text = describe_error(error)
        violation = parse_violation(str(error))
        if violation is not None and violation.action == "subscribe":
            self.last_error = text
            self._log_refusal(self._subject(violation))
        elif text != self.last_error:
            self.last_error = text
            logger.warning("%s connection: %s", self.purpose, text)

    async def on_permitted(self, violation: PermissionViolation) -> None:
        """Log that a subscription which was refused is permitted again."""
        subject = self._subject(violation)
        if subject in self._refused:
            self._refused.discard(subject)
            logger.info("%s connection: may subscribe to %s again", self.purpose, subject)

    async def on_disconnected(self) -> None:
        """Log the loss a moment later, unless the connection was closed on purpose."""
        loop = asyncio.get_running_loop()
        self._loss_timer = loop.call_later(_CLOSE_GRACE_S, self._log_loss)

    async def on_reconnected(self) -> None:
        """Log the reconnection."""
        self._cancel_loss_timer()
        self.last_error = ""
        if self._lost:
            self._lost = False
            logger.info("%s connection: reconnected", self.purpose)

    async def on_closed(self) -> None:
        """Do not log the loss of a connection that is closed."""
        self._cancel_loss_timer()

    def _subject(self, violation: PermissionViolation) -> str:
        """Return the subject of a refusal as in a permission: one for all inboxes."""
        is_inbox = violation.subject.startswith(f"{self.inbox_prefix}.")
        return f"{self.inbox_prefix}.>" if is_inbox else violation.subject

    def _log_refusal(self, subject: str) -> None:
        """Log a refused subscription once until it is permitted: it is tried again and again."""
        if subject not in self._refused:
            self._refused.add(subject)
            logger.warning(
                "%s connection: this user may not subscribe to %s, trying again until it may",
                self.purpose,
                subject,
            )

    def _log_loss(self) -> None:
        self._lost = True
        logger.warning("%s connection: lost, reconnecting", self.purpose)

    def _cancel_loss_timer(self) -> None:
        if self._loss_timer is not None:
            self._loss_timer.cancel()


def connect_options(
    settings: Settings, purpose: str, log: ConnectionLog | None = None, **overrides: Any
) -> dict[str, Any]:
    """Return the keyword arguments of `nats.connect` (without the servers).

    Args:
        settings: servers and credentials.
        purpose: what the connection is for; shown in the log and by the server.
        log: logs the connection's events; a new one by default.
        overrides: further arguments, which take precedence.
    """
    log = log or ConnectionLog(purpose)
    options: dict[str, Any] = {
        "name": f"{settings.identity} {purpose}",
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.5,
        "ping_interval": PING_INTERVAL_S,
        "max_outstanding_pings": 2,
        "error_cb": log.on_error,
        "disconnected_cb": log.on_disconnected,
        "reconnected_cb": log.on_reconnected,
        "closed_cb": log.on_closed,
        "permitted_cb": log.on_permitted,
    }
    options.update(login_options(settings))
    options.update(overrides)
    log.inbox_prefix = settings.inbox_prefix or DEFAULT_INBOX_PREFIX
    return options


async def connect(
    settings: Settings,
    purpose: str,
    log: ConnectionLog | None = None,
    *,
    check: CheckServer | None = require_jetstream,
    **overrides: Any,
) -> FastPathClient:
    """Connect within the configured time; arguments as for `connect_options`.

    Args:
        settings: servers and credentials.
        purpose: what the connection is for.
        log: logs the connection's events.
        check: raises for a server that is to be left out; None accepts every server.
        overrides: further arguments of `nats.connect`.

    Raises:
        ConnectionFailedError: not connected in time; its text holds the last error.
    """
    errors: list[Exception] = []
    connected = False
    options = connect_options(settings, purpose, log, **overrides)
    report = options["error_cb"]

    async def record_error(error: Exception) -> None:
        if connected:
            await report(error)
        else:
            errors.append(error)

    options["error_cb"] = record_error
    client = FastPathClient(check)
    try:
        async with asyncio.timeout(settings.connect_timeout):
            await client.connect(settings.servers, **options)
    except TimeoutError:
        error = telling_error(errors)
        raise ConnectionFailedError(await _describe_failure(settings, error, options)) from None
    except (NatsError, OSError, ValueError) as error:
        reason = await _describe_failure(settings, telling_error(errors) or error, options)
        raise ConnectionFailedError(reason) from None
    connected = True
    return client


@contextlib.asynccontextmanager
async def limit_connect_time(settings: Settings, log: ConnectionLog) -> AsyncIterator[None]:
    """Limit the time of connections that libraries make: they would retry forever.

    Raises:
        ConnectionFailedError: not connected in time.
    """
    try:
        async with asyncio.timeout(settings.connect_timeout):
            yield
    except TimeoutError:
        raise ConnectionFailedError(
            _("{server}: not all connections were made within {seconds:g} s: {reason}").format(
                server=settings.redacted_server,
                seconds=settings.connect_timeout,
                reason=log.last_error or _("see the log"),
            )
        ) from None


async def _describe_failure(
    settings: Settings, error: BaseException | None, options: dict[str, Any]
) -> str:
    server = settings.redacted_server
    if isinstance(error, NoJetStreamError):
        return f"{server}: {error.detail} {error.advice}"
    if any("@" in url for url in settings.servers):
        options = {**options, "user": ""}
    diagnosed = await diagnose(error, settings.servers, options)
    detail, advice = describe_connect_error(diagnosed, server, options)
    return without_secrets(f"{detail} {advice}".strip())
