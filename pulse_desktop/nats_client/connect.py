"""One attempt to reach a server: a connected client, or the reason in plain words, soon.

The client library would go on trying by itself and tell the reason only on the side; a refused
password would look like a server that does not answer.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, Final

from nats import errors
from nats.aio.client import Client

from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.client import FastPathClient, server_info
from pulse_desktop.nats_client.connect_errors import describe_connect_error
from pulse_desktop.nats_client.server_address import ServerAddress

PING_INTERVAL_S: Final = 10
CLOSE_TIMEOUT_S: Final = 1.0
FAILED_CLOSE_TIMEOUT_S: Final = 0.2
ATTEMPTS: Final = 3


async def connect_once(
    address: ServerAddress,
    *,
    timeout: float,  # noqa: ASYNC109 - part of it goes to the library
    options: dict[str, Any],
    on_error: Callable[[Client, Exception], None],
    on_end: Callable[[Client], None],
    discovered: tuple[str, ...] = (),
) -> FastPathClient:
    """Connect to the first server that answers.

    Args:
        address: where, and as whom.
        timeout: seconds until giving up.
        options: more arguments for the client library.
        on_error: told of what goes wrong on the connected client; must not raise.
        on_end: told when the connected client is lost.
        discovered: further servers of the cluster, tried after those of the address.

    Raises:
        CannotConnectError: with the reason of the last server tried.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    for attempt in range(1, ATTEMPTS + 1):
        client, error = await _try(address, timeout, options, on_error, on_end, discovered)
        if client.is_connected:
            return client
        timeout = deadline - asyncio.get_running_loop().time()
        # A server that refuses a login closes at once, and its word of why is often lost on the
        # way. Asking again mostly gets it.
        if not (_wants_login(client) and isinstance(error, ConnectionError)):
            break
        if attempt == ATTEMPTS or timeout <= 0:
            error = errors.AuthorizationError()
            break
    detail, advice = describe_connect_error(error, address.hosts)
    raise CannotConnectError("Cannot connect", address.mask(detail), advice)


async def _try(
    address: ServerAddress,
    timeout: float,  # noqa: ASYNC109 - part of it goes to the library
    options: dict[str, Any],
    on_error: Callable[[Client, Exception], None],
    on_end: Callable[[Client], None],
    discovered: tuple[str, ...],
) -> tuple[FastPathClient, BaseException | None]:
    """Return a client, connected or closed, and what went wrong last."""
    client = FastPathClient()
    urls = [*address.urls, *discovered]
    failures: list[BaseException] = []
    all_failed = asyncio.Event()
    adopted = False

    async def report(error: Exception) -> None:
        if adopted:
            on_error(client, error)
            return
        failures.append(error)
        if len(failures) >= len(urls):
            all_failed.set()

    async def end() -> None:
        if adopted:
            on_end(client)

    trying = asyncio.ensure_future(
        client.connect(
            urls,
            error_cb=report,
            disconnected_cb=end,
            closed_cb=end,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=max(1, round(min(timeout, 3))),
            reconnect_time_wait=1,
            dont_randomize=True,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=2,
            **_login(address),
            **options,
        )
    )
    failing = asyncio.ensure_future(all_failed.wait())
    try:
        await asyncio.wait({trying, failing}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(failing)
        await cancel_and_wait(trying)
        adopted = client.is_connected and sys.exception() is None
        if not adopted:
            await close_quietly(client, FAILED_CLOSE_TIMEOUT_S)
    error = None if adopted or trying.cancelled() else trying.exception()
    return client, failures[-1] if failures else error


def _wants_login(client: Client) -> bool:
    return server_info(client).auth_required


async def close_quietly(client: Client, limit: float = CLOSE_TIMEOUT_S) -> None:
    """Close a client, or abandon it when the close takes longer than `limit` seconds."""
    closing = asyncio.ensure_future(client.close())
    try:
        await asyncio.wait({closing}, timeout=limit)
    finally:
        await cancel_and_wait(closing)


def _login(address: ServerAddress) -> dict[str, Any]:
    if address.user:
        return {"user": address.user, "password": address.password}
    return {"token": address.token} if address.token else {}
