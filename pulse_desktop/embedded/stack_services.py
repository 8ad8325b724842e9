"""Services of the stack: how nats-server, the workers and the feeder start and become ready."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulse_desktop.embedded import nats_server
from pulse_desktop.embedded.bounded_log import BoundedLog, tail
from pulse_desktop.embedded.child import Child, Launch
from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.service import Service
from pulse_desktop.launcher import child_environment, module_command
from pulse_desktop.model.connection_options import cleared_environment
from pulse_desktop.protocol.event import HEARTBEAT, decode_event
from pulse_desktop.protocol.topics import subject_of
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from nats.aio.msg import Msg

DRAIN_TIMEOUT_S: Final = 8.0
SERVER_DRAIN_TIMEOUT_S: Final = 5.0
PORT_TIMEOUT_S: Final = 5.0
_RECONNECT_DELAY_S: Final = 0.2
_PING_INTERVAL_S: Final = 10

CLEARED_ENVIRONMENT: Final = {
    "PULSE_CONFIG": os.devnull,
    **cleared_environment(("PULSE_BROKER", "PULSE_REPLICAS")),
}
"""Empties every connection option, and what else the user may have set for another server."""

_log: Final = logging.getLogger(__name__)


class StackServices:
    """The supervised processes of one stack.

    Attributes:
        endpoint: of the server, from the previous run until it has started.
        server: nats-server.
        workers: the worker processes.
        feeder: the process that enqueues tasks from a bundled sample chat, None without it.
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
        self.endpoint = nats_server.load_endpoint(folder)
        self._folder = folder
        self._worker_module = worker_module
        self._on_change = on_change
        self._program = Path()
        self._store: tuple[int, int] | None = None
        self._restarting: asyncio.Future[list[None]] | None = None
        self.server = self._service(
            "nats-server", self._launch_server, self._wait_for_server, SERVER_DRAIN_TIMEOUT_S
        )
        self.workers = [self._worker(f"worker-{n}") for n in range(1, workers + 1)]
        self.feeder = (
            self._service("feeder", self._launch_feeder, _ready_at_once, DRAIN_TIMEOUT_S)
            if sample
            else None
        )
        self._dependents = [*self.workers, *([self.feeder] if self.feeder else [])]

    @property
    def all(self) -> list[Service]:
        """All services, the server first."""
        return [self.server, *self._dependents]

    def find_program(self) -> None:
        """Find nats-server.

        Raises:
            EmbeddedStackError: it is not installed.
        """
        self._program = nats_server.find_nats_server()

    async def stop(self) -> None:
        """End the services gracefully: those that depend on the server first."""
        await asyncio.gather(*(service.stop() for service in self._dependents))
        await self.server.stop()
        if self._restarting is not None:
            await self._restarting

    def store_problem(self) -> str:
        """Return what is wrong with the store of the running server, a sentence; else empty.

        The server does not notice that its store was removed or replaced: it goes on writing, and
        a restart would not find what it has written.
        """
        if self._store is None or self._folder.store_identity() == self._store:
            return ""
        return _("Its store {folder} was removed or replaced.").format(
            folder=self._folder.jetstream
        )

    def _service(
        self,
        name: str,
        launch: Callable[[], Coroutine[None, None, Launch]],
        wait_until_ready: Callable[[], Coroutine[None, None, None]],
        drain_s: float,
    ) -> Service:
        log = BoundedLog(self._folder.log_of(name))
        log.mask([self.endpoint.token])
        return Service(
            name,
            launch,
            log,
            wait_until_ready=wait_until_ready,
            drain_s=drain_s,
            on_change=self._on_change,
        )

    def _worker(self, name: str) -> Service:
        async def launch() -> Launch:
            return self._worker_launch("run", "--name", name, "--parent-pipe")

        async def wait_until_ready() -> None:
            await wait_for_heartbeat(self.endpoint.client_url, name)

        return self._service(name, launch, wait_until_ready, DRAIN_TIMEOUT_S)

    async def _launch_feeder(self) -> Launch:
        return self._worker_launch("feed", "--parent-pipe")

    def _worker_launch(self, *arguments: str) -> Launch:
        return Launch(
            module_command(self._worker_module, *arguments),
            child_environment(
                {
                    **CLEARED_ENVIRONMENT,
                    "PULSE_CHAT_FOLDERS": _chat_folders(),
                    "PULSE_SERVER": self.endpoint.client_url,
                }
            ),
            self._folder.root,
            parent_pipe=True,
            on_parent_death="kill",
        )

    async def provision(self) -> None:
        """Create streams and buckets, for a stack without workers.

        Raises:
            EmbeddedStackError: that failed.
        """
        log = BoundedLog(self._folder.log_of("provision"))
        log.mask([self.endpoint.token])
        child = await Child.start(self._worker_launch("provision"), log, os.getpid())
        try:
            code = await child.wait()
        finally:
            await child.end(0.0)
            log.close()
        if code != 0:
            raise EmbeddedStackError(
                _("The streams cannot be created"),
                tail(log.path),
                _("The complete log is {file}.").format(file=log.path),
            )

    async def _launch_server(self) -> Launch:
        timeout_s = PORT_TIMEOUT_S if self.server.state.restarts else 0.0
        endpoint = await nats_server.wait_for_ports(self.endpoint, timeout_s)
        nats_server.write_config(self._folder, endpoint)
        return Launch(
            [str(self._program), "--config", str(self._folder.server_config)],
            child_environment(),
            self._folder.root,
            parent_pipe=False,
            on_parent_death="terminate",
        )

    async def _wait_for_server(self) -> None:
        endpoint_before, store_before = self.endpoint, self._store
        self.endpoint = await nats_server.wait_until_ready(self._folder, endpoint_before.token)
        self._store = self._folder.store_identity()
        if endpoint_before.port > 0 and endpoint_before != self.endpoint:
            _log.warning("the server has moved to port %s; restarting workers", self.endpoint.port)
            self._restart_dependents()
        elif store_before is not None and store_before != self._store:
            _log.warning("the server has a new store; restarting workers, which create its streams")
            self._restart_dependents()

    def _restart_dependents(self) -> None:
        # Not awaited: draining takes a while, and the server is ready.
        self._restarting = asyncio.gather(*(each.end_child() for each in self._dependents))


