"""The one process per data folder that runs nats-server, the workers and the sample feeder.

    python -m pulse_desktop.embedded.guardian --data-dir FOLDER --launch WORD [--workers N] …

It lives as long as anybody uses the stack, that is, holds a client lock. It is nobody's part: a
window that is killed takes nothing with it that another window still needs, and what nobody needs
any more ends within seconds, however its last user ended.
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
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from pulse_desktop.embedded.bounded_log import tail
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.job_object import enter_job
from pulse_desktop.embedded.paths import DataFolder, data_folder
from pulse_desktop.embedded.processes import end_processes, process_ref
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
    live_users,
    lock_on,
    remove_stale_locks,
    try_lock,
)
from pulse_desktop.model.redaction import redact_url

CLIENT_SCAN_S: Final = 0.25
ALONE_FOR_S: Final = 0.5
MAX_FAILED_STARTS: Final = 3
_LOCK_POLL_S: Final = 0.05

_log: Final = logging.getLogger("pulse_desktop.embedded.guardian")


class Guardian:
    """The supervised processes of one data folder and what is written down about them."""

    def __init__(
        self, folder: DataFolder, launch: str, *, workers: int, sample: bool, worker_module: str
    ) -> None:
        self._folder = folder
        self._asked_to_end = asyncio.Event()
        self._state = StackState(
            launch=launch,
            guardian=process_ref(os.getpid()),
            phase="starting",
            server="",
            monitor="",
            workers=workers,
            sample=sample,
            started_at=time.time(),
        )
        self._services = StackServices(
            folder, worker_module, workers=workers, sample=sample, on_change=self.publish
        )
        self._keeping: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Start all, stay while somebody uses it, end all.

        Raises:
            EmbeddedStackError: a process ended again and again before it was ready.
        """
        self.publish()
        _on_end_signals(self._asked_to_end.set)
        unused = asyncio.create_task(self._until_unused(), name="clients")
        starting = asyncio.create_task(self._start(), name="start")
        try:
            await asyncio.wait({unused, starting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await unused
        except EmbeddedStackError as error:
            self.publish("failed", Problem(error.title, error.detail, error.advice))
            raise
        finally:
            starting.cancel()
            unused.cancel()
            await asyncio.wait({starting, unused})
            await self._end()

    def publish(self, phase: Phase | None = None, problem: Problem | None = None) -> None:
        """Write `stack.json`. A full disk is logged and survived: the stack itself still runs."""
        old = self._state
        self._state = StackState(
            launch=old.launch,
            guardian=old.guardian,
            phase=phase or old.phase,
            server=self._services.address.server,
            monitor=self._services.address.monitor,
            workers=old.workers,
            sample=old.sample,
            started_at=old.started_at,
            processes=tuple(service.state for service in self._services.all),
            problem=problem or old.problem,
        )
        try:
            write_state(self._folder.state_file, self._state)
        except OSError:
            _log.exception("cannot write the state file")

    async def _start(self) -> None:
        services = self._services
        services.find_program()
        self._keep(services.server)
        await self._first_time_up(services.server)
        if not services.workers:
            await services.provision()
        for worker in services.workers:
            self._keep(worker)
        for worker in services.workers:
            await self._first_time_up(worker)
        if services.feeder is not None:
            self._keep(services.feeder)
            await self._first_time_up(services.feeder)
        self.publish("ready")
        _log.info("ready at %s", services.address.monitor)

    def _keep(self, service: Service) -> None:
        task = asyncio.create_task(service.keep(), name=service.name)
        task.add_done_callback(self._on_kept)
        self._keeping.append(task)

    def _on_kept(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.critical("supervision of %s failed", task.get_name(), exc_info=error)
            self._asked_to_end.set()  # windows notice and start a new guardian

    async def _first_time_up(self, service: Service) -> None:
        while not service.up.is_set():
            if service.early_ends >= MAX_FAILED_STARTS:
                raise _did_not_start(service)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(service.up.wait(), 0.1)

    async def _until_unused(self) -> None:
        """Return when nobody uses the stack any more, or this process is asked to end."""
        start_lock = lock_on(self._folder.start_lock)
        alone_since: float | None = None
        while not self._asked_to_end.is_set():
            now = time.monotonic()
            if live_users(self._folder):
                alone_since = None
            elif alone_since is None:
                alone_since = now
            elif now - alone_since >= ALONE_FOR_S and try_lock(start_lock):
                # Under this lock nobody can join: either they did before, or they start anew.
                try:
                    remove_stale_locks(self._folder)
                    if not live_users(self._folder):
                        _log.info("nobody uses the stack any more")
                        self.publish("ending")
                        return
                finally:
                    start_lock.release()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked_to_end.wait(), CLIENT_SCAN_S)

    async def _end(self) -> None:
        if self._state.phase != "failed":
            self.publish("ending")
        await self._services.stop()
        if self._keeping:
            await asyncio.wait(self._keeping)


def _did_not_start(service: Service) -> EmbeddedStackError:
    state = service.state
    last_lines = tail(service.log.path) or "(it wrote nothing)"
    what = "The embedded server" if service.name == "nats-server" else f"Process {service.name}"
    return EmbeddedStackError(
        f"{what} does not start",
        f"It ended {service.early_ends} times ({state.last_exit}). The end of its log:\n"
        f"{last_lines}",
        f"The whole log is {state.log}.",
    )


def _on_end_signals(end: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(end))
        else:
            loop.add_signal_handler(number, end)


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
    except EmbeddedStackError:
        _log.exception("cannot go on")
        return 1
    folder.state_file.unlink(missing_ok=True)
    return 0


class _MaskingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact_url(super().format(record))


def _end_leftovers(folder: DataFolder) -> None:
    """End what a killed guardian may have left, by what it wrote down and never by name."""
    state = read_state(folder.state_file)
    if state is not None:
        recorded = [each.process for each in state.processes if each.process is not None]
        for each in end_processes(recorded, grace_s=3.0):
            _log.warning("ended process %d, left by a guardian that was killed", each.pid)


def main() -> int:
    """Read the command line and guard until nobody needs it."""
    parser = argparse.ArgumentParser(prog="python -m pulse_desktop.embedded.guardian")
    parser.add_argument("--data-dir", type=Path, default=None)
    parser.add_argument("--launch", default="by-hand")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-sample", action="store_true")
    parser.add_argument("--worker-module", default="pulse_workers")
    options = parser.parse_args()
    os.umask(0o077)
    folder = data_folder(options.data_dir)
    folder.prepare()
    handler = RotatingFileHandler(folder.log_of("guardian"), maxBytes=1 << 20, backupCount=2)
    handler.setFormatter(_MaskingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("filelock").setLevel(logging.WARNING)
    if sys.platform == "win32":
        enter_job()
    lock = lock_on(folder.guardian_lock)
    try:
        while not try_lock(lock):
            if (other := read_state(folder.state_file)) and other.alive and other.joinable:
                _log.info("process %d guards already", other.guardian.pid)
                return 0
            time.sleep(_LOCK_POLL_S)
        _end_leftovers(folder)
        return asyncio.run(_guard(options, folder))
    finally:
        lock.release()


if __name__ == "__main__":
    sys.exit(main())
