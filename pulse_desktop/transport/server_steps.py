"""Steps of connecting to one server, from its name to its JetStream.

The connection is made by the same `Connector` as every other; here its progress becomes steps, and
its error the end of the step that it is about.
"""

import asyncio
import ipaddress
import json
import socket
import ssl
import time
from typing import Any, Final
from urllib.parse import urlsplit

from nats import errors
from nats.aio.client import Client

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.model.errors import CannotConnectError, NotConnectedError, NotPermittedError
from pulse_desktop.nats_client.client import (
    ClientCertificateError,
    TLSFirstRequiredError,
    TLSRequiredError,
    server_info,
)
from pulse_desktop.nats_client.connect import close_on_error
from pulse_desktop.nats_client.connect_errors import describe_connect_error, is_login_refused
from pulse_desktop.nats_client.connect_progress import ConnectStage
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.nats_client.jetstream import JetStreamState, unavailable_error
from pulse_desktop.nats_client.permission_violations import PermissionViolations, request_or_fail
from pulse_desktop.nats_client.server_answers import UNREADABLE, InvalidAnswerError
from pulse_desktop.nats_client.server_info import ServerInfo
from pulse_desktop.text.translation import _
from pulse_desktop.transport.certificate import describe_certificate
from pulse_desktop.transport.connection import CLIENT_NAME, CONNECT_TIMEOUT_S
from pulse_desktop.transport.connector import Connector
from pulse_desktop.transport.jetstream_check import check_jetstream
from pulse_desktop.transport.step_report import StepReport

NAME_TIMEOUT_S: Final = 5.0
USER_TIMEOUT_S: Final = 1.0
_USER_INFO: Final = "$SYS.REQ.USER.INFO"
_STATUS: Final = {
    "ok": StepStatus.OK,
    "warning": StepStatus.WARNING,
    "problem": StepStatus.FAILED,
}
_STAGES: Final = {
    ConnectStage.TCP: StepKind.TCP,
    ConnectStage.WEBSOCKET: StepKind.WEBSOCKET,
    ConnectStage.INFO: StepKind.SERVER,
    ConnectStage.TLS: StepKind.TLS,
    ConnectStage.LOGIN: StepKind.LOGIN,
}


