"""What a window or a command does with the embedded stack: join or start it, and leave it."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from pulse_desktop.embedded.bounded_log import tail
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.launcher import child_environment, module_command
from pulse_desktop.embedded.paths import DataFolder, cannot_write, data_folder
from pulse_desktop.embedded.stack_state import ProcessState, StackState, read_state
from pulse_desktop.embedded.usage_locks import (
    UsageLock,
    live_users,
    lock_on,
    try_lock,
)

_POLL_S: Final = 0.03
_LOOK_S: Final = 0.5
_LOOKS_TO_BELIEVE: Final = 3
_LONGEST_PAUSE_S: Final = 30.0

_launched: Final[list[subprocess.Popen[bytes]]] = []
"""Guardians started by this process: kept so that they can be reaped when they end."""


@dataclass(frozen=True)
class StackInfo:
    """The stack as its users see it.

    Attributes:
        server: address usable as it is, with the token in it: never to be shown or logged.
        monitor: address of the server's HTTP monitoring.
        data_dir: where its data lies.
        log_dir: where the logs of all its processes lie.
        joined: whether it ran already.
        state: `restarting` while its guardian is gone and a new one is being started, `failed`
            when that did not work; it is tried again.
        problem: why it failed, empty otherwise.
        processes: the supervised processes, with their restarts and logs.
    """

    server: str = field(repr=False)
    monitor: str
    data_dir: Path
    log_dir: Path
    joined: bool
    state: Literal["running", "restarting", "failed"] = "running"
    problem: str = ""
    processes: tuple[ProcessState, ...] = field(default=(), repr=False)


class EmbeddedStack:
    """One user of the embedded stack. The stack runs as long as it has a user.

    Everything waits on the event loop, whichever that is, and needs nothing of it but timers and
    an executor.
    """

    def __init__(
        self,
        data_dir: Path | str | None = None,
        *,
        workers: int = 1,
        sample: bool = True,
        worker_module: str = "pulse_workers",
    ) -> None:
        """Describe the stack; `workers`, `sample` and the module count only if it must be started.

        Args:
            data_dir: else PULSE_DATA_DIR, else the platform's user data folder.
            workers: number of worker processes.
            sample: whether the sample chat is fed.
            worker_module: what `python -m` runs as worker and feeder.
        """
        self._folder = data_folder(data_dir)
        self._options = ["--workers", str(workers), "--worker-module", worker_module]
        if not sample:
            self._options.append("--no-sample")
        self._client = UsageLock(self._folder)
        self._start_lock = lock_on(self._folder.start_lock)
        self._joined = False
        self._last: StackInfo | None = None

    async def start(self, timeout: float = 30.0) -> StackInfo:  # noqa: ASYNC109 - told in the error
        """Join the running stack or start it, and return once it can be used.

        May be called again when the guardian has died.

        Args:
            timeout: seconds until it must be ready.

        Raises:
            EmbeddedStackError: the data folder cannot be written, nats-server is missing, a process
                does not start, or it takes too long.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        await asyncio.to_thread(self._folder.prepare)
        try:
            self._joined = await self._join_or_launch(deadline)
            self._last = self._info(await self._until_ready(deadline))
        except OSError as error:
            self._client.release()
            raise cannot_write(self._folder.root, error) from error
        except BaseException:
            self._client.release()
            raise
        return self._last

    def info(self) -> StackInfo | None:
        """Return how the stack is now, None when it is not ready."""
        state = read_state(self._folder.state_file)
        return self._info(state) if state and state.ready and state.alive else None

    async def stop(self, *, wait: bool = True, timeout: float = 20.0) -> None:  # noqa: ASYNC109
        """Stop using the stack. If this was the last user it ends, in order.

        Args:
            wait: return only when it has ended or somebody else uses it. A window need not wait:
                the guardian ends the stack just the same.
            timeout: longest wait, in seconds.
        """
        self._client.release()
        deadline = asyncio.get_running_loop().time() + timeout
        state = read_state(self._folder.state_file) if wait else None
        used_looks = 0
        while state and state.alive and asyncio.get_running_loop().time() < deadline:
            used_looks = used_looks + 1 if live_users(self._folder) else 0
            if used_looks >= _LOOKS_TO_BELIEVE:
                break
            await asyncio.sleep(_POLL_S)
            _reap()
        _reap()

    async def keep(self, on_change: Callable[[StackInfo], None]) -> None:
        """Watch the stack for ever; start it again whenever its guardian has died.

        Cancel this before `stop`.

        The data is kept, and so is the address unless another program has taken the port.

        Args:
            on_change: told each time something is different: a process restarted, the guardian
                gone, the stack back, an address changed.
        """
        told = self._last
        pause_s = _LOOK_S
        while True:
            now = self.info()
            if now is None:
                now, pause_s = await self._restart(told, pause_s, on_change)
            if now is not None and now != told:
                on_change(now)
            told = now or told
            await asyncio.sleep(pause_s)

    async def _restart(
        self, last: StackInfo | None, pause_s: float, on_change: Callable[[StackInfo], None]
    ) -> tuple[StackInfo | None, float]:
        _reap()
        if last is not None:
            on_change(replace(last, state="restarting", problem="", processes=()))
        try:
            return await self.start(), _LOOK_S
        except EmbeddedStackError as error:
            failed = last and replace(
                last, state="failed", problem=f"{error.title}. {error.detail}", processes=()
            )
            return failed, min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _join_or_launch(self, deadline: float) -> bool:
        """Count as a user and see to it that there is a guardian. True when there was one."""
        while not try_lock(self._start_lock):
            await self._pause(deadline)
        try:
            while not self._client.try_hold():
                await self._pause(deadline)
            while (state := read_state(self._folder.state_file)) and state.alive:
                if state.joinable:
                    return True
                await self._pause(deadline)  # it is ending
            await self._launch(deadline)
            return False
        finally:
            self._start_lock.release()

    async def _launch(self, deadline: float) -> None:
        word = secrets.token_hex(8)
        process = await asyncio.to_thread(_spawn_guardian, self._folder, word, self._options)
        while True:
            state = read_state(self._folder.state_file)
            if state and (state.launch == word or (state.joinable and state.alive)):
                return
            if process.poll() is not None:
                raise self._guardian_died()
            await self._pause(deadline)

    async def _until_ready(self, deadline: float) -> StackState:
        while True:
            state = read_state(self._folder.state_file)
            if state and state.problem:
                problem = state.problem
                raise EmbeddedStackError(problem.title, problem.detail, problem.advice)
            if state is None or not state.alive:
                raise self._guardian_died()
            if state.ready:
                return state
            await self._pause(deadline)

    async def _pause(self, deadline: float) -> None:
        if asyncio.get_running_loop().time() >= deadline:
            raise self._too_slow()
        await asyncio.sleep(_POLL_S)

    def _info(self, state: StackState) -> StackInfo:
        return _info(self._folder, state, joined=self._joined)

    def _guardian_died(self) -> EmbeddedStackError:
        last_lines = tail(_crash_log(self._folder)) or tail(self._folder.log_of("guardian"))
        return EmbeddedStackError(
            "The embedded server cannot be started",
            f"Its guardian ended at once. The end of its log:\n{last_lines or '(empty)'}",
            f"The logs are in {self._folder.logs}.",
        )

    def _too_slow(self) -> EmbeddedStackError:
        state = read_state(self._folder.state_file)
        late = [each for each in (state.processes if state else ()) if each.phase != "running"]
        parts = [f"{each.name} is {each.phase}. {each.last_exit}".strip() for each in late]
        if late and (last_lines := tail(Path(late[0].log))):
            parts.append(f"The end of its log:\n{last_lines}")
        return EmbeddedStackError(
            "The embedded server takes too long to start",
            "\n".join(parts) or "Nothing was heard of it.",
            f"Try again; the logs are in {self._folder.logs}.",
        )


