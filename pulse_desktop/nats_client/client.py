"""The NATS client of both programs: nats-py's, with repairs that need its private names.

nats-py encrypts only when the server demands it, even for a `tls://` address. A server without TLS,
or an attacker on the way who removes the demand, would receive the credentials in plain text.
"""

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from nats.aio.client import PING_PROTO, Client, Srv
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import BadSubjectError, Error
from nats.js import JetStreamContext
from nats.js.errors import APIError
from nats.protocol import parser
from nats.protocol.parser import ERR_RE, PERMISSIONS_ERR

from pulse_desktop.nats_client.aio import CancellationGuard, abort_transport
from pulse_desktop.nats_client.connect_progress import ConnectStage, ProgressReport
from pulse_desktop.nats_client.fast_import import load_websockets
from pulse_desktop.nats_client.permission_violations import PermissionViolation
from pulse_desktop.nats_client.refused_subscriptions import RefusedSubscriptions
from pulse_desktop.nats_client.server_answers import (
    UNREADABLE,
    InvalidAnswerError,
    check_answer,
    check_api_error,
    check_info,
    one_line,
)
from pulse_desktop.nats_client.server_clock import ServerClock
from pulse_desktop.nats_client.server_info import ServerInfo
from pulse_desktop.nats_client.tls_transport import TLSTransport

CheckServer = Callable[[str, dict[str, Any]], Awaitable[None]]
MAX_CONTROL_LINE: Final = 4_096
"""Bytes of the first line of a message; a server closes the connection at a longer one."""
_CONTROL_LINE_REST: Final = 64
"""Bytes left for the command, the subscription id and the sizes."""
_UNSENDABLE: Final = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_MAX_NAME: Final = 120
"""Characters of a name that a server gives itself; what follows is cut off."""
_LONG_LINE: Final = "a line that is too long"
_SERVER_HEADERS: Final = ("Status", "Nats-Consumer-Stalled")
"""Headers with which a server reports about itself; nats-py obeys them in any message."""

# nats-py splits a line at every white space, a server only at spaces and tabs.
_FIELDS: Final = rb"[ \t]+([^ \t\n]+)[ \t]+([0-9]+)[ \t]+(([^ \t\n]+)[ \t]+)?([0-9]+)"
parser.MSG_RE = re.compile(rb"\AMSG" + _FIELDS + rb"\r\n")
parser.HMSG_RE = re.compile(rb"\AHMSG" + _FIELDS + rb"[ \t]+([0-9]+)\r\n")


