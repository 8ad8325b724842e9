"""Connected clients for an address and options, preferring servers that offer JetStream."""

import asyncio
import contextlib
from typing import Any

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.nats_client.client_arguments import client_arguments
from pulse_desktop.nats_client.connect import (
    OnEnd,
    OnError,
    close_quietly,
    connect_preferring_jetstream,
    find_jetstream,
    other_urls,
)
from pulse_desktop.nats_client.connect_progress import ConnectProgress
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.nats_client.jetstream import JetStreamState
from pulse_desktop.nats_client.permission_violations import PermissionViolations
from pulse_desktop.nats_client.server_address import ServerAddress, parse_server


class Connector:
    """Makes the clients of one connection.

    Attributes:
        address: servers and login.
        violations: what the server has refused so far.
    """

    def __init__(
        self,
        server: str,
        options: ConnectionOptions,
        client_name: str,
        *,
        on_error: OnError,
        on_end: OnEnd,
    ) -> None:
        """Describe the clients; nothing is connected yet.

        Args:
            server: address, or several separated by commas.
            options: login and TLS; a login overrides that of the address.
            client_name: shown in the server's list of connections, unless the options name it.
            on_error: called for each error of a client; must not raise.
            on_end: called when a client is lost.

        Raises:
            CannotConnectError: `server` is no address.
        """
        self._options = options
        self._client_name = client_name
        self._on_error = on_error
        self._on_end = on_end
        self._discovered: tuple[str, ...] = ()
        self._prepared: tuple[FastPathClient, JetStreamState] | None = None
        self.address = self._parse(server)
        self.violations = PermissionViolations(options.effective_api_prefix, options.inbox_prefix)

    def move_to(self, server: str) -> None:
        """Connect to another address from now on. Raises CannotConnectError: it is none."""
        self.address = self._parse(server)
        self._discovered = ()

    async def connect(
        self,
        timeout: float,  # noqa: ASYNC109 - part of it goes to the library
        progress: ConnectProgress | None = None,
    ) -> tuple[FastPathClient, JetStreamState]:
        """Return a connected client, and whether its server offers JetStream to the account.

        Args:
            timeout: seconds for each server.
            progress: is told how far it is.

        Raises:
            CannotConnectError: with the reason.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            if prepared[0].is_connected:
                return prepared
            await close_quietly(prepared[0])
        client, state = await connect_preferring_jetstream(
            self.address,
            timeout=timeout,
            arguments=await self._arguments(),
            on_error=self._on_error,
            on_end=self._on_end,
            violations=self.violations,
            discovered=self._discovered,
            progress=progress,
        )
        if not self._options.has_tls and not self.address.urls[0].startswith("tls"):
            self._discovered = tuple(
                url.geturl() for url in client.discovered_servers if url.netloc
            )
        return client, state

    async def prepare_other(self, client: FastPathClient, timeout: float) -> bool:  # noqa: ASYNC109
        """Connect a client to another server that offers JetStream, for the next `connect`.

        Args:
            client: the current client.
            timeout: seconds for each server.

        Returns:
            Whether there is such a server.
        """
        with contextlib.suppress(CannotConnectError):
            self._prepared = await find_jetstream(
                self.address,
                other_urls(client, (*self.address.urls, *self._discovered)),
                timeout=timeout,
                arguments=await self._arguments(),
                on_error=self._on_error,
                on_end=self._on_end,
                violations=self.violations,
            )
        return self._prepared is not None

    async def close(self) -> None:
        """Close a prepared client that was not used."""
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            await close_quietly(prepared[0])

    def _parse(self, server: str) -> ServerAddress:
        address = parse_server(server)
        options = self._options
        if options.has_login:
            return ServerAddress(address.urls, options.user, options.password, options.token)
        return address

    async def _arguments(self) -> dict[str, Any]:
        options = self._options
        if options.reads_files:  # which must not hold up the event loop
            arguments: dict[str, Any] = {}  # no result of the thread: qasync logs results
            await asyncio.to_thread(lambda: arguments.update(client_arguments(options)))
        else:
            arguments = client_arguments(options)
        return {"name": self._client_name, "no_echo": True, **arguments}
