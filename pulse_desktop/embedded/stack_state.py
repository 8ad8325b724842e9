"""State of the stack in `stack.json`: written by the guardian, read by its users.

It contains the address of the server with its token, so only the owner can read it. Other versions
of the program read it too: fields keep their names and meanings.
"""

from pathlib import Path
from typing import Final, Literal

import msgspec

from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.regular_file import overwrite_in_place, read_start
from pulse_desktop.text.translation import _

_MAX_BYTES: Final = 1 << 20
_SIZE_STEP: Final = 8 << 10

Phase = Literal["starting", "ready", "unhealthy", "recovering", "ending", "failed"]
ProcessPhase = Literal["starting", "running", "waiting", "ended"]


class ProcessState(msgspec.Struct, frozen=True, gc=False):
    """State of one supervised process.

    Attributes:
        name: `nats-server`, `worker-1`, … or `feeder`.
        phase: `waiting` is the backoff before the next start.
        process: the running process, None if there is none.
        restarts: number of starts after the first.
        last_exit: how it exited last, such as `exit code 1`; empty before the first exit.
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
    """Why the stack could not start or is not healthy: the parts of an `EmbeddedStackError`."""

    title: str
    detail: str
    advice: str


class StackState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """State of the stack.

    Attributes:
        launch: random id of the launch that started the guardian.
        guardian: process of the guardian.
        phase: `ready` once the server is healthy and every worker has sent a heartbeat;
            `unhealthy` while the server runs and is not healthy, for example because it could not
            write; `recovering` while it is restarted.
        server: address of the server with its token, empty before the first start.
        monitor: address of its HTTP monitoring, empty before the first start.
        workers: number of worker processes.
        sample: whether the sample chat runs.
        started_at: Unix seconds.
        processes: the supervised processes.
        problem: set in the phases `failed`, `unhealthy` and `recovering` only.
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
        """Whether the guardian that wrote this is running."""
        return self.guardian.alive()

    @property
    def joinable(self) -> bool:
        """Whether another user keeps the stack running, provided that its guardian is alive."""
        return self.phase == "starting" or self.usable

    @property
    def usable(self) -> bool:
        """Whether the stack has been ready: its server has an address, and runs or is restarted."""
        return self.phase in ("ready", "unhealthy", "recovering")


_decode = msgspec.json.Decoder(StackState).decode


def read_state(path: Path) -> StackState | None:
    """Return the state that a guardian wrote last, None if there is no readable file."""
    for _attempt in range(2):  # on a full disk the file is overwritten in place
        try:
            return _decode(read_start(path, _MAX_BYTES))
        except OSError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


def state_problem(path: Path) -> str:
    """Return why the file cannot be read; empty if it can be, or is missing."""
    try:
        _decode(read_start(path, _MAX_BYTES))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _("{file}: it cannot be understood").format(file=path)
    return ""


def write_state(path: Path, state: StackState) -> None:
    """Replace the file.

    It is filled up with line breaks to a multiple of a size, so that there is room for a later
    state on a full disk: that is when the state matters.

    Raises:
        OSError: it cannot be written.
    """
    content = msgspec.json.format(msgspec.json.encode(state), indent=1)
    content += b"\n" * (-len(content) % _SIZE_STEP)
    try:
        write_atomic(path, content, private=True)
    except OSError:
        if not overwrite_in_place(path, content):
            raise
