"""Guardian: the process that runs nats-server, the workers and the feeder of a data folder.

    python -m pulse_desktop.embedded.guardian --data-dir FOLDER --launch ID [--workers N] …

It runs as long as the stack has users, that is, processes that hold a usage lock. It is a child of
none of them: killing one does not affect the others, and however the last one ends, the stack ends
within seconds.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pulse_desktop.embedded.bounded_log import BoundedLog, BoundedLogHandler, tail
from pulse_desktop.embedded.data_folder import DataFolder, data_folder
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.job_object import enter_job
from pulse_desktop.embedded.processes import ProcessRef, end_processes
from pulse_desktop.embedded.server_health import HealthWatch
from pulse_desktop.embedded.service import Service
from pulse_desktop.embedded.stack_services import StackServices
from pulse_desktop.embedded.stack_state import (
    Phase,
    Problem,
    StackState,
    read_state,
    write_state,
)
from pulse_desktop.embedded.usage_locks import (
    file_lock,
    live_users,
    remove_stale_locks,
    try_acquire,
)
from pulse_desktop.model.log_format import LogFormatter
from pulse_desktop.nats_client.aio import cancel_and_wait, install_wait_for
from pulse_desktop.text.translation import _, ngettext

USERS_POLL_S: Final = 0.25
UNUSED_AFTER_S: Final = 0.5
MAX_FAILED_STARTS: Final = 3
_READY_POLL_S: Final = 0.1
_LOCK_POLL_S: Final = 0.05
_LEFTOVERS_TIMEOUT_S: Final = 3.0
_LOG_BYTES: Final = 1 << 20
_OLD_LOGS: Final = 2

_log: Final = logging.getLogger("pulse_desktop.embedded.guardian")


class Guardian:
    """The supervised processes of one data folder, and their state file."""

    def __init__(
        self, folder: DataFolder, launch: str, *, workers: int, sample: bool, worker_module: str
    ) -> None:
        self._folder = folder
        self._stop_requested = asyncio.Event()
        self._state = StackState(
            launch=launch,
            guardian=ProcessRef.of(os.getpid()),
            phase="starting",
            server="",
            monitor="",
            workers=workers,
            sample=sample,
            started_at=time.time(),
        )
        self._services = StackServices(
            folder, worker_module, workers=workers, sample=sample, on_change=self.write_state
        )
        self._health = HealthWatch(folder, self._services, self._on_health_change)
        self._supervision: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Start the services, run until the stack is unused, stop the services.

        Raises:
            EmbeddedStackError: a process exited repeatedly before it was ready.
        """
        self.write_state()
        on_stop_signal(self._stop_requested.set)
        unused = asyncio.create_task(self._wait_until_unused(), name="users")
        running = asyncio.create_task(self._start_and_watch(), name="start and health")
        try:
            await asyncio.wait({unused, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            await unused
        except EmbeddedStackError as error:
            self.write_state("failed", error)
            raise
        finally:
            await cancel_and_wait(running, unused)
            await self._stop()

    def write_state(
        self, phase: Phase | None = None, error: EmbeddedStackError | None = None
    ) -> None:
        """Write the state file. A failure is logged only.

        Args:
            phase: None if it and the problem are unchanged.
            error: the problem of this phase.
        """
        old = self._state
        if old.phase == "ending":  # final: the health watch may run a moment longer
            phase = None
        problem = Problem(error.title, error.detail, error.advice) if error else None
        self._state = StackState(
            launch=old.launch,
            guardian=old.guardian,
            phase=phase or old.phase,
            server=self._services.endpoint.client_url,
            monitor=self._services.endpoint.monitoring_url,
            workers=old.workers,
            sample=old.sample,
            started_at=old.started_at,
            processes=tuple(service.state for service in self._services.all),
            problem=problem if phase else old.problem,
        )
        try:
            write_state(self._folder.state_file, self._state)
        except OSError as error:
            _log.error("cannot write the state file: %s", error)

    async def _start_and_watch(self) -> None:
        await self._start()
        await self._health.run()

    def _on_health_change(self) -> None:
        self.write_state(self._health.condition, self._health.problem)

    async def _start(self) -> None:
        services = self._services
        services.find_program()
        self._supervise(services.server)
        await self._wait_until_ready(services.server)
        if not services.workers:
            await services.provision()
        for worker in services.workers:
            self._supervise(worker)
        for worker in services.workers:
            await self._wait_until_ready(worker)
        if services.feeder is not None:
            self._supervise(services.feeder)
            await self._wait_until_ready(services.feeder)
        self.write_state("ready")
        _log.info("ready at %s", services.endpoint.monitoring_url)

    def _supervise(self, service: Service) -> None:
        task = asyncio.create_task(service.run(), name=service.name)
        task.add_done_callback(self._on_supervision_end)
        self._supervision.append(task)

    def _on_supervision_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.critical("supervision of %s failed", task.get_name(), exc_info=error)
            self._stop_requested.set()  # users will start a new guardian

    async def _wait_until_ready(self, service: Service) -> None:
        while not service.ready.is_set():
            if service.failed_starts >= MAX_FAILED_STARTS:
                raise _does_not_start(service)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(service.ready.wait(), _READY_POLL_S)

    async def _wait_until_unused(self) -> None:
        """Return when the stack has no users any more, or a stop is requested."""
        start_lock = file_lock(self._folder.start_lock)
        unused_since: float | None = None
        while not self._stop_requested.is_set():
            now = time.monotonic()
            if live_users(self._folder):
                unused_since = None
            elif unused_since is None:
                unused_since = now
            elif now - unused_since >= UNUSED_AFTER_S and try_acquire(start_lock):
                # No process can join under this lock: it has joined before, or starts a new stack.
                try:
                    remove_stale_locks(self._folder)
                    if not live_users(self._folder):
                        _log.info("the stack has no users any more")
                        self.write_state("ending")
                        return
                finally:
                    start_lock.release()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop_requested.wait(), USERS_POLL_S)

    async def _stop(self) -> None:
        if self._state.phase != "failed":
            self.write_state("ending")
        await self._services.stop()
        if self._supervision:
            await asyncio.wait(self._supervision)


def _does_not_start(service: Service) -> EmbeddedStackError:
    state = service.state
    if service.name == "nats-server":
        title = _("The embedded server does not start")
    else:
        title = _("Process {name} does not start").format(name=service.name)
    detail = ngettext(
        "It exited {count} time ({exit}). The end of its log:\n{log}",
        "It exited {count} times ({exit}). The end of its log:\n{log}",
        service.failed_starts,
    ).format(
        count=service.failed_starts,
        exit=state.last_exit,
        log=tail(service.log.path) or _("(empty)"),
    )
    return EmbeddedStackError(
        title, detail, _("The complete log is {file}.").format(file=state.log)
    )


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(number, lambda *_args: loop.call_soon_threadsafe(stop))
        else:
            loop.add_signal_handler(number, stop)


async def _guard(options: argparse.Namespace, folder: DataFolder) -> int:
    guardian = Guardian(
        folder,
        options.launch,
        workers=options.workers,
        sample=not options.no_sample,
        worker_module=options.worker_module,
    )
    try:
        await guardian.run()
    except EmbeddedStackError as error:
        _log.error("cannot continue: %s", error)
        return 1
    finally:
        # asyncio.run would cancel what the client library has left only once, and wait forever
        # if that cancellation is lost.
        await cancel_and_wait(*(asyncio.all_tasks() - {asyncio.current_task()}))
    folder.state_file.unlink(missing_ok=True)
    return 0


def _end_leftovers(folder: DataFolder) -> None:
    """End processes that a killed guardian has left: those in its state file, never by name."""
    state = read_state(folder.state_file)
    if state is not None:
        recorded = [each.process for each in state.processes if each.process is not None]
        for each in end_processes(recorded, _LEFTOVERS_TIMEOUT_S):
            _log.warning("ended process %d, left by a guardian that was killed", each.pid)


def main() -> int:
    """Parse the arguments and run the stack until it is unused."""
    parser = argparse.ArgumentParser(prog="python -m pulse_desktop.embedded.guardian")
    parser.add_argument("--data-dir", type=Path, default=None)
    parser.add_argument("--launch", default="by-hand")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-sample", action="store_true")
    parser.add_argument("--worker-module", default="pulse_workers")
    options = parser.parse_args()
    os.umask(0o077)
    folder = data_folder(options.data_dir)
    try:
        folder.prepare()
    except EmbeddedStackError as error:
        sys.stderr.write(f"{error}\n")  # ends up in the error that users of the stack show
        return 1
    log = BoundedLog(folder.log_of("guardian"), max_bytes=_LOG_BYTES, old_files=_OLD_LOGS)
    handler = BoundedLogHandler(log)
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("filelock").setLevel(logging.WARNING)
    if sys.platform == "win32":
        enter_job()
    install_wait_for()
    lock = file_lock(folder.guardian_lock)
    used_at = time.monotonic()
    try:
        while not try_acquire(lock):
            if (other := read_state(folder.state_file)) and other.alive and other.joinable:
                _log.info("process %d is the guardian already", other.guardian.pid)
                return 0
            if live_users(folder):
                used_at = time.monotonic()
            elif time.monotonic() - used_at > UNUSED_AFTER_S:
                _log.info("the stack has no users any more")
                return 0
            time.sleep(_LOCK_POLL_S)
        _end_leftovers(folder)
        return asyncio.run(_guard(options, folder))
    except EmbeddedStackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        lock.release()


if __name__ == "__main__":
    sys.exit(main())
