"""What the stack consists of: nats-server, workers, feeder; how each is started and told ready."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Final

from pulse_desktop.embedded import nats_server
from pulse_desktop.embedded.bounded_log import BoundedLog, tail
from pulse_desktop.embedded.child import Child, Launch
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.launcher import child_environment, module_command
from pulse_desktop.embedded.paths import DataFolder
from pulse_desktop.embedded.readiness import wait_for_heartbeat
from pulse_desktop.embedded.service import Service

DRAIN_S: Final = 8.0
SERVER_DRAIN_S: Final = 5.0
PORT_TIMEOUT_S: Final = 5.0

SCRUBBED_ENV: Final = {
    "PULSE_CONFIG": os.devnull,
    **dict.fromkeys(
        (
            "PULSE_BROKER",
            "PULSE_CREDENTIALS",
            "PULSE_INBOX_PREFIX",
            "PULSE_NKEY_FILE",
            "PULSE_PASSWORD",
            "PULSE_PASSWORD_FILE",
            "PULSE_REPLICAS",
            "PULSE_TLS_CA",
            "PULSE_TLS_CERT",
            "PULSE_TLS_KEY",
            "PULSE_TOKEN",
            "PULSE_TOKEN_FILE",
            "PULSE_USER",
        ),
        "",
    ),
}
"""What the user may have set for workers on another server."""

_log: Final = logging.getLogger(__name__)


class StackServices:
    """The supervised processes of one stack.

    Attributes:
        address: where the server is, or was in the run before.
        server: nats-server.
        workers: the worker processes.
        feeder: what feeds the sample, None without one.
    """

    def __init__(
        self,
        folder: DataFolder,
        worker_module: str,
        *,
        workers: int,
        sample: bool,
        on_change: Callable[[], None],
    ) -> None:
        self.address = nats_server.last_address(folder)
        self._folder = folder
        self._worker_module = worker_module
        self._on_change = on_change
        self._program = Path()
        self._moving: asyncio.Future[list[None]] | None = None
        self.server = self._service(
            "nats-server", self._launch_server, self._server_ready, SERVER_DRAIN_S
        )
        self.workers = [self._worker(f"worker-{n}") for n in range(1, workers + 1)]
        self.feeder = (
            self._service("feeder", self._launch_feeder, _at_once, DRAIN_S) if sample else None
        )
        self._users = [*self.workers, *([self.feeder] if self.feeder else [])]

    @property
    def all(self) -> list[Service]:
        """All of them, the server first."""
        return [self.server, *self._users]

    def find_program(self) -> None:
        """Look for nats-server.

        Raises:
            EmbeddedStackError: it is not installed.
        """
        self._program = nats_server.find_nats_server()

    async def stop(self) -> None:
        """End them in order: who uses the server before the server."""
        await asyncio.gather(*(service.stop() for service in self._users))
        await self.server.stop()
        if self._moving is not None:
            await self._moving

    def _service(
        self,
        name: str,
        launch: Callable[[], Coroutine[None, None, Launch]],
        ready: Callable[[], Coroutine[None, None, None]],
        drain_s: float,
    ) -> Service:
        log = BoundedLog(self._folder.log_of(name))
        log.hide([self.address.token])
        return Service(name, launch, log, ready=ready, drain_s=drain_s, on_change=self._on_change)

    def _worker(self, name: str) -> Service:
        async def launch() -> Launch:
            return self._module("run", "--name", name, "--parent-pipe")

        async def ready() -> None:
            await wait_for_heartbeat(self.address.server, name)

        return self._service(name, launch, ready, DRAIN_S)

    async def _launch_feeder(self) -> Launch:
        return self._module("feed", "--parent-pipe")

    def _module(self, *arguments: str) -> Launch:
        return Launch(
            module_command(self._worker_module, *arguments),
            child_environment({**SCRUBBED_ENV, "PULSE_SERVER": self.address.server}),
            self._folder.root,
            parent_pipe=True,
            tether="kill",
        )

    async def provision(self) -> None:
        """Create streams and buckets, for a stack without workers.

        Raises:
            EmbeddedStackError: that failed.
        """
        log = BoundedLog(self._folder.log_of("provision"))
        log.hide([self.address.token])
        child = await Child.start(self._module("provision"), log, os.getpid())
        try:
            code = await child.wait()
        finally:
            await child.end(0.0)
            log.close()
        if code != 0:
            raise EmbeddedStackError(
                "The streams cannot be created", tail(log.path), f"The whole log is {log.path}."
            )

    async def _launch_server(self) -> Launch:
        patience_s = PORT_TIMEOUT_S if self.server.state.restarts else 0.0
        wanted = await nats_server.wait_for_ports(self.address, patience_s)
        nats_server.write_config(self._folder, wanted)
        return Launch(
            [str(self._program), "--config", str(self._folder.server_config)],
            child_environment(),
            self._folder.root,
            parent_pipe=False,
            tether="terminate",
        )

    async def _server_ready(self) -> None:
        before = self.address
        self.address = await nats_server.wait_until_ready(self._folder, before.token)
        if before.port > 0 and before != self.address:
            _log.warning("the server has moved to %s; restarting what used it", self.address.port)
            # Not awaited: draining takes its time, and the server is ready now.
            self._moving = asyncio.gather(*(each.end_child() for each in self._users))


async def _at_once() -> None:
    """The feeder's readiness: nothing waits for it."""
