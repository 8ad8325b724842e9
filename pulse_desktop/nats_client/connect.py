"""One attempt to connect: returns a connected client, or raises the reason without retrying.

nats-py alone would retry by itself and report the reason only to its error callback: a refused
password would be reported as a server that does not answer.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from nats import errors
from nats.aio.client import Client

from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.nats_client.aio import cancel_and_wait, finish
from pulse_desktop.nats_client.client import (
    NatsClient,
    TLSFirstRequiredError,
    server_info,
)
from pulse_desktop.nats_client.connect_errors import (
    describe_connect_error,
    is_login_refused,
    telling_error,
)
from pulse_desktop.nats_client.connect_progress import ConnectProgress, ProgressReport
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.nats_client.jetstream import (
    ACCOUNT_INFO,
    JetStreamState,
    jetstream_state,
    unavailable_error,
)
from pulse_desktop.nats_client.permission_violations import PermissionViolations
from pulse_desktop.nats_client.server_address import DEFAULT_PORT, ServerAddress
from pulse_desktop.nats_client.server_answers import InvalidAnswerError
from pulse_desktop.text.translation import _

PING_INTERVAL_S: Final = 10
CLOSE_TIMEOUT_S: Final = 1.0
FAILED_CLOSE_TIMEOUT_S: Final = 0.2
JETSTREAM_TIMEOUT_S: Final = 2.0
CHECK_TIMEOUT_S: Final = 3.0
ATTEMPTS: Final = 3
TLS_PROBE_TIMEOUT_S: Final = 1.0

OnError = Callable[[Client, Exception], None]
OnEnd = Callable[[Client], None]


async def connect_once(
    address: ServerAddress,
    *,
    timeout: float,  # noqa: ASYNC109 - part of it goes to the library
    arguments: dict[str, Any],
    on_error: OnError,
    on_end: OnEnd,
    discovered: tuple[str, ...] = (),
    progress: ConnectProgress | None = None,
) -> FastPathClient:
    """Connect to the first server that answers.

    Args:
        address: servers and login.
        timeout: seconds until giving up.
        arguments: more arguments for nats-py; they override the login of the address.
        on_error: called for each error of the connected client; must not raise.
        on_end: called when the connected client is lost.
        discovered: further servers of the cluster, tried after those of the address.
        progress: is told how far it is, and the error.

    Raises:
        CannotConnectError: with the reason of the last server tried.
    """
    report = ProgressReport(progress)
    urls = [*address.urls, *discovered]
    arguments = {**address.login_arguments(), **arguments}
    deadline = asyncio.get_running_loop().time() + timeout
    for attempt in range(1, ATTEMPTS + 1):
        client = FastPathClient()
        client.progress = report
        error = await _try(client, urls, timeout, arguments, on_error, on_end)
        if client.is_connected:
            return client
        timeout = deadline - asyncio.get_running_loop().time()
        # A server that refuses a login closes at once, and its error message is often lost on the
        # way. Another attempt mostly receives it.
        if not (server_info(client).auth_required and isinstance(error, ConnectionError)):
            break
        if attempt == ATTEMPTS or timeout <= 0:
            error = errors.AuthorizationError()
            break
    error = await diagnose(error, urls, arguments)
    report.fail(error)
    detail, advice = describe_connect_error(error, address.hosts, arguments)
    raise CannotConnectError(
        _("Cannot connect"),
        address.redact(detail),
        advice,
        is_login_refused=is_login_refused(error),
    )


async def diagnose(
    error: BaseException | None, urls: list[str], arguments: dict[str, Any]
) -> BaseException | None:
    """Return a more telling error when a server that sent nothing waits for a TLS handshake.

    Args:
        error: what nats-py raised or reported.
        urls: the servers.
        arguments: those of nats-py's `connect`.
    """
    silent = error is None or isinstance(error, TimeoutError) or "INFO" in str(error)
    if not silent or arguments.get("tls_handshake_first"):
        return error
    for url in urls:
        parts = urlsplit(url)
        is_plain = parts.scheme in ("nats", "tls") and parts.hostname
        if is_plain and await _begins_with_tls(str(parts.hostname), parts.port or DEFAULT_PORT):
            return TLSFirstRequiredError()
    return error


async def _begins_with_tls(host: str, port: int) -> bool:
    """Return whether a server answers a TLS handshake, without checking its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError):  # also a timeout, and every TLS error
        async with asyncio.timeout(TLS_PROBE_TIMEOUT_S):
            _reader, writer = await asyncio.open_connection(host, port, ssl=context)
        writer.transport.abort()
        return True
    return False


