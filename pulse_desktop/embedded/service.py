"""A child process that is kept running: started again after a pause that grows with failures."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pulse_desktop.embedded.bounded_log import BoundedLog
from pulse_desktop.embedded.child import Child, Launch, describe_exit
from pulse_desktop.embedded.processes import ProcessRef, process_ref
from pulse_desktop.embedded.stack_state import ProcessPhase, ProcessState
from pulse_desktop.protocol.timestamps import format_timestamp

FIRST_PAUSE_S: Final = 0.2
MAX_PAUSE_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0

_log: Final = logging.getLogger(__name__)


class Backoff:
    """The pause before the next start: doubles with each failure, short again after health."""

    def __init__(self) -> None:
        self._pause_s = 0.0

    def after(self, ran_for_s: float) -> float:
        """Return the pause in seconds for a process that ran for so many seconds."""
        if ran_for_s >= HEALTHY_AFTER_S or not self._pause_s:
            self._pause_s = FIRST_PAUSE_S
        else:
            self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)
        return self._pause_s


class Service:
    """One process that shall always run.

    Attributes:
        name: as shown, and the name of its log.
        log: its output.
        up: set while the process runs and has been found ready.
        early_ends: how often it ended without having been ready, since it was ready last.
    """

    def __init__(
        self,
        name: str,
        launch: Callable[[], Awaitable[Launch]],
        log: BoundedLog,
        *,
        ready: Callable[[], Awaitable[None]],
        drain_s: float,
        on_change: Callable[[], None],
    ) -> None:
        self.name = name
        self.log = log
        self.up = asyncio.Event()
        self.early_ends = 0
        self._launch = launch
        self._ready = ready
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
        """What `stack.json` says about it."""
        return ProcessState(
            name=self.name,
            phase=self._phase,
            process=self._process,
            restarts=max(0, self._starts - 1),
            last_exit=self._last_exit,
            since=self._since,
            log=str(self.log.path),
        )

    async def keep(self) -> None:
        """Start it again and again until `stop` is called."""
        backoff = Backoff()
        while not self._stopping.is_set():
            began = time.monotonic()
            await self._run_once()
            if self._stopping.is_set():
                break
            pause = backoff.after(time.monotonic() - began)
            _log.warning("%s: %s; again in %.1f s", self.name, self._last_exit, pause)
            self._enter("waiting")
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                continue
        self._enter("ended")
        self.log.close()

    async def stop(self) -> None:
        """End the process in order and start it no more."""
        self._stopping.set()
        await self.end_child()

    async def end_child(self) -> None:
        """End the process in order; unless `stop` was called, a new one follows."""
        if self._child is not None:
            await self._child.end(self._drain_s)

    async def _run_once(self) -> None:
        self._starts += 1
        self._enter("starting")
        try:
            child = self._child = await Child.start(await self._launch(), self.log, os.getpid())
        except OSError as error:
            self._last_exit = f"not started: {error.strerror or error}"
            self.early_ends += 1
            return
        self._process = process_ref(child.pid)
        self.log.write(f"-- {format_timestamp(time.time())} process {child.pid}\n".encode())
        _log.info("%s: process %d", self.name, child.pid)
        self._on_change()
        if self._stopping.is_set():  # asked to stop while it was being started
            await child.end(self._drain_s)
        code, problem = await self._watch(child)
        if not self.up.is_set():
            self.early_ends += 1
        self.up.clear()
        self._child = self._process = None
        self._last_exit = problem or describe_exit(code)

    async def _watch(self, child: Child) -> tuple[int, str]:
        """Wait for the child's end; end it if it cannot become ready, and say why."""
        exited = asyncio.create_task(child.wait())
        readiness = asyncio.create_task(self._become_ready(), name=f"readiness of {self.name}")
        await asyncio.wait({exited, readiness}, return_when=asyncio.FIRST_COMPLETED)
        problem = ""
        if readiness.done() and (error := readiness.exception()):
            _log.error("%s did not become ready", self.name, exc_info=error)
            problem = f"did not become ready: {error}"
            await child.end(self._drain_s)
        code = await exited
        readiness.cancel()
        await asyncio.wait({readiness})
        return code, problem

    async def _become_ready(self) -> None:
        await self._ready()
        self.early_ends = 0
        self.up.set()
        self._enter("running")

    def _enter(self, phase: ProcessPhase) -> None:
        self._phase = phase
        self._since = time.time()
        self._on_change()
