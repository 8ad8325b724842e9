"""Server statistics from the HTTP monitoring endpoint: load, and the subscribers of a subject.

The endpoint is optional, so no response is no error.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec

from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.transport.connection import CLIENT_NAME
from pulse_desktop.transport.monitoring_endpoint import MonitoringEndpoint

MONITOR_PORT: Final = 8222
MAX_SUBSCRIPTIONS: Final = 1024
COUNT_TIMEOUT_S: Final = 2.5
"""For counting consumers, which takes a request for each unknown client."""

_log = logging.getLogger(__name__)

Page = TypeVar("Page")
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True)
class ServerSnapshot:
    """Statistics of one server; totals count since it started.

    Attributes:
        name: the server's name.
        version: of nats-server.
        uptime_s: seconds since it started.
        cpu_percent: of one core.
        memory_bytes: resident memory.
        connections: clients connected now.
        subscriptions: of all clients.
        slow_consumers: clients disconnected because they did not keep up.
        in_msgs: messages received.
        out_msgs: messages sent.
        in_bytes: payload bytes received.
        out_bytes: payload bytes sent.
        jetstream_bytes: stored in files and memory, None without JetStream.
        jetstream_limit_bytes: upper bound of that in files, None without JetStream.
        clustered: whether it is connected to other servers.
    """

    name: str
    version: str
    uptime_s: float
    cpu_percent: float
    memory_bytes: int
    connections: int
    subscriptions: int
    slow_consumers: int
    in_msgs: int
    out_msgs: int
    in_bytes: int
    out_bytes: int
    jetstream_bytes: int | None
    jetstream_limit_bytes: int | None
    clustered: bool


class _JetStreamConfig(msgspec.Struct):
    max_storage: int = 0


class _JetStreamStats(msgspec.Struct):
    memory: int = 0
    storage: int = 0


class _JetStream(msgspec.Struct):
    config: _JetStreamConfig | None = None
    stats: _JetStreamStats | None = None


class _Varz(msgspec.Struct):
    server_id: str = ""
    server_name: str = ""
    version: str = ""
    start: _Moment | None = None
    now: _Moment | None = None
    cpu: float = 0.0
    mem: int = 0
    connections: int = 0
    subscriptions: int = 0
    slow_consumers: int = 0
    in_msgs: int = 0
    out_msgs: int = 0
    in_bytes: int = 0
    out_bytes: int = 0
    routes: int = 0
    leafnodes: int = 0
    jetstream: _JetStream | None = None

    @property
    def clustered(self) -> bool:
        return self.routes > 0 or self.leafnodes > 0

    @property
    def uptime_s(self) -> float:
        if self.start is None or self.now is None:
            return 0.0
        return max(0.0, (self.now - self.start).total_seconds())


class _Subscription(msgspec.Struct):
    qgroup: str = ""
    cid: int = 0


class _Subsz(msgspec.Struct):
    subscriptions_list: list[_Subscription] | None = None


class _Client(msgspec.Struct):
    name: str = ""


class _Connz(msgspec.Struct):
    connections: list[_Client] | None = None


class ServerMonitor:
    """Reads the statistics of one server."""

    def __init__(
        self,
        url: str | None,
        *,
        server_id: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the endpoint; nothing is sent yet.

        Args:
            url: such as `http://127.0.0.1:8222`; None or empty when there is none.
            server_id: returns the id of the server that the endpoint must belong to, empty while it
                is unknown; for an address that is only guessed. None trusts the address.
            clock: seconds, for the back-off.
        """
        self._endpoint = MonitoringEndpoint(url, clock=clock)
        self._server_id = server_id
        self._verified: tuple[str, str] | None = None

    def move_to(self, url: str, server_id: Callable[[], str] | None = None) -> None:
        """Use another address from now on; arguments as for the constructor."""
        self._endpoint.move_to(url)
        self._server_id = server_id
        self._verified = None

    async def snapshot(self) -> ServerSnapshot | None:
        """Return the server's statistics, None without a response."""
        varz = await self._get("varz", {}, _Varz)
        if varz is None:
            return None
        jetstream = varz.jetstream
        stats = jetstream.stats if jetstream is not None else None
        config = jetstream.config if jetstream is not None else None
        return ServerSnapshot(
            name=varz.server_name,
            version=varz.version,
            uptime_s=varz.uptime_s,
            cpu_percent=varz.cpu,
            memory_bytes=varz.mem,
            connections=varz.connections,
            subscriptions=varz.subscriptions,
            slow_consumers=varz.slow_consumers,
            in_msgs=varz.in_msgs,
            out_msgs=varz.out_msgs,
            in_bytes=varz.in_bytes,
            out_bytes=varz.out_bytes,
            jetstream_bytes=stats.memory + stats.storage if stats is not None else None,
            jetstream_limit_bytes=config.max_storage if config is not None else None,
            clustered=varz.clustered,
        )

    async def count_consumers(self, subject: str) -> int | None:
        """Count the workers that consume a subject, which are the members of its queue groups.

        A plain subscription is mostly an observer, as this program's is; that of an unknown client
        may be a worker without a queue group.

        Returns:
            The number, or None when it is unknown: the endpoint does not respond in time, an
            unknown client is subscribed, or other servers of the cluster have clients of their own.
        """
        try:
            async with asyncio.timeout(COUNT_TIMEOUT_S):
                return await self._count_consumers(subject)
        except TimeoutError:
            self._endpoint.back_off()
            return None

    async def _count_consumers(self, subject: str) -> int | None:
        query = {"subs": "1", "test": subject, "limit": str(MAX_SUBSCRIPTIONS)}
        found = await self._get("subsz", query, _Subsz)
        if found is None:
            return None
        entries = found.subscriptions_list or []
        count = sum(bool(entry.qgroup) for entry in entries)
        if count:
            return count
        for cid in {entry.cid for entry in entries}:
            if not await self._is_observer(cid):
                return None
        varz = await self._get("varz", {}, _Varz)
        return None if varz is None or varz.clustered else 0

    async def _is_observer(self, cid: int) -> bool:
        """Whether a subscriber is a client of this program, or the server itself for a stream."""
        found = await self._get("connz", {"cid": str(cid)}, _Connz)
        return found is not None and all(
            client.name.startswith(CLIENT_NAME) for client in found.connections or ()
        )

    async def close(self) -> None:
        """Close the client."""
        await self._endpoint.close()

    async def _get(self, page: str, query: dict[str, str], kind: type[Page]) -> Page | None:
        return await self._endpoint.get(page, query, kind) if await self._is_verified() else None

    async def _is_verified(self) -> bool:
        """Whether the endpoint belongs to the expected server."""
        if self._server_id is None:
            return True
        expected = self._server_id()
        if not expected:
            return False
        candidate = (self._endpoint.url, expected)
        if self._verified != candidate:
            varz = await self._endpoint.get("varz", {}, _Varz)
            if varz is None:
                return False
            if varz.server_id != expected:
                _log.info("%s belongs to another server, %s", self._endpoint.url, varz.server_name)
                self._endpoint.back_off()
                return False
            self._verified = candidate
        return True


def guess_monitor_url(server: str) -> str:
    """Return the usual URL of a server's monitoring endpoint, empty for an invalid address."""
    try:
        address = parse_server(server)
    except CannotConnectError:
        return ""
    host = address.urls[0].partition("://")[2].partition("/")[0].rpartition(":")[0]
    return f"http://{host}:{MONITOR_PORT}"