async def connect_preferring_jetstream(
    address: ServerAddress,
    *,
    timeout: float,  # noqa: ASYNC109 - part of it goes to the library
    arguments: dict[str, Any],
    on_error: OnError,
    on_end: OnEnd,
    violations: PermissionViolations,
    discovered: tuple[str, ...] = (),
    progress: ConnectProgress | None = None,
) -> tuple[FastPathClient, JetStreamState]:
    """Connect to a server on which the account has JetStream, else to the first that answers.

    Args:
        address: servers and login.
        timeout: seconds for each server.
        arguments: more arguments for nats-py; see `connect_once`, as the two below.
        on_error: called for each error.
        on_end: called when a connected client is lost.
        violations: where `on_error` reports permission errors.
        discovered: further servers of the cluster, tried after those of the address.
        progress: is told how far the first of them is.

    Raises:
        CannotConnectError: with the reason of the last server tried.
    """
    client = await connect_once(
        address,
        timeout=timeout,
        arguments=arguments,
        on_error=on_error,
        on_end=on_end,
        discovered=discovered,
        progress=progress,
    )
    async with close_on_error(client):
        state = await jetstream_state(client, violations, JETSTREAM_TIMEOUT_S)
        if state is JetStreamState.INVALID:
            ProgressReport(progress).fail(InvalidAnswerError(ACCOUNT_INFO))
            detail = _("the server at {hosts} answers {subject} with what is not JetStream's.")
            raise CannotConnectError(
                _("Cannot connect"),
                detail.format(hosts=address.hosts, subject=ACCOUNT_INFO),
                _("Check that the address is that of the NATS server itself."),
            )
        if not state.is_off:
            return client, state
        found = await find_jetstream(
            address,
            other_urls(client, (*address.urls, *discovered)),
            timeout=timeout,
            arguments=arguments,
            on_error=on_error,
            on_end=on_end,
            violations=violations,
        )
    if found is None:
        return client, state
    async with close_on_error(found[0]):
        await close_quietly(client)
    return found


async def find_jetstream(
    address: ServerAddress,
    urls: list[str],
    *,
    timeout: float,  # noqa: ASYNC109 - part of it goes to the library
    arguments: dict[str, Any],
    on_error: OnError,
    on_end: OnEnd,
    violations: PermissionViolations,
) -> tuple[FastPathClient, JetStreamState] | None:
    """Connect to the first of some servers on which the account may have JetStream.

    Args:
        address: the login.
        urls: the servers.
        timeout: as the others, see `connect_preferring_jetstream`.
        arguments: for nats-py.
        on_error: called for each error.
        on_end: called when a connected client is lost.
        violations: where `on_error` reports permission errors.

    Returns:
        None when there is no such server.
    """
    for url in urls:
        try:
            client = await connect_once(
                replace(address, urls=(url,)),
                timeout=timeout,
                arguments=arguments,
                on_error=on_error,
                on_end=on_end,
            )
        except CannotConnectError:
            continue
        async with close_on_error(client):
            state = await jetstream_state(client, violations, JETSTREAM_TIMEOUT_S)
        if not state.is_off and state is not JetStreamState.INVALID:
            return client, state
        await close_quietly(client)
    return None