def _chat_folders() -> str:
    """Return the folders of chat exports: as set, else where Telegram Desktop puts them."""
    set_by_user = os.environ.get("PULSE_CHAT_FOLDERS", "").strip()
    return set_by_user or str(Path("~/Downloads/Telegram Desktop").expanduser())


async def wait_for_heartbeat(server: str, worker: str) -> None:
    """Wait for the first heartbeat of a worker, across restarts of the server.

    A worker sends it once it has provisioned its streams and waits for tasks.

    Args:
        server: address with the token.
        worker: the part of its identity before the `@`, such as `worker-1`.
    """
    import nats  # noqa: PLC0415 - takes half a second, while server and worker are starting

    received = asyncio.Event()

    async def on_event(message: "Msg") -> None:
        event = decode_event("monitoring", message.data, time.time())
        name = event.data().get("worker") if event.type == HEARTBEAT else None
        if isinstance(name, str) and name.partition("@")[0] == worker:
            received.set()

    async def on_error(error: Exception) -> None:
        _log.debug("while waiting for %s: %s", worker, type(error).__name__)

    client = await nats.connect(
        server,
        name="pulse-guardian",
        error_cb=on_error,
        max_reconnect_attempts=-1,
        reconnect_time_wait=_RECONNECT_DELAY_S,
        ping_interval=_PING_INTERVAL_S,
    )
    try:
        await client.subscribe(subject_of("monitoring"), cb=on_event)
        await received.wait()
    finally:
        await client.close()


async def _ready_at_once() -> None:
    """Readiness check of the feeder: no service depends on it."""