class ServerSteps:
    """Connects to one server and reports the steps; a `ConnectProgress` of the connection."""

    def __init__(self, url: str, options: ConnectionOptions, report: StepReport) -> None:
        """Describe the server, and plan its steps.

        Args:
            url: of one server.
            options: login, TLS and JetStream.
            report: where the steps are reported.
        """
        self._options = options
        self._report = report
        self._lost = asyncio.Event()
        self._connector = Connector(
            url,
            options,
            CLIENT_NAME,
            on_error=self._on_error,
            on_end=lambda _client: self._lost.set(),
        )
        self._address = self._connector.address
        self._stage = ConnectStage.TCP
        self._error: BaseException | None = None
        self.host = self._address.hosts
        self._kinds = _kinds(self._address.urls[0], tls_first=options.tls_first)
        report.plan(ConnectionStep(kind, self.host) for kind in self._kinds)

    @property
    def violations(self) -> PermissionViolations:
        """What the server has refused so far."""
        return self._connector.violations

    async def connect(self) -> tuple[FastPathClient, JetStreamState] | None:
        """Return a connected client, and whether there is JetStream; None without a connection."""
        if not await self._resolve():
            self._skip_rest()
            return None
        try:
            client, state = await self._connector.connect(CONNECT_TIMEOUT_S, self)
        except CannotConnectError as error:
            self._end_failed(error)
            return None
        async with close_on_error(client):
            await self._end_login(client)
        self._end_jetstream(client, state)
        return client, state

    # Progress of the connection

    def begin(self, stage: ConnectStage) -> None:
        """Take that a stage begins."""
        self._stage = stage
        if stage is ConnectStage.WEBSOCKET:
            self._report.begin(StepKind.TCP, self.host)
        if stage is ConnectStage.LOGIN and StepKind.TLS in self._kinds:
            self._end_unencrypted()
        self._report.begin(_STAGES[stage], self.host)

    def complete(
        self,
        stage: ConnectStage,
        *,
        tls: ssl.SSLObject | None = None,
        server: ServerInfo | None = None,
    ) -> None:
        """Take that a stage has succeeded."""
        if stage is ConnectStage.WEBSOCKET:
            self._end(StepKind.TCP, StepStatus.OK)
        if tls is not None:
            self._end(StepKind.TLS, *describe_certificate(tls, time.time()))
        if server is not None:
            self._end(StepKind.SERVER, StepStatus.OK, self._describe(server))
        elif stage is ConnectStage.LOGIN:  # ends when it is known who that is
            self._report.measure(ConnectionStep(StepKind.LOGIN, self.host))
            self._report.begin(StepKind.JETSTREAM, self.host)
        elif stage is not ConnectStage.TLS:
            self._end(_STAGES[stage], StepStatus.OK)
        elif self._options.tls_first:
            self.begin(ConnectStage.INFO)

    def fail(self, error: BaseException | None) -> None:
        """Take why the server could not be connected to."""
        self._error = error

    def _on_error(self, _client: Client, error: Exception) -> None:
        self.violations.report(str(error))

    # Steps

    async def _resolve(self) -> bool:
        """Look up the host name; return whether there is an address."""
        parts = urlsplit(self._address.urls[0])
        host = str(parts.hostname)
        step = StepKind.NAME
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            self._end(step, StepStatus.SKIPPED, _("an address, not a name"))
            return True
        self._report.begin(step, self.host)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(NAME_TIMEOUT_S):
                found = await loop.getaddrinfo(host, parts.port, type=socket.SOCK_STREAM)
        except (TimeoutError, OSError, UnicodeError) as error:
            cause = error if isinstance(error, OSError) else socket.gaierror()
            self._end(step, StepStatus.FAILED, *describe_connect_error(cause, self.host))
            return False
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        self._end(step, StepStatus.OK, ", ".join(addresses))
        return True

    def _end_failed(self, error: CannotConnectError) -> None:
        """End the step that an error is about; those before it have succeeded."""
        failed = _kind_of(self._error, self._stage)
        if failed not in self._kinds:
            failed = _STAGES[self._stage]
        for kind in self._kinds[: self._kinds.index(failed)]:
            step = self._report.step(ConnectionStep(kind, self.host))
            if not step.status.is_final and kind is not StepKind.SERVER:
                self._end(kind, StepStatus.OK)
        self._end(failed, StepStatus.FAILED, error.detail, error.advice)
        self._skip_rest()

    def _skip_rest(self) -> None:
        self._report.skip_open(_("not reached"), self.host)

    def _describe(self, info: ServerInfo) -> str:
        text = "NATS {version}" if info.name == info.id else "NATS {version}, {name}"
        if info.cluster:
            text = _("NATS {version}, {name} in the cluster {cluster}")
        return text.format(version=info.version, name=info.name, cluster=info.cluster)

    async def _end_login(self, client: FastPathClient) -> None:
        """Say who is logged in."""
        info = server_info(client)
        user = await self._user(client)
        has_login = self._options.has_login or bool(self._address.login_arguments())
        if not info.auth_required and not has_login:
            detail = _("this server requires none")
        elif user.get("account", "$G") not in ("", "$G"):
            detail = _("as {user}, account {account}").format(
                user=self._user_name(user), account=user["account"]
            )
        else:
            detail = _("as {user}").format(user=self._user_name(user))
        self._end(StepKind.LOGIN, StepStatus.OK, detail)

    def _end_unencrypted(self) -> None:
        """Say that there was no TLS, if there was none."""
        step = self._report.step(ConnectionStep(StepKind.TLS, self.host))
        if step.status.is_final:
            return
        host = str(urlsplit(self._address.urls[0]).hostname)
        is_own = host == "localhost" or host.startswith("127.") or host == "::1"
        if is_own or not (self._options.has_login or self._address.login_arguments()):
            self._end(StepKind.TLS, StepStatus.SKIPPED, _("not encrypted"))
            return
        self._end(
            StepKind.TLS,
            StepStatus.WARNING,
            _("not encrypted: others in the network can read the login"),
            _("Set up TLS on the server, and write tls:// before its name."),
        )

    async def _user(self, client: FastPathClient) -> dict[str, str]:
        """Return what the server says about the user, empty without permission to ask."""
        sent_at = time.monotonic()
        try:
            request = client.request(_USER_INFO, b"", timeout=USER_TIMEOUT_S)
            reply = await request_or_fail(request, (_USER_INFO,), self.violations, self._lost)
            answer: dict[str, Any] = json.loads(reply.data)
            took = time.monotonic() - sent_at
            client.server_clock.compare(answer["server"]["time"], took)
            return {
                "user": str(answer["data"].get("user_name") or answer["data"]["user"]),
                "account": str(
                    answer["data"].get("account_name") or answer["data"].get("account", "")
                ),
            }
        except (
            *(errors.Error, NotPermittedError, NotConnectedError, TimeoutError, OSError),
            *UNREADABLE,
        ):
            return {}

    def _user_name(self, user: dict[str, str]) -> str:
        options, address = self._options, self._address
        if options.token or options.token_file or (not options.has_login and address.token):
            return _("the holder of the token")
        return user.get("user") or options.user or address.user or _("the user of this login")

    def _end_jetstream(self, client: FastPathClient, state: JetStreamState) -> None:
        is_on = state is JetStreamState.ON
        is_off = state.is_off or state is JetStreamState.NOT_READY
        info = server_info(client)
        result = check_jetstream(
            True if is_on else False if state.is_off else None,
            unavailable_error(state, info) if is_off else None,
            [] if is_on or is_off else [p for p in self.violations.problems if _USER_INFO not in p],
        )
        detail = result.detail
        if is_on and info.api_prefix:
            detail = _("enabled at {prefix}").format(prefix=info.api_prefix)
        elif is_on and info.domain:
            detail = _("enabled, domain {domain}").format(domain=info.domain)
        self._end(StepKind.JETSTREAM, _STATUS[result.status], detail, result.advice)

    def _end(self, kind: StepKind, status: StepStatus, detail: str = "", advice: str = "") -> None:
        self._report.end(ConnectionStep(kind, self.host), status, detail, advice)


