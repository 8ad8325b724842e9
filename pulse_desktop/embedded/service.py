"""Supervision of one child process: it is restarted whenever it exits, with backoff."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pulse_desktop.embedded.bounded_log import BoundedLog
from pulse_desktop.embedded.child import Child, Launch, format_exit_code
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack_state import ProcessPhase, ProcessState
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.protocol.timestamps import format_timestamp

FIRST_DELAY_S: Final = 0.2
MAX_DELAY_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0
"""Seconds of running after which the next restart has the first delay again."""

_log: Final = logging.getLogger(__name__)


class Service:
    """A supervised process.

    Attributes:
        name: as shown, and the name of its log.
        log: its output.
        ready: set while the process runs and its readiness check has succeeded.
        failed_starts: exits without having been ready, since it was ready last.
    """

    def __init__(
        self,
        name: str,
        launch: Callable[[], Awaitable[Launch]],
        log: BoundedLog,
        *,
        wait_until_ready: Callable[[], Awaitable[None]],
        drain_s: float,
        on_change: Callable[[], None],
    ) -> None:
        self.name = name
        self.log = log
        self.ready = asyncio.Event()
        self.failed_starts = 0
        self._launch = launch
        self._wait_until_ready = wait_until_ready
        self._drain_s = drain_s
        self._on_change = on_change
        self._child: Child | None = None
        self._process: ProcessRef | None = None
        self._phase: ProcessPhase = "waiting"
        self._since = time.time()
        self._starts = 0
        self._last_exit = ""
        self._stopping = asyncio.Event()

    @property
    def state(self) -> ProcessState:
        """The state that is written to `stack.json`."""
        return ProcessState(
            name=self.name,
            phase=self._phase,
            process=self._process,
            restarts=max(0, self._starts - 1),
            last_exit=self._last_exit,
            since=self._since,
            log=str(self.log.path),
        )

    async def run(self) -> None:
        """Start the process, and restart it until `stop` is called."""
        backoff = Backoff(FIRST_DELAY_S, MAX_DELAY_S, healthy_s=HEALTHY_AFTER_S)
        while not self._stopping.is_set():
            started = time.monotonic()
            await self._run_once()
            if self._stopping.is_set():
                break
            delay = backoff.next_delay(time.monotonic() - started)
            _log.warning("%s: %s; restarting in %.1f s", self.name, self._last_exit, delay)
            self._enter("waiting")
            try:
                await asyncio.wait_for(self._stopping.wait(), delay)
            except TimeoutError:
                continue
        self._enter("ended")
        self.log.close()

    async def stop(self) -> None:
        """End the process gracefully and do not restart it."""
        self._stopping.set()
        await self.end_child()

    async def end_child(self) -> None:
        """End the process gracefully. It is restarted unless `stop` was called."""
        if self._child is not None:
            await self._child.end(self._drain_s)

    async def _run_once(self) -> None:
        self._starts += 1
        self._enter("starting")
        try:
            child = self._child = await Child.start(await self._launch(), self.log, os.getpid())
        except OSError as error:
            self._last_exit = f"not started: {error.strerror or error}"
            self.failed_starts += 1
            return
        self._process = ProcessRef.of(child.pid)
        self.log.write(f"-- {format_timestamp(time.time())} process {child.pid}\n".encode())
        _log.info("%s: process %d", self.name, child.pid)
        self._on_change()
        if self._stopping.is_set():  # stopped during the start
            await child.end(self._drain_s)
        code, problem = await self._supervise(child)
        if not self.ready.is_set():
            self.failed_starts += 1
        self.ready.clear()
        self._child = self._process = None
        self._last_exit = problem or format_exit_code(code)

    async def _supervise(self, child: Child) -> tuple[int, str]:
        """Wait for the exit of the child; end it if its readiness check fails.

        Returns:
            The exit code, and why the check failed; empty if it did not.
        """
        exited = asyncio.create_task(child.wait())
        readiness = asyncio.create_task(self._become_ready(), name=f"readiness of {self.name}")
        await asyncio.wait({exited, readiness}, return_when=asyncio.FIRST_COMPLETED)
        problem = ""
        if readiness.done() and (error := readiness.exception()):
            _log.error("readiness check of %s failed", self.name, exc_info=error)
            problem = f"did not become ready: {error}"
            await child.end(self._drain_s)
        code = await exited
        await cancel_and_wait(readiness)
        return code, problem

    async def _become_ready(self) -> None:
        await self._wait_until_ready()
        self.failed_starts = 0
        self.ready.set()
        self._enter("running")

    def _enter(self, phase: ProcessPhase) -> None:
        self._phase = phase
        self._since = time.time()
        self._on_change()