class InvalidSubjectError(BadSubjectError):
    """A subject that a server would answer by closing the connection; nothing was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return f"nats: invalid subject: {self.reason}"


def check_subjects(*subjects: str) -> None:
    """Check that subjects, and a queue group, can be sent in one control line.

    Names in them may be from the network. One that is too long, or that has a space, would end the
    connection of everything else.

    Raises:
        InvalidSubjectError: they cannot be sent.
    """
    line = "".join(subjects)
    if _UNSENDABLE.search(line):
        raise InvalidSubjectError("it has a space or a control character")
    size = len(line) if line.isascii() else len(line.encode())
    if size > MAX_CONTROL_LINE - _CONTROL_LINE_REST:
        raise InvalidSubjectError(f"it is {len(line):,} characters long")


class TLSRequiredError(OSError):
    """TLS was requested, and the server offers none."""

    def __init__(self) -> None:
        super().__init__("this server offers no TLS; nothing was sent to it")


class TLSFirstRequiredError(OSError):
    """The server waits for a TLS handshake before it sends anything."""

    def __init__(self) -> None:
        super().__init__("this server requires the TLS handshake first")


class ClientCertificateError(OSError):
    """The server verifies client certificates, and closed the connection without an answer.

    Attributes:
        given: whether the client has a certificate.
    """

    def __init__(self, *, given: bool) -> None:
        super().__init__("this server requires a client certificate")
        self.given = given


def server_info(client: Client) -> ServerInfo:
    """Return what the server that a client is, or was last, connected to reports about itself."""
    info = client._server_info or {}
    return ServerInfo(
        id=_text(info, "server_id"),
        name=_text(info, "server_name"),
        version=_text(info, "version"),
        cluster=_text(info, "cluster"),
        jetstream=bool(info.get("jetstream")),
        auth_required=bool(info.get("auth_required")),
        api_prefix=client.api_prefix if isinstance(client, NatsClient) else "",
        domain=_text(info, "domain"),
    )


def _text(info: dict[str, Any], field: str) -> str:
    """Return a text of the server as one line of a bounded length."""
    return one_line(str(info.get(field) or ""), _MAX_NAME)


def client_of(js: JetStreamContext) -> Client:
    """Return the client that a JetStream context sends its requests with."""
    return js._nc


class NatsClient(Client):
    """nats-py's client, which encrypts wherever TLS is requested, or does not log in.

    A task that is cancelled in it ends, also where nats-py swallows the cancellation: its
    reconnecting, and programs of others that use this client, would go on for ever.

    Attributes:
        api_prefix: where JetStream requests are sent, empty for `$JS.API`.
        server_clock: compares this machine's clock with the server's at JetStream requests.
        progress: is told how far connecting is.
    """

    def __init__(self, check_server: CheckServer | None = None) -> None:
        """Create a client that is not connected.

        Args:
            check_server: awaited before each connection to one of several servers, with its URL
                (login included) and the arguments of `connect`; an exception leaves the server out.
        """
        super().__init__()
        self._check_server = check_server
        self._arguments: dict[str, Any] = {}
        self._has_certificate = False
        self.api_prefix = ""
        self.progress = ProgressReport()
        self._is_stored = False
        self.server_clock = ServerClock()
        self._refused_subscriptions = RefusedSubscriptions(
            self, self._unlimited_subscriptions, self._send_subscribe
        )
        self._refused_inbox: PermissionViolation | None = None

    def jetstream(self, **options: Any) -> JetStreamContext:
        """Return a context for JetStream; see nats-py."""
        return _TimedJetStreamContext(self, **options)

    async def connect(self, servers: str | list[str], **arguments: Any) -> None:  # type: ignore[override]
        """Connect; see nats-py.

        There are three more arguments. `api_prefix` is where this account reaches the JetStream
        API: in a domain, or imported from another account. All requests go there, also those of
        nats-py itself. `client_certificate` is whether `tls` has a certificate of the client.
        `permitted_cb` is called with the refusal of each subscription that is permitted again.
        """
        self._arguments = dict(arguments)
        self.api_prefix = arguments.pop("api_prefix", "")
        self._has_certificate = arguments.pop("client_certificate", False)
        self._refused_subscriptions.on_permitted = arguments.pop("permitted_cb", None)
        await super().connect(servers, **arguments)

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        reply: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Publish; a JetStream request goes to the configured API.

        Raises:
            InvalidSubjectError: the server would close the connection.
        """
        if self.api_prefix:
            subject = self._api_subject(subject)
        check_subjects(subject, reply)
        await super().publish(subject, payload, reply, headers)

    async def request(self, subject: str, *arguments: Any, **options: Any) -> Msg:
        """Send a request; see nats-py, which keeps a future for one that cannot be sent.

        Raises:
            InvalidSubjectError: the server would close the connection.
        """
        check_subjects(subject)
        with CancellationGuard():
            return await super().request(subject, *arguments, **options)

    async def flush(self, timeout: int = 10) -> None:  # noqa: ASYNC109 - nats-py's
        """Wait until the server has read everything; see nats-py."""
        with CancellationGuard():
            await super().flush(timeout)

    async def drain(self) -> None:
        """Process what has arrived, and close; see nats-py."""
        with CancellationGuard():
            await super().drain()

    async def subscribe(  # type: ignore[override]
        self,
        subject: str,
        queue: str = "",
        cb: Callable[[Msg], Awaitable[None]] | None = None,
        **options: Any,
    ) -> Subscription:
        """Subscribe; see nats-py.

        Raises:
            InvalidSubjectError: the server would close the connection.
        """
        check_subjects(subject, queue)
        return await super().subscribe(subject, queue, cb, **options)

    def _api_subject(self, subject: str) -> str:
        prefix = self.api_prefix
        if subject.startswith("$JS.API."):
            return prefix + subject.removeprefix("$JS.API")
        # A domain maps keys below its API; a leaf node does not let `$KV` itself through.
        if subject.startswith("$KV.") and prefix.startswith("$JS."):
            return f"{prefix}.{subject}"
        return subject

    async def _connect_to_server(self, s: Srv) -> None:
        """Connect to one server.

        nats-py does not end the tasks of an attempt that failed after the login: they would read
        from the next connection too.
        """
        for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None:
                task.cancel()
        if s.uri.scheme in ("ws", "wss"):
            await load_websockets()
        if self._check_server is not None and len(self._server_pool) > 1:
            arguments = self._arguments
            if s.tls_name and "tls_hostname" not in arguments:
                arguments = {**arguments, "tls_hostname": s.tls_name}
            await self._check_server(self._url_with_login(s), arguments)
        if not self._transport and s.uri.scheme not in ("ws", "wss"):
            self._transport = TLSTransport(self.progress)
        is_websocket = s.uri.scheme in ("ws", "wss")
        stage = ConnectStage.WEBSOCKET if is_websocket else ConnectStage.TCP
        self.progress.begin(stage)
        with self._disconnect_if_cancelled():
            await super()._connect_to_server(s)
        self.progress.complete(stage, tls=_websocket_tls(self._transport))

    async def _process_connect_init(self) -> None:
        """Log in.

        Over TLS 1.3 a server verifies the client's certificate after the handshake, and closes the
        connection. Its alert is lost when the client has sent something meanwhile.

        Every error but those that nats-py expects, such as the one for a line of another protocol
        or for an unreadable key file, would end its attempts to reconnect.
        """
        self._server_info = {}
        if not self.options["tls_handshake_first"]:
            self.progress.begin(ConnectStage.INFO)
        try:
            with self._disconnect_if_cancelled():
                await super()._process_connect_init()
            self.progress.complete(ConnectStage.LOGIN)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            info = self._server_info
            is_certain = not (self._has_certificate and info.get("auth_required"))
            if info.get("tls_verify") and is_certain:
                raise ClientCertificateError(given=self._has_certificate) from None
            raise
        except (Error, OSError, TimeoutError):
            raise
        except Exception as error:
            if not self._server_info or type(self._server_info) is not dict:
                self._server_info = {}
                raise InvalidAnswerError("INFO") from error
            if isinstance(error.__context__, asyncio.LimitOverrunError):
                error = ValueError(_LONG_LINE)
            raise Error(f"nats: {error}") from error

    @contextlib.contextmanager
    def _disconnect_if_cancelled(self) -> Iterator[None]:
        """Disconnect when nats-py goes on connecting although the task was cancelled."""
        try:
            with CancellationGuard():
                yield
        except asyncio.CancelledError:
            if self._reconnection_task not in (None, asyncio.current_task()):
                raise  # another attempt has replaced this one
            if self._status == Client.CONNECTED:
                self._status = Client.DISCONNECTED
            self.disconnect()
            raise

    def disconnect(self) -> None:
        """End the connection at once, and what reads from it; what is buffered is discarded."""
        for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None:
                task.cancel()
        if isinstance(self._transport, TLSTransport):
            self._transport.abort()
        else:
            _abort_websocket(self._transport)

    def _url_with_login(self, server: Srv) -> str:
        """Return a server's URL; a discovered one has the login of those given."""
        uri = server.uri
        if not uri.username:
            logins = (each.uri.netloc.rpartition("@")[0] for each in self._server_pool)
            if login := next(filter(None, logins), ""):
                uri = uri._replace(netloc=f"{login}@{uri.netloc}")
        return str(uri.geturl())

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Process the server's INFO; the first one arrives before the login is sent.

        Raises:
            InvalidAnswerError: the first one is not valid; others are left out.
        """
        try:
            check_info(info)
        except InvalidAnswerError as error:
            if initial_connection:
                self._server_info = {}
                raise
            await self._error_cb(error)
            return
        if initial_connection:
            self.progress.complete(ConnectStage.INFO, server=server_info(self))
            self._require_tls(info)
        await super()._process_info(info, initial_connection)

    def _connect_command(self) -> bytes:
        """Return the line that logs in; nats-py asks for it when everything else is done."""
        self.progress.begin(ConnectStage.LOGIN)
        command: bytes = super()._connect_command()
        return command

    async def _process_err(self, err_msg: str) -> None:
        """Process an error of the server; nats-py changes the subjects in it to lower case.

        nats-py subscribes to its inbox once. If that is refused, no later request would ever be
        answered, also after the permission is granted: the next request subscribes again. All
        other subscriptions are tried again here (`RefusedSubscriptions`).
        """
        if PERMISSIONS_ERR not in err_msg:
            await super()._process_err(err_msg)
            return
        found = ERR_RE.match(self._ps.buf)
        text = (found[1].decode(errors="replace") if found else err_msg).strip("'")
        inbox = (self._resp_sub_prefix or b"").decode() + "*"
        if "subscription to" in err_msg and f'"{inbox}"' in text:
            self._resp_sub_prefix = None
            self._refused_inbox = PermissionViolation("subscribe", inbox)
            for subscription in list(self._subs.values()):
                if subscription.subject == inbox:
                    self._remove_sub(subscription._id)
                    subscription._stop_processing()
        self._err = error = Error(f"nats: {text}")
        if self._refused_subscriptions.add(text):
            await self._error_cb(error)

    def _unlimited_subscriptions(self) -> dict[int, Subscription]:
        """Return the open subscriptions by id, without those whose limit would begin again."""
        return {number: each for number, each in self._subs.items() if not each._max_msgs}

    async def _request_sub_callback(self, msg: Msg) -> None:
        """Process the reply to a request: its inbox is permitted."""
        if self._refused_inbox is not None:
            violation, self._refused_inbox = self._refused_inbox, None
            await self._refused_subscriptions.on_other_permitted(violation)
        await super()._request_sub_callback(msg)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        """Close for good; nothing stays open if the server does not read or the caller gives up."""
        self._refused_subscriptions.close()
        transport = self._transport if isinstance(self._transport, TLSTransport) else None
        if transport is not None:
            transport.limit_drain()
        try:
            with CancellationGuard():
                await super()._close(status, do_cbs)
        except asyncio.CancelledError:
            if transport is not None:
                transport.abort()
            raise

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        """Send a PING behind what is buffered, so that its PONG confirms that.

        nats-py writes it ahead of the buffer: a flush would say nothing about a subscription that
        was just made.
        """
        self._pongs.append(future or asyncio.get_running_loop().create_future())
        self._pending.append(PING_PROTO)
        self._pending_data_size += len(PING_PROTO)
        await self._flush_pending()

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        """Write what is buffered, or wait until it is written."""
        with CancellationGuard():
            return await super()._flush_pending(force_flush)

    async def _process_pong(self) -> None:
        """Process the server's PONG, also when its `flush` was cancelled or timed out.

        nats-py sets the result of a future that is already done, and the exception ends the
        connection.
        """
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _process_headers(self, headers: Any) -> dict[str, str] | None:
        """Read the headers of a message; the message arrives without those that are not valid.

        Their sender chooses the bytes, and an exception would end all reading.
        """
        try:
            found: dict[str, str] | None = await super()._process_headers(headers)
        except Exception:  # noqa: BLE001 - see above
            return None
        if found and self._is_stored:  # only the server reports a status, and never with an ack
            for name in _SERVER_HEADERS:
                found.pop(name, None)
        return found

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        """Process a message; an exception that escapes would end all reading."""
        self._is_stored = reply.startswith(b"$JS.ACK.")
        try:
            await super()._process_msg(sid, subject, reply, data, headers)
        except Exception as error:  # noqa: BLE001 - see above
            await self._error_cb(error)

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        """Return a message; its subject is the sender's choice, and may not be UTF-8."""
        subject = subject.decode(errors="replace").encode()
        reply = reply.decode(errors="replace").encode()
        message: Msg = super()._build_message(sid, subject, reply, data, headers)
        return message

    def _require_tls(self, info: dict[str, Any]) -> None:
        """Make nats-py encrypt where the address requests it, or close the connection.

        `tls` in the address requests TLS, and so does `nats` with certificates to verify it by.

        Args:
            info: the server's INFO; changed so that nats-py, which obeys only it, encrypts.

        Raises:
            TLSRequiredError: the server neither demands nor offers TLS.
        """
        server = self._current_server
        scheme = server.uri.scheme if server else ""
        required = scheme == "tls" or (scheme == "nats" and "tls" in self.options)
        if not required or info.get("tls_required"):
            return
        if not info.get("tls_available"):
            if self._transport:  # nats-py leaves it open when it reconnects
                self._transport.close()  # type: ignore[no-untyped-call]
            raise TLSRequiredError
        info["tls_required"] = True