def _kinds(url: str, *, tls_first: bool) -> tuple[StepKind, ...]:
    """Return the steps of a server in the order in which they happen."""
    first = (StepKind.NAME, StepKind.TCP)
    last = (StepKind.LOGIN, StepKind.JETSTREAM)
    if url.startswith("wss:"):
        return (*first, StepKind.TLS, StepKind.WEBSOCKET, StepKind.SERVER, *last)
    if url.startswith("ws:"):
        return (*first, StepKind.WEBSOCKET, StepKind.SERVER, *last)
    if tls_first:
        return (*first, StepKind.TLS, StepKind.SERVER, *last)
    return (*first, StepKind.SERVER, StepKind.TLS, *last)


def _kind_of(error: BaseException | None, stage: ConnectStage) -> StepKind:
    """Return the step that an error is about.

    Args:
        error: why there is no connection.
        stage: where the last attempt ended.
    """
    if isinstance(error, (TLSRequiredError, TLSFirstRequiredError, ClientCertificateError)):
        return StepKind.TLS
    if isinstance(error, ssl.SSLError):
        return StepKind.TLS
    if isinstance(error, InvalidAnswerError):
        return StepKind.SERVER if error.subject == "INFO" else StepKind.JETSTREAM
    if is_login_refused(error):
        return StepKind.LOGIN
    if isinstance(error, OSError) and stage is ConnectStage.WEBSOCKET:
        return StepKind.TCP
    return _STAGES[stage]
