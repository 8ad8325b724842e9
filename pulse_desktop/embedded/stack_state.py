"""`stack.json`: what the guardian says about the running stack, and all that others read of it.

The server's address with its token is in it, so it is for the owner's eyes only.
"""

from pathlib import Path
from typing import Literal

import msgspec

from pulse_desktop.embedded.private_file import write_private_atomic
from pulse_desktop.embedded.processes import ProcessRef

Phase = Literal["starting", "ready", "ending", "failed"]
ProcessPhase = Literal["starting", "running", "waiting", "ended"]


class ProcessState(msgspec.Struct, frozen=True, gc=False):
    """One supervised process.

    Attributes:
        name: `nats-server`, `worker-1`, … or `feeder`.
        phase: `waiting` is the pause before it is started again.
        process: which one it is, None while there is none.
        restarts: how often it was started again.
        last_exit: how it ended last in plain words, empty when it never did.
        since: Unix seconds of the last change of phase.
        log: path of its current log file.
    """

    name: str
    phase: ProcessPhase
    process: ProcessRef | None
    restarts: int
    last_exit: str
    since: float
    log: str


class Problem(msgspec.Struct, frozen=True, gc=False):
    """Why the stack could not start: the three parts of a `LocalStackError`."""

    title: str
    detail: str
    advice: str


class StackState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The whole file.

    Attributes:
        launch: random word of the launch that started this guardian.
        guardian: the guardian's process.
        phase: `ready` once the server answers and every worker has been heard.
        server: address of the server with its token, empty before the first start.
        monitor: address of its HTTP monitoring, empty before the first start.
        workers: number of worker processes.
        sample: whether the sample is fed.
        started_at: Unix seconds.
        processes: the supervised processes.
        problem: set in phase `failed` only.
    """

    launch: str
    guardian: ProcessRef
    phase: Phase
    server: str
    monitor: str
    workers: int
    sample: bool
    started_at: float
    processes: tuple[ProcessState, ...] = ()
    problem: Problem | None = None

    @property
    def alive(self) -> bool:
        """Whether the guardian that wrote this still runs."""
        return self.guardian.alive()

    @property
    def joinable(self) -> bool:
        """Whether one more user keeps it running, as long as its guardian lives."""
        return self.phase in ("starting", "ready")

    @property
    def ready(self) -> bool:
        """Whether the stack can be used."""
        return self.phase == "ready"


_decode = msgspec.json.Decoder(StackState).decode


def read_state(path: Path) -> StackState | None:
    """Return what the last guardian wrote, None when there is nothing that can be read."""
    try:
        return _decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def write_state(path: Path, state: StackState) -> None:
    """Replace the file.

    Raises:
        OSError: it cannot be written.
    """
    write_private_atomic(path, msgspec.json.format(msgspec.json.encode(state), indent=1))