@contextlib.asynccontextmanager
async def close_on_error(client: NatsClient) -> AsyncIterator[None]:
    """Close a client that nobody has yet when the enclosed code fails or is cancelled."""
    try:
        yield
    except BaseException:
        await close_quietly(client)
        raise


def other_urls(client: Client, urls: tuple[str, ...]) -> list[str]:
    """Return the servers that a client is not connected to."""
    connected = client.connected_url.netloc.rpartition("@")[2] if client.connected_url else ""
    return [url for url in urls if url.partition("://")[2].partition("/")[0] != connected]


async def require_jetstream(url: str, arguments: dict[str, Any]) -> None:
    """Raise an error if the account has no JetStream on a server.

    A worker with several servers uses this, so that it leaves out a server on which it could
    neither take tasks nor store results. An unclear answer is no reason to leave one out.

    Args:
        url: the server, with a login if `arguments` holds none.
        arguments: for nats-py, as for the connection itself.

    Raises:
        NoJetStreamError: it has none.
        OSError: the server cannot be reached.
    """
    violations = PermissionViolations(
        arguments.get("api_prefix", ""), arguments.get("inbox_prefix", "")
    )

    def report(_client: Client, error: Exception) -> None:
        violations.report(str(error))

    client = NatsClient()
    kept = {key: value for key, value in arguments.items() if not key.endswith("_cb")}
    error = await _try(client, [url], CHECK_TIMEOUT_S, kept, report, lambda _client: None)
    if not client.is_connected:
        if isinstance(error, OSError):
            raise error
        return
    try:
        state = await jetstream_state(client, violations, JETSTREAM_TIMEOUT_S)
        if state.is_off:
            raise unavailable_error(state, server_info(client))
    finally:
        await close_quietly(client)


async def _try(
    client: NatsClient,
    urls: list[str],
    timeout: float,  # noqa: ASYNC109 - part of it goes to the library
    arguments: dict[str, Any],
    on_error: OnError,
    on_end: OnEnd,
) -> BaseException | None:
    """Connect a client, or close it and return the last error."""
    failures: list[BaseException] = []
    all_failed = asyncio.Event()
    in_use = False

    async def report(error: Exception) -> None:
        if in_use:
            on_error(client, error)
            return
        failures.append(error)
        if len(failures) >= len(urls):
            all_failed.set()

    async def end() -> None:
        if in_use:
            on_end(client)

    connecting = asyncio.ensure_future(
        client.connect(
            urls,
            **{
                **arguments,
                "error_cb": report,
                "disconnected_cb": end,
                "closed_cb": end,
                "allow_reconnect": False,
                "max_reconnect_attempts": 1,
                "connect_timeout": max(1, round(min(timeout, 3))),
                "reconnect_time_wait": 1,
                "dont_randomize": True,
                "ping_interval": PING_INTERVAL_S,
                "max_outstanding_pings": 2,
            },
        )
    )
    failing = asyncio.ensure_future(all_failed.wait())

    async def abandon() -> None:
        await cancel_and_wait(failing, connecting)
        await close_quietly(client, FAILED_CLOSE_TIMEOUT_S)

    try:
        await asyncio.wait(
            {connecting, failing}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
        await cancel_and_wait(failing, connecting)
        in_use = client.is_connected
    finally:
        if not in_use:
            await finish(abandon())
    error = None if in_use or connecting.cancelled() else connecting.exception()
    return telling_error(failures) or error


async def close_quietly(client: NatsClient, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
    """Close a client; disconnect it at once when that takes longer than `timeout_s` seconds.

    A cancellation is raised afterwards: nobody else would close the client.
    """
    await finish(_close(client, timeout_s))


async def _close(client: NatsClient, timeout_s: float) -> None:
    closing = asyncio.ensure_future(client.close())
    try:
        await asyncio.wait({closing}, timeout=timeout_s)
    finally:
        if not closing.done():
            client.disconnect()
        await cancel_and_wait(closing)
