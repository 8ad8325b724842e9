"""One user of the embedded stack, such as a window: joins or starts the stack, and leaves it."""

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from pulse_desktop.embedded.bounded_log import tail
from pulse_desktop.embedded.data_folder import DataFolder, cannot_write, data_folder
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.stack_state import ProcessState, StackState, read_state
from pulse_desktop.embedded.usage_locks import (
    UsageLock,
    file_lock,
    live_users,
    try_acquire,
)
from pulse_desktop.launcher import child_environment, module_command
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.regular_file import open_for_overwrite
from pulse_desktop.text.translation import _

_POLL_S: Final = 0.03
_WATCH_INTERVAL_S: Final = 0.5
_MAX_WATCH_INTERVAL_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 20.0
_USED_CHECKS: Final = 3
"""Checks in a row that must find a user: a single one can be wrong (see `usage_locks`)."""

_launched: Final[list[subprocess.Popen[bytes]]] = []
"""Guardians started by this process, which must reap them when they exit."""


@dataclass(frozen=True)
class StackInfo:
    """The stack as its users see it.

    Attributes:
        server: address with the token; never show or log it.
        monitor: address of the server's HTTP monitoring.
        data_dir: folder of its data.
        log_dir: folder of the logs of its processes.
        joined: whether it was running already.
        state: `unhealthy` while the server runs and is not healthy; `recovering` while the server
            is restarted; `restarting` while its guardian is gone and a new one is starting;
            `failed` if that failed, which is tried again.
        problem: why it failed or is not healthy, else empty.
        advice: what to do about the problem, empty when there is nothing.
        processes: the supervised processes, with their restarts and logs.
    """

    server: str = field(repr=False)
    monitor: str
    data_dir: Path
    log_dir: Path
    joined: bool
    state: Literal["running", "unhealthy", "recovering", "restarting", "failed"] = "running"
    problem: str = ""
    advice: str = ""
    processes: tuple[ProcessState, ...] = field(default=(), repr=False)