def _abort_websocket(transport: Any) -> None:
    """Close a WebSocket connection at once; aiohttp would first send what is buffered."""
    connection = getattr(getattr(transport, "_ws", None), "_conn", None)
    if connection is not None and connection.transport is not None:
        abort_transport(connection.transport)


def _websocket_tls(transport: Any) -> ssl.SSLObject | None:
    """Return the TLS of a WebSocket connection, None without."""
    websocket = getattr(transport, "_ws", None)
    tls: ssl.SSLObject | None = websocket.get_extra_info("ssl_object") if websocket else None
    return tls


class _TimedJetStreamContext(JetStreamContext):
    """A JetStream context that validates answers, and compares the clocks at each request."""

    async def _api_request(
        self,
        req_subject: str,
        req: bytes = b"",
        timeout: float = 5,  # noqa: ASYNC109 - nats-py's
    ) -> dict[str, Any]:
        sent_at = time.monotonic()
        try:
            response: dict[str, Any] = await super()._api_request(req_subject, req, timeout)
        except APIError as error:
            check_api_error(req_subject, error)
            raise
        except UNREADABLE:
            raise InvalidAnswerError(req_subject) from None
        check_answer(req_subject, response)
        client = self._nc
        if isinstance(client, NatsClient):
            client.server_clock.compare(response.get("ts"), time.monotonic() - sent_at)
        return response
