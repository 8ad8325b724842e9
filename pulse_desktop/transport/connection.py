"""The one connection to a server, kept for ever.

nats-py's own reconnecting is not used. It buffers what is published meanwhile and sends it later
as stale work, reports a flush that never happened as done, and cannot recover from every failure.
Here a lost client is thrown away and a new one is built; whoever follows something hears of it
through `on_connected` and resumes from what it last saw.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from nats import errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from pulse_desktop.model.connection_status import ConnectionStatus, StatusHolder
from pulse_desktop.model.errors import (
    CannotConnectError,
    NoJetStreamError,
    NotConnectedError,
    NotPermittedError,
)
from pulse_desktop.nats_client.aio import cancel_and_wait, wait_for
from pulse_desktop.nats_client.client import FastPathClient, server_info
from pulse_desktop.nats_client.connect import close_quietly, connect_once
from pulse_desktop.nats_client.connect_errors import describe_connect_error
from pulse_desktop.nats_client.permission_violations import PermissionViolations
from pulse_desktop.nats_client.requests import request_or_fail
from pulse_desktop.nats_client.server_address import ServerAddress, parse_server

CLIENT_NAME: Final = "pulse-desktop"
"""Names that begin so are observers: they look at tasks and take none."""

CONNECT_TIMEOUT_S: Final = 5.0
RTT_INTERVAL_S: Final = 5.0
REQUEST_TIMEOUT_S: Final = 10
"""A server that leaves a ping unanswered for so many seconds counts as gone."""

FIRST_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 2.0
JETSTREAM_TIMEOUT_S: Final = 2.0

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Listener = Callable[[], Awaitable[None]]


class Connection:
    """A client that is there again after every interruption.

    Attributes:
        generation: counts the clients: whoever subscribed on an older one must do so again.
        on_connected: coroutine functions awaited after every connect, before work goes on.
        on_disconnected: coroutine functions awaited after every loss.
        lost_at: Unix seconds up to which the last lost client was known to be alive, 0 at first.
        slow_consumers: messages the client library dropped because a callback was too slow.
        refusals: what the server refused so far.
    """

    def __init__(
        self,
        server: str,
        *,
        client_name: str = CLIENT_NAME,
        on_status: Callable[[ConnectionStatus], None] | None = None,
        clock: Callable[[], float] = time.time,
        user: str = "",
        password: str = "",
        token: str = "",
        credentials: Path | None = None,
        nkey_seed: Path | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Describe a connection; nothing is sent before `open` or `keep`.

        Args:
            server: address, or several separated by commas; may hold credentials.
            client_name: shown in the server's list of connections.
            on_status: told of every change of `status`.
            clock: Unix seconds.
            user: user name; with `password` it overrides what the address holds.
            password: secret.
            token: secret; overrides what the address holds.
            credentials: path of a .creds file.
            nkey_seed: path of a file with an NKey seed.
            tls: how to trust the server, for addresses that need more than the system's trust.

        Raises:
            CannotConnectError: `server` is no address.
        """
        address = parse_server(server)
        if user or token:
            address = ServerAddress(address.urls, user, password, token)
        self._address = address
        self._board = StatusHolder(address.shown, clock, on_status)
        self._clock = clock
        self._options: dict[str, Any] = {"name": client_name, "no_echo": True}
        for name, value in (("user_credentials", credentials), ("nkeys_seed", nkey_seed)):
            if value is not None:
                self._options[name] = str(value)
        if tls is not None:
            self._options["tls"] = tls
        self._client: FastPathClient | None = None
        self._js: JetStreamContext | None = None
        self._discovered: tuple[str, ...] = ()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()
        self._connecting = asyncio.Lock()
        self._closed = False
        self._ping: asyncio.Future[float] | None = None
        self.refusals = PermissionViolations()
        self.generation = 0
        self.lost_at = 0.0
        self._answered_at = 0.0
        self.on_connected: list[Listener] = []
        self.on_disconnected: list[Listener] = []
        self.slow_consumers = 0

    @property
    def status(self) -> ConnectionStatus:
        """What is true of the connection now."""
        return self._board.status

    @property
    def permission_problems(self) -> list[str]:
        """What the server refused so far, in plain words, without repeats."""
        return self.refusals.problems

    @property
    def server_id(self) -> str:
        """How the server that is connected now calls itself, empty without one."""
        client = self._client
        if client is None or not self.connected:
            return ""
        return server_info(client).id

    @property
    def connected(self) -> bool:
        """Whether something can be sent now."""
        client = self._client
        return client is not None and client.is_connected and not self._down.is_set()

    @property
    def client(self) -> FastPathClient:
        """The client. Raises NotConnectedError when there is no connection."""
        if self._client is None or not self.connected:
            raise NotConnectedError
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """The JetStream context. Raises NotConnectedError, NoJetStreamError."""
        if self._js is None or not self.connected:
            raise NotConnectedError
        if self.status.jetstream is False:
            raise NoJetStreamError
        return self._js

    async def open(self, timeout: float = CONNECT_TIMEOUT_S) -> None:  # noqa: ASYNC109
        """Connect once. Does nothing when connected.

        Args:
            timeout: seconds; most failures are told much sooner.

        Raises:
            CannotConnectError: with the reason in plain words.
        """
        async with self._connecting:
            if not self.connected:
                await self._connect(timeout)

    async def keep(self) -> None:
        """Stay connected for ever; meant to be run by a supervisor. Returns after `close()`."""
        pause = FIRST_PAUSE_S
        while not self._closed:
            try:
                await self.open()
            except CannotConnectError:
                with contextlib.suppress(TimeoutError):
                    await wait_for(self._up.wait(), pause)
                pause = min(pause * 2, MAX_PAUSE_S)
                continue
            pause = FIRST_PAUSE_S
            await self._watch()
            if not self._closed:
                await self._tell(self.on_disconnected)

    async def wait_connected(self) -> int:
        """Wait until connected and return the generation of the client."""
        while not self.connected:
            await self._up.wait()
            if not self.connected:  # its loss is not told yet: the library is still closing it
                await asyncio.sleep(0.05)
        return self.generation

    async def wait_lost(self) -> None:
        """Wait until the present client is lost; returns at once when there is none."""
        await self._down.wait()

    async def while_connected(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Await something that makes no sense without the present client.

        Raises:
            NotConnectedError: the client was lost before; the work is cancelled.
        """
        return await request_or_fail(work, (), self.refusals, self._down)

    async def ask(self, request: Coroutine[Any, Any, Answer], *subjects: str) -> Answer:
        """Await a request, but not longer than there is hope of an answer.

        A refused request is never answered: the client library alone would wait for its timeout.

        Args:
            request: a request of the client or its JetStream context.
            subjects: what it publishes to.

        Raises:
            NotPermittedError: the server refuses one of the subjects.
            NotConnectedError: the connection was lost meanwhile.
            NoJetStreamError: JetStream itself does not answer.
        """
        return await request_or_fail(request, subjects, self.refusals, self._down)

    async def move_to(self, server: str) -> None:
        """Go on at another address, as after an interruption: whoever follows something resumes.

        Raises:
            CannotConnectError: `server` is no address; nothing has changed.
        """
        self._address = parse_server(server)
        self._discovered = ()
        client = self._client
        if client is not None:
            self._lost(None)
            await close_quietly(client)
        self._board.change(server=self._address.shown, problem="", advice="")

    async def close(self) -> None:
        """Close for good."""
        self._closed = True
        self._up.set()
        self._up.clear()
        client, self._client = self._client, None
        self._down.set()
        if client is not None:
            await close_quietly(client)
        if self._ping is not None:
            await cancel_and_wait(self._ping)
        self._board.change(state="closed", problem="", advice="", rtt_s=None)

    async def _connect(self, timeout: float) -> None:  # noqa: ASYNC109
        """Get a new client, or raise CannotConnectError with the reason."""
        if self._client is not None:
            client, self._client = self._client, None
            await close_quietly(client)
        try:
            client = await connect_once(
                self._address,
                timeout=timeout,
                options=self._options,
                on_error=self._note,
                on_end=self._ended,
                discovered=self._discovered,
            )
        except CannotConnectError as error:
            if not self._closed:
                state = "reconnecting" if self.generation else "connecting"
                self._board.change(
                    state=state, problem=error.detail, advice=error.advice, rtt_s=None
                )
            raise
        if self._closed:
            await close_quietly(client)
            raise CannotConnectError("Cannot connect", "the connection was closed meanwhile.")
        await self._adopt(client)

    async def _adopt(self, client: FastPathClient) -> None:
        """Make a connected client the one in use, and tell everybody."""
        first = self.generation == 0
        self._client = client
        self._js = client.jetstream()
        self.generation += 1
        if "tls" not in self._options and not self._address.urls[0].startswith("tls"):
            self._discovered = tuple(
                url.geturl() for url in client.discovered_servers if url.netloc
            )
        self._answered_at = self._clock()
        info = server_info(client)
        self._down.clear()
        self._board.change(
            state="connected",
            problem="",
            advice="",
            rtt_s=None,
            reconnects=self.status.reconnects + (not first),
            jetstream=None,
            server_version=info.version,
            server_name=info.name,
            max_payload=client.max_payload,
        )
        jetstream = await self._find_jetstream(self._js)
        if self._client is client and client.is_connected:
            self._board.change(jetstream=jetstream)
            self._up.set()
            await self._tell(self.on_connected)

    async def _find_jetstream(self, js: JetStreamContext) -> bool | None:
        try:
            await wait_for(self.ask(js.account_info(), "$JS.API.INFO"), JETSTREAM_TIMEOUT_S)
        except NoJetStreamError:
            return False
        except (errors.Error, NotPermittedError, NotConnectedError, TimeoutError):
            return None
        return True

    async def _watch(self) -> None:
        """Measure the round trip until the client is lost."""
        lost = asyncio.ensure_future(self._down.wait())
        try:
            while (client := self._client) is not None and client.is_connected:
                # A cancelled ping breaks the library's reader when its answer comes after all:
                # it is left alone until it ends or the client is given up.
                ping = self._ping = asyncio.ensure_future(client.rtt(REQUEST_TIMEOUT_S))
                await asyncio.wait({ping, lost}, return_when=asyncio.FIRST_COMPLETED)
                if not ping.done():
                    await cancel_and_wait(ping)
                    return
                if ping.exception() is not None:
                    self._lost(ping.exception(), alive_until=self._answered_at)
                    return
                self._answered_at = self._clock()
                self._board.change(rtt_s=ping.result())
                await asyncio.wait({lost}, timeout=RTT_INTERVAL_S)
            self._lost(client.last_error if client is not None else None)
        finally:
            await cancel_and_wait(lost)

    def _ended(self, client: Client) -> None:
        if client is self._client:
            self._lost(client.last_error)

    def _lost(self, error: BaseException | None, alive_until: float = 0.0) -> None:
        """Note that the present client is gone."""
        if self._down.is_set():
            return
        self.lost_at = alive_until or self._clock()
        self._up.clear()
        self._down.set()
        detail, advice = describe_connect_error(
            error or errors.UnexpectedEOF(), self._address.hosts
        )
        if not self._closed:
            detail = self._address.mask(detail)
            self._board.change(state="reconnecting", problem=detail, advice=advice, rtt_s=None)

    def _note(self, client: Client, error: Exception) -> None:
        """Take in what the client library reports. Never raises: that would end its reader."""
        try:
            if client is not self._client:
                return
            if isinstance(error, errors.SlowConsumerError):
                self.slow_consumers += 1
                return
            text = str(error) or type(error).__name__
            if not self.refusals.report(text):
                _log.warning("NATS: %s", self._address.mask(text))
        except Exception:  # noqa: BLE001 - see above
            _log.warning("NATS reported an error that cannot be shown")

    async def _tell(self, listeners: list[Listener]) -> None:
        for listener in list(listeners):
            try:
                await listener()
            except Exception:  # noqa: BLE001 - one listener must not cost the others the news
                _log.exception("a listener of the connection failed")