class EmbeddedStack:
    """One user of the embedded stack. The stack runs as long as it has a user.

    It needs only timers and an executor of the event loop, so it works with any.
    """

    def __init__(
        self,
        data_dir: Path | str | None = None,
        *,
        workers: int = 1,
        sample: bool = True,
        worker_module: str = "pulse_workers",
    ) -> None:
        """Describe the stack. All but `data_dir` only matters if the stack must be started.

        Args:
            data_dir: default: PULSE_DATA_DIR, else the user data folder of the platform.
            workers: number of worker processes.
            sample: whether to run the sample chat.
            worker_module: module that `python -m` runs as worker and feeder.
        """
        self._folder = data_folder(data_dir)
        self._options = ["--workers", str(workers), "--worker-module", worker_module]
        if not sample:
            self._options.append("--no-sample")
        self._usage = UsageLock(self._folder)
        self._start_lock = file_lock(self._folder.start_lock)
        self._joined = False
        self._last: StackInfo | None = None

    async def start(self, timeout: float = 30.0) -> StackInfo:  # noqa: ASYNC109 - part of the error
        """Join the running stack or start it, and return once it is ready.

        Can be called again after the guardian has died.

        Args:
            timeout: seconds until it must be ready.

        Raises:
            EmbeddedStackError: the data folder cannot be written, nats-server is not installed, a
                process does not start, or the timeout has passed.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        await asyncio.to_thread(self._folder.prepare)
        try:
            self._joined = await self._join_or_launch(deadline)
            self._last = self._info(await self._wait_until_ready(deadline))
        except OSError as error:
            self._usage.release()
            raise cannot_write(self._folder.root, error) from error
        except BaseException:
            self._usage.release()
            raise
        return self._last

    def info(self) -> StackInfo | None:
        """Return the stack as it is now, None if it is not ready."""
        state = read_state(self._folder.state_file)
        return self._info(state) if state and state.usable and state.alive else None

    async def stop(self) -> None:
        """Stop using the stack. If this was the last user, wait until it has ended gracefully."""
        self._usage.release()
        deadline = asyncio.get_running_loop().time() + _STOP_TIMEOUT_S
        state = read_state(self._folder.state_file)
        used_checks = 0
        while state and state.alive and asyncio.get_running_loop().time() < deadline:
            used_checks = used_checks + 1 if live_users(self._folder) else 0
            if used_checks >= _USED_CHECKS:
                break
            await asyncio.sleep(_POLL_S)
            _reap()
        _reap()

    async def watch(self, on_change: Callable[[StackInfo], None]) -> None:
        """Watch the stack until cancelled, and restart it whenever its guardian has died.

        Cancel this before `stop`. The data is kept, and so is the address unless another program
        has taken the port.

        Args:
            on_change: called with every change: a process restarted, the guardian died, the stack
                is back, the address changed.
        """
        last = self._last
        backoff = Backoff(2 * _WATCH_INTERVAL_S, _MAX_WATCH_INTERVAL_S)
        while True:
            interval_s = _WATCH_INTERVAL_S
            info = self.info()
            if info is None:
                info = await self._restart(last, on_change)
                if info is None or info.state == "failed":
                    interval_s = backoff.next_delay()
                else:
                    backoff.reset()
            if info is not None and info != last:
                on_change(info)
            last = info or last
            await asyncio.sleep(interval_s)

    async def _restart(
        self, last: StackInfo | None, on_change: Callable[[StackInfo], None]
    ) -> StackInfo | None:
        """Restart the stack; return its state, None when it was never known."""
        _reap()
        if last is not None:
            on_change(replace(last, state="restarting", problem="", advice="", processes=()))
        try:
            return await self.start()
        except EmbeddedStackError as error:
            return last and replace(
                last,
                state="failed",
                problem=f"{error.title}. {error.detail}",
                advice=error.advice,
                processes=(),
            )

    async def _join_or_launch(self, deadline: float) -> bool:
        """Acquire the usage lock and launch a guardian if there is none; return if there was."""
        while not try_acquire(self._start_lock):
            await self._sleep(deadline)
        try:
            while not self._usage.try_acquire():
                await self._sleep(deadline)
            while (state := read_state(self._folder.state_file)) and state.alive:
                if state.joinable:
                    return True
                await self._sleep(deadline)  # it is ending
            await self._launch(deadline)
            return False
        finally:
            self._start_lock.release()

    async def _launch(self, deadline: float) -> None:
        launch = secrets.token_hex(8)
        process = await asyncio.to_thread(_spawn_guardian, self._folder, launch, self._options)
        while True:
            state = read_state(self._folder.state_file)
            if state and (state.launch == launch or (state.joinable and state.alive)):
                return
            if process.poll() is not None:
                raise self._guardian_died()
            await self._sleep(deadline)

    async def _wait_until_ready(self, deadline: float) -> StackState:
        while True:
            state = read_state(self._folder.state_file)
            if state and state.phase == "failed" and state.problem:
                problem = state.problem
                raise EmbeddedStackError(problem.title, problem.detail, problem.advice)
            if state is None or not state.alive:
                raise self._guardian_died()
            if state.usable:
                return state
            await self._sleep(deadline)

    async def _sleep(self, deadline: float) -> None:
        if asyncio.get_running_loop().time() >= deadline:
            raise self._timed_out()
        await asyncio.sleep(_POLL_S)

    def _info(self, state: StackState) -> StackInfo:
        return _info(self._folder, state, joined=self._joined)

    def _guardian_died(self) -> EmbeddedStackError:
        last_lines = tail(_crash_log(self._folder)) or tail(self._folder.log_of("guardian"))
        return EmbeddedStackError(
            _("The embedded server cannot be started"),
            _("Its guardian exited. The end of its log:\n{log}").format(
                log=last_lines or _("(empty)")
            ),
            _("The logs are in {folder}.").format(folder=self._folder.logs),
        )

    def _timed_out(self) -> EmbeddedStackError:
        state = read_state(self._folder.state_file)
        late = [each for each in (state.processes if state else ()) if each.phase != "running"]
        parts = [f"{each.name}: {each.phase}. {each.last_exit}".strip() for each in late]
        if late and (last_lines := tail(Path(late[0].log))):
            parts.append(_("The end of its log:\n{log}").format(log=last_lines))
        return EmbeddedStackError(
            _("The embedded server takes too long to start"),
            "\n".join(parts) or _("It has reported nothing."),
            _("Try again. The logs are in {folder}.").format(folder=self._folder.logs),
        )


def running_stack(data_dir: Path | str | None = None) -> StackInfo | None:
    """Return the running stack if it is ready, without becoming its user."""
    folder = data_folder(data_dir)
    state = read_state(folder.state_file)
    return _info(folder, state, joined=True) if state and state.usable and state.alive else None


def _info(folder: DataFolder, state: StackState, *, joined: bool) -> StackInfo:
    problem = state.problem
    return StackInfo(
        state=state.phase if state.phase in ("unhealthy", "recovering") else "running",
        problem=f"{problem.title}. {problem.detail}" if problem else "",
        advice=problem.advice if problem else "",
        server=state.server,
        monitor=state.monitor,
        data_dir=folder.root,
        log_dir=folder.logs,
        joined=joined,
        processes=state.processes,
    )


def _crash_log(folder: DataFolder) -> Path:
    return folder.log_of("guardian-crash")


def _spawn_guardian(folder: DataFolder, launch: str, options: list[str]) -> subprocess.Popen[bytes]:
    command = module_command(
        "pulse_desktop.embedded.guardian",
        "--data-dir",
        str(folder.root),
        "--launch",
        launch,
        *options,
    )
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    with open_for_overwrite(_crash_log(folder)) as output:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder.root,
            env=child_environment(),
            # Ctrl-C in the terminal of one user must not end a stack that has others.
            start_new_session=True,
            creationflags=flags,
        )
    _launched.append(process)
    return process


def _reap() -> None:
    for process in [each for each in _launched if each.poll() is not None]:
        with suppress(ValueError):
            _launched.remove(process)
