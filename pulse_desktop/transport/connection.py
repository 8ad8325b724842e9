"""The desktop's connection to a server, replaced by a new one after every loss.

nats-py's own reconnecting is not used. It buffers what is published meanwhile and sends it later as
stale work, reports a flush that never happened as done, and cannot recover from every failure. Here
a lost client is discarded and a new one connects; its users are notified by `on_connected`, and
resume from the last message they received.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from nats import errors
from nats.aio.client import Client
from nats.errors import BadSubjectError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.connection_status import ConnectionStatus, Outage, StatusHolder
from pulse_desktop.model.errors import (
    CannotConnectError,
    JetStreamNotReadyError,
    NoJetStreamError,
    NotConnectedError,
    UserFacingError,
)
from pulse_desktop.nats_client.aio import cancel_and_wait, wait_for
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.nats_client.client import server_info
from pulse_desktop.nats_client.connect import JETSTREAM_TIMEOUT_S, close_quietly
from pulse_desktop.nats_client.connect_errors import (
    LOSSES,
    describe_connect_error,
    is_login_refused,
)
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.nats_client.jetstream import (
    JetStreamState,
    jetstream_state,
    state_of_error,
    unavailable_error,
)
from pulse_desktop.nats_client.permission_violations import request_or_fail
from pulse_desktop.nats_client.server_clock import ServerClock
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connector import Connector

CLIENT_NAME: Final = "pulse-desktop"
"""Clients whose name begins with it observe tasks and run none."""

CONNECT_TIMEOUT_S: Final = 5.0
RTT_INTERVAL_S: Final = 5.0
REQUEST_TIMEOUT_S: Final = 10
"""The connection counts as lost if a ping is not answered within this time."""

FIRST_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 5.0
MAX_REFUSED_PAUSE_S: Final = 30.0
"""Longest pause after a refused login: the server logs each, and only an operator can help."""
MAX_OUTAGES: Final = 100
OTHER_SERVERS_INTERVAL_S: Final = 30.0
"""How often the other servers are tried while this one has no JetStream for the account."""
_CHECK_AGAIN: Final = frozenset(JetStreamState) - {JetStreamState.ON, JetStreamState.FORBIDDEN}

_log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")
Listener = Callable[[], Awaitable[None]]


class Connection:
    """A connection that is made again after every loss.

    Attributes:
        generation: number of connections so far: subscriptions of an older one are gone.
        on_connected: coroutine functions awaited after every connect, before work continues.
        on_disconnected: coroutine functions awaited after every loss.
        last_alive: Unix seconds up to which the last lost client was known to be alive; 0 before
            the first loss.
        slow_consumers: messages that nats-py dropped because a callback was too slow.
        violations: what the server has refused so far.
        outages: times without a connection since the first one, oldest first, the newest hundred.
    """

    def __init__(
        self,
        server: str = "",
        *,
        options: ConnectionOptions | None = None,
        is_login_typed: bool = False,
        on_status: Callable[[ConnectionStatus], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe a connection; nothing is sent before `open` or `run`.

        Args:
            server: address, or several separated by commas; may hold credentials. Empty to use the
                servers of the options.
            options: login and TLS; a login overrides that of the address.
            is_login_typed: whether a person typed the login just now: until the server has accepted
                it once, it is sent again only by `try_now` after it was refused.
            on_status: called at every change of `status`.
            clock: Unix seconds.

        Raises:
            CannotConnectError: there is no valid address.
        """
        options = options or ConnectionOptions()
        self._connector = Connector(
            server or options.servers,
            options,
            CLIENT_NAME,
            on_error=self._on_error,
            on_end=self._on_end,
        )
        self._status = StatusHolder(self._connector.address.redacted, clock, on_status)
        self._is_login_typed = is_login_typed
        self._server_clock = ServerClock(clock)
        self._client: FastPathClient | None = None
        self._js: JetStreamContext | None = None
        self._jetstream = JetStreamState.UNKNOWN
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()
        self._wake = asyncio.Event()
        self._connecting = asyncio.Lock()
        self._closed = False
        self._ping: asyncio.Future[float] | None = None
        self.violations = self._connector.violations
        self.generation = 0
        self.last_alive = 0.0
        self.outages: tuple[Outage, ...] = ()
        self._replied_at = 0.0
        self._others_tried_at = 0.0
        self.on_connected: list[Listener] = []
        self.on_disconnected: list[Listener] = []
        self.slow_consumers = 0

    @property
    def status(self) -> ConnectionStatus:
        """The current status."""
        return self._status.status

    @property
    def clock_offset_s(self) -> float | None:
        """Seconds that this machine's clock is ahead of the server's, 0 if they agree.

        None if the server has not said its time: only JetStream does.
        """
        return self._server_clock.offset_s if self._server_clock.measured else None

    def now(self) -> float:
        """Return Unix seconds by the server's clock as far as it is known, else by this machine's.

        The server's clock dates what is stored.
        """
        return self._server_clock.now()

    @property
    def server_id(self) -> str:
        """Id of the server that is connected now, empty without one."""
        return server_info(self._client).id if self._client and self.connected else ""

    @property
    def connected(self) -> bool:
        """Whether there is a connected client."""
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
        return self.require_jetstream()

    def require_jetstream(self) -> JetStreamContext:
        """Return the JetStream context, or raise NotConnectedError or NoJetStreamError."""
        if self._js is None or not self.connected:
            raise NotConnectedError
        if self._jetstream.is_off and (error := self.jetstream_error) is not None:
            raise error
        return self._js

    @property
    def jetstream_error(self) -> NoJetStreamError | JetStreamNotReadyError | None:
        """Why JetStream cannot be used; None if it can be, or if the reason is unknown."""
        state = self._jetstream
        if self._client is None or not (state.is_off or state is JetStreamState.NOT_READY):
            return None
        return unavailable_error(state, server_info(self._client))

    @property
    def is_typed_login_refused(self) -> bool:
        """Whether a person typed the login, and the server has refused and never accepted it."""
        return self.status.is_login_refused and self._is_login_typed and self.generation == 0

    async def open(self, timeout: float = CONNECT_TIMEOUT_S) -> None:  # noqa: ASYNC109
        """Connect once. Does nothing when connected.

        Args:
            timeout: seconds; most failures are reported much sooner.

        Raises:
            CannotConnectError: with the reason.
        """
        async with self._connecting:
            if not self.connected:
                await self._connect(timeout)

    async def run(self) -> None:
        """Stay connected forever; run by a supervisor. Returns after `close()`."""
        pauses = _Pauses()
        while not self._closed:
            try:
                await self.open()
            except CannotConnectError as error:
                await self._pause(pauses, error)
                continue
            pauses.reset()
            await self._watch()
            if not self._closed:
                await self._notify(self.on_disconnected)

    def try_now(self) -> None:
        """Try to connect at once, if the next attempt is being waited for."""
        self._wake.set()

    async def _pause(self, pauses: "_Pauses", error: CannotConnectError) -> None:
        """Wait until the next attempt is due, another one has succeeded, or `try_now` is called."""
        if self._closed or self.connected:
            return
        delay = pauses.next_delay(error)
        if self.is_typed_login_refused:
            delay = math.inf
        self._wake.clear()
        self._status.change(next_try_at=self.now() + delay)
        try:
            await wait_for(self._wake.wait(), None if delay == math.inf else delay)
        except TimeoutError:
            return
        else:
            pauses.reset()
        finally:
            if not self._closed:
                self._status.change(next_try_at=None)

    async def wait_connected(self) -> int:
        """Wait until connected and return the generation of the client."""
        while not self.connected:
            await self._up.wait()
            if not self.connected:  # nats-py is still closing it, and reports the loss afterwards
                await asyncio.sleep(0.05)
        return self.generation

    async def run_while_connected(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Await work that depends on the current client.

        Raises:
            NotConnectedError: the client was lost first; the work is cancelled.
        """
        return await request_or_fail(work, (), self.violations, self._down)

    async def request(self, request: Coroutine[Any, Any, ResultT], *subjects: str) -> ResultT:
        """Await a NATS request; fail early if it is refused or the connection drops.

        A refused request is never answered: nats-py alone would wait for its timeout.

        Args:
            request: a request of the client or its JetStream context.
            subjects: what it publishes and subscribes to, apart from the inbox of the client.

        Raises:
            NotPermittedError: the server refuses one of the subjects, or the inbox.
            NotConnectedError: the connection was lost meanwhile.
            NoJetStreamError: JetStream is off.
            JetStreamNotReadyError: JetStream does not answer at the moment.
            UserFacingError: a name in a subject is too long or not valid; nothing was sent.
        """
        client = self._client
        try:
            return await request_or_fail(request, subjects, self.violations, self._down)
        except BadSubjectError as error:
            raise UserFacingError(
                _("Invalid name"),
                _("nothing was sent: {reason}.").format(reason=str(error).removeprefix("nats: ")),
                _("Use a shorter name without spaces."),
            ) from None
        except APIError as error:
            info = server_info(client) if client is not None else None
            if info is None or (state := state_of_error(error, info)) is None:
                raise
            raise unavailable_error(state, info) from None

    async def move_to(self, server: str) -> None:
        """Continue at another address, as after a loss: consumers resume where they were.

        Raises:
            CannotConnectError: `server` is no address; nothing has changed.
        """
        self._connector.move_to(server)
        client = self._client
        if client is not None:
            self._lost(None)
            await close_quietly(client)
        self._status.change(server=self._connector.address.redacted, problem="", advice="")
        self.try_now()

    def abort(self) -> None:
        """Cut the connection for good; what waits for the server ends, `close` is still needed."""
        self._end()
        if self._client is not None:
            self._client.disconnect()

    async def close(self) -> None:
        """Close for good."""
        self._end()
        client, self._client = self._client, None
        if client is not None:
            await close_quietly(client)
        await self._connector.close()
        if self._ping is not None:
            await cancel_and_wait(self._ping)
        self._status.change(state="closed", problem="", advice="", rtt_s=None, next_try_at=None)

    def _end(self) -> None:
        """Wake everything that waits for the connection or for its loss."""
        self._closed = True
        self._wake.set()
        self._up.set()
        self._up.clear()
        self._down.set()

    async def _connect(self, timeout: float) -> None:  # noqa: ASYNC109
        """Replace the client by a connected one, or raise CannotConnectError with the reason."""
        if self._client is not None:
            client, self._client = self._client, None
            await close_quietly(client)
        self.violations.clear()
        try:
            client, state = await self._connector.connect(timeout)
        except CannotConnectError as error:
            if not self._closed:
                self._status.change(
                    state="reconnecting" if self.generation else "connecting",
                    problem=error.detail,
                    advice=error.advice,
                    rtt_s=None,
                    attempts=self.status.attempts + 1,
                    is_login_refused=error.is_login_refused,
                )
            raise
        if self._closed:
            await close_quietly(client)
            raise CannotConnectError(_("Cannot connect"), _("the connection was closed meanwhile."))
        await self._use(client, state)

    async def _use(self, client: FastPathClient, state: JetStreamState) -> None:
        """Make a connected client the current one, and notify its users."""
        first = self.generation == 0
        self._server_clock.expire()
        client.server_clock = self._server_clock
        self._client = client
        self._js = client.jetstream()
        self.generation += 1
        self._replied_at = self.now()
        info = server_info(client)
        self._down.clear()
        self._jetstream = state
        self._status.change(
            state="connected",
            problem="",
            advice="",
            rtt_s=None,
            reconnects=self.status.reconnects + (not first),
            jetstream=_is_available(state),
            server_version=info.version,
            server_name=info.name,
            max_payload=client.max_payload,
            attempts=0,
            next_try_at=None,
            is_login_refused=False,
        )
        if self.outages and self.outages[-1].end == math.inf:
            self.outages = (*self.outages[:-1], Outage(self.outages[-1].start, self.now()))
        self._up.set()
        self._wake.set()
        await self._notify(self.on_connected)

    async def _watch(self) -> None:
        """Measure the round trip until the client is lost."""
        lost = asyncio.ensure_future(self._down.wait())
        try:
            while (client := self._client) is not None and client.is_connected:
                # A cancelled ping breaks nats-py's reader when its answer arrives after all: it
                # is left alone until it ends or the client is given up.
                ping = self._ping = asyncio.ensure_future(client.rtt(REQUEST_TIMEOUT_S))
                await asyncio.wait({ping, lost}, return_when=asyncio.FIRST_COMPLETED)
                if not ping.done():
                    await cancel_and_wait(ping)
                    return
                if ping.exception() is not None:
                    self._lost(ping.exception(), alive_until=self._replied_at)
                    return
                self._replied_at = self.now()
                self._status.change(rtt_s=ping.result())
                await asyncio.wait({lost}, timeout=RTT_INTERVAL_S)
                if not lost.done() and self._jetstream in _CHECK_AGAIN:
                    await self._check_jetstream(client)
            self._lost(client.last_error if client is not None else None)
        finally:
            await cancel_and_wait(lost)

    async def _check_jetstream(self, client: FastPathClient) -> None:
        """Look again for JetStream: here, and on the other servers if the account has none here."""
        state = await jetstream_state(client, self.violations, JETSTREAM_TIMEOUT_S)
        if not client.is_connected:
            return
        self._jetstream = state
        self._status.change(jetstream=_is_available(state))
        now = asyncio.get_running_loop().time()
        if not state.is_off or now - self._others_tried_at < OTHER_SERVERS_INTERVAL_S:
            return
        self._others_tried_at = now
        if await self._connector.prepare_other(client, CONNECT_TIMEOUT_S):
            if self._closed:
                await self._connector.close()
            self._lost(None)
            await close_quietly(client)

    def _on_end(self, client: Client) -> None:
        if client is self._client:
            self._lost(client.last_error)

    def _lost(self, error: BaseException | None, alive_until: float = 0.0) -> None:
        """Record the loss of the current client."""
        if self._down.is_set():
            return
        self.last_alive = alive_until or self.now()
        if not self._closed:
            self.outages = (*self.outages, Outage(self.last_alive))[-MAX_OUTAGES:]
        self._up.clear()
        self._down.set()
        address = self._connector.address
        detail, advice = describe_connect_error(error or errors.UnexpectedEOF(), address.hosts)
        if not self._closed:
            self._status.change(
                state="reconnecting",
                problem=address.redact(detail),
                advice=advice,
                rtt_s=None,
                is_login_refused=is_login_refused(error),
                last_alive=self.last_alive,
            )

    def _on_error(self, client: Client, error: Exception) -> None:
        """Take an error that nats-py reports. Never raises: that would end nats-py's reader."""
        try:
            if isinstance(error, errors.SlowConsumerError):
                if client is self._client:
                    self.slow_consumers += 1
                return
            if isinstance(error, LOSSES):
                return  # `_lost` reports it with its reason
            text = str(error) or type(error).__name__
            if not self.violations.report(text) and client is self._client:
                _log.warning("NATS: %s", self._connector.address.redact(text))
        except Exception:  # noqa: BLE001 - see above
            _log.warning("NATS reported an error that cannot be shown")

    async def _notify(self, listeners: list[Listener]) -> None:
        for listener in list(listeners):
            try:
                await listener()
            except Exception:  # noqa: BLE001 - a failing listener must not stop the others
                _log.exception("a listener of the connection failed")


class _Pauses:
    """Pauses between attempts; those after refused logins grow longer."""

    def __init__(self) -> None:
        self._usual = Backoff(FIRST_PAUSE_S, MAX_PAUSE_S)
        self._refused = Backoff(FIRST_PAUSE_S, MAX_REFUSED_PAUSE_S)

    def next_delay(self, error: CannotConnectError) -> float:
        return (self._refused if error.is_login_refused else self._usual).next_delay()

    def reset(self) -> None:
        self._usual.reset()
        self._refused.reset()


def _is_available(state: JetStreamState) -> bool | None:
    if state is JetStreamState.ON:
        return True
    return False if state.is_off else None