def running_stack(data_dir: Path | str | None = None) -> StackInfo | None:
    """Return the stack that runs and is ready, None when there is none. Keeps nothing running."""
    folder = data_folder(data_dir)
    state = read_state(folder.state_file)
    return _info(folder, state, joined=True) if state and state.ready and state.alive else None


def _info(folder: DataFolder, state: StackState, *, joined: bool) -> StackInfo:
    return StackInfo(
        server=state.server,
        monitor=state.monitor,
        data_dir=folder.root,
        log_dir=folder.logs,
        joined=joined,
        processes=state.processes,
    )


def _crash_log(folder: DataFolder) -> Path:
    return folder.log_of("guardian-crash")


def _spawn_guardian(folder: DataFolder, word: str, options: list[str]) -> subprocess.Popen[bytes]:
    command = module_command(
        "pulse_desktop.embedded.guardian",
        "--data-dir",
        str(folder.root),
        "--launch",
        word,
        *options,
    )
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    crash_log = os.open(_crash_log(folder), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(crash_log, "wb") as output:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder.root,
            env=child_environment(),
            # Ctrl-C in the terminal of one user is not meant for a stack that has others.
            start_new_session=True,
            creationflags=flags,
        )
    _launched.append(process)
    return process


def _reap() -> None:
    for process in [each for each in _launched if each.poll() is not None]:
        with suppress(ValueError):
            _launched.remove(process)
