"""The one way workers connect to NATS: for ever once connected, and honest when it cannot.

nats-py reports the reason for a failure only through its error callback, and may never return
from `connect()`; both are dealt with here.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from pulse_desktop.model.redaction import redact_url
from pulse_desktop.nats_client.client import NatsClient, TLSRequiredError
from pulse_workers.config.auth import login_options
from pulse_workers.config.settings import Settings
from pulse_workers.errors import CannotConnectError

logger = logging.getLogger("pulse.workers.connection")

PING_INTERVAL: Final = 10
_CLOSING_TAKES: Final = 0.2
OUTAGE_ERRORS: Final = (NatsError, OSError, asyncio.TimeoutError)
"""What a call raises while the server is away, or refuses it."""


class ConnectionLog:
    """Says what happens to a connection, each reason once, in masked lines.

    Attributes:
        purpose: of the connection.
        last_error: since it was made, masked; empty if there was none.
    """

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self.last_error = ""
        self._lost = False
        self._about_to_tell: asyncio.TimerHandle | None = None

    async def on_error(self, error: Exception) -> None:
        """Log one line; a repeated one is not repeated. Never raises."""
        text = redact_url(f"{type(error).__name__}: {error}".rstrip(": "))
        if text != self.last_error:
            self.last_error = text
            logger.warning("%s connection: %s", self.purpose, text)

    async def on_disconnected(self) -> None:
        """Log the loss, unless it turns out that we closed the connection ourselves."""
        loop = asyncio.get_running_loop()
        self._about_to_tell = loop.call_later(_CLOSING_TAKES, self._tell_the_loss)

    async def on_reconnected(self) -> None:
        """Log the return."""
        self._forget_the_loss()
        self.last_error = ""
        if self._lost:
            self._lost = False
            logger.info("%s connection: back", self.purpose)

    async def on_closed(self) -> None:
        """Note that the connection is meant to be gone."""
        self._forget_the_loss()

    def _tell_the_loss(self) -> None:
        self._lost = True
        logger.warning("%s connection: lost, trying again until it is back", self.purpose)

    def _forget_the_loss(self) -> None:
        if self._about_to_tell is not None:
            self._about_to_tell.cancel()


def connect_options(
    settings: Settings, purpose: str, log: ConnectionLog | None = None, **more: Any
) -> dict[str, Any]:
    """Return the keyword arguments of `nats.connect` (without the servers).

    Args:
        settings: where to and with what credentials.
        purpose: what the connection is for; shown in the log and by the server.
        log: who tells of losses; a new one by default.
        more: further arguments, which win.
    """
    log = log or ConnectionLog(purpose)
    options: dict[str, Any] = {
        "name": f"{settings.identity} {purpose}",
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.5,
        "ping_interval": PING_INTERVAL,
        "max_outstanding_pings": 2,
        "error_cb": log.on_error,
        "disconnected_cb": log.on_disconnected,
        "reconnected_cb": log.on_reconnected,
        "closed_cb": log.on_closed,
    }
    options.update(login_options(settings))
    options.update(more)
    return options


async def connect(
    settings: Settings, purpose: str, log: ConnectionLog | None = None, **more: Any
) -> Client:
    """Connect within the time allowed for it; arguments as of `connect_options`.

    Raises:
        CannotConnectError: not connected in time; the last reason is in its text.
    """
    errors: list[Exception] = []
    connected = False
    options = connect_options(settings, purpose, log, **more)
    report = options["error_cb"]

    async def keep_error(error: Exception) -> None:
        if connected:
            await report(error)
        else:
            errors.append(error)

    options["error_cb"] = keep_error
    client = NatsClient()
    try:
        async with asyncio.timeout(settings.connect_timeout):
            await client.connect(settings.servers, **options)
    except TimeoutError:
        raise CannotConnectError(_reason(settings, errors[-1] if errors else None)) from None
    except (NatsError, OSError, ValueError) as error:
        raise CannotConnectError(_reason(settings, errors[-1] if errors else error)) from None
    connected = True
    return client


@contextlib.asynccontextmanager
async def connecting(settings: Settings, log: ConnectionLog) -> AsyncIterator[None]:
    """Limit what others connect for us, who would try for ever.

    Raises:
        CannotConnectError: not done in time.
    """
    try:
        async with asyncio.timeout(settings.connect_timeout):
            yield
    except TimeoutError:
        limit = f"{settings.connect_timeout:g} s"
        why = log.last_error or "the log may tell why"
        raise CannotConnectError(
            f"{settings.redacted_server}: not all connections were made within {limit}: {why}"
        ) from None


def _reason(settings: Settings, error: Exception | None) -> str:
    where = settings.redacted_server
    limit = f"{settings.connect_timeout:g} s"
    if error is None:
        return f"{where} did not answer within {limit}. Is this the address of a NATS server?"
    if isinstance(error, TLSRequiredError):
        return f"{where} offers no TLS, so no credentials were sent. Set it up there, or write nats://."
    text = redact_url(str(error)) or type(error).__name__
    lowered = text.lower()
    if isinstance(error, ConnectionRefusedError) or "connect call failed" in lowered:
        return f"nothing listens at {where}. Start the server, or set PULSE_SERVER."
    if "authorization" in lowered or "authentication" in lowered:
        return f"{where} refuses the user, password or token. Check PULSE_SERVER."
    return f"{where}: {text}. Check PULSE_SERVER."
