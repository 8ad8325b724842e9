"""One worker process, as of its latest heartbeat: what it does, and whether it is online."""

import enum
from typing import Final

import msgspec

from pulse_desktop.protocol.control import PAUSE
from pulse_desktop.protocol.timestamps import MAX_DELAY_S

HEARTBEAT_S: Final = 5.0
LATE_AFTER_S: Final = 3 * HEARTBEAT_S
OFFLINE_AFTER_S: Final = 6 * HEARTBEAT_S
MAX_CLOCK_OFFSET_S: Final = MAX_DELAY_S


class WorkerHealth(enum.StrEnum):
    """Health of a worker, by the age of its latest heartbeat. The values appear in JSON output."""

    ONLINE = "alive"
    LATE = "late"
    OFFLINE = "gone"
    STOPPED = "stopped"


class WorkerActivity(enum.StrEnum):
    """Activity of an online worker. The values appear in JSON output."""

    BUSY = "busy"
    IDLE = "idle"
    PAUSED = "paused"
    DRAINING = "draining"
    UNKNOWN = ""


class Worker(msgspec.Struct, gc=False):
    """One worker process, as of its latest heartbeat.

    Attributes:
        id: identity, `name@host:pid`.
        host: name of the host.
        pid: process id, None if unknown.
        started_at: Unix seconds, None if unknown.
        slots: number of tasks it can run concurrently, None if unknown.
        busy: number of tasks it is running, None if unknown.
        tasks: JSON array of the running tasks.
        task_ids: their ids.
        cpu_percent: of one core, None if unknown.
        rss_bytes: resident memory, None if unknown.
        broker: "jetstream" or "core".
        version: version of the worker program.
        last_seen: Unix seconds at which the latest heartbeat arrived. Never the worker's own time:
            its clock may be wrong.
        stopped: whether it reported its shutdown.
        raw: payload of the latest event about it.
        control: subject on which it accepts commands, empty if it accepts none.
        paused: whether it takes no tasks until it is resumed.
        draining: whether it finishes its running tasks and then exits.
        log_level: its log level, empty if unknown.
        busy_mean: mean number of running tasks since the previous heartbeat, None if unknown.
        commands: the commands that it executes, empty if it does not say: then all of them.
        missing_tasks: names of tasks that it is offered, or will be, and does not have; at most 20.
        silent_since: Unix seconds from which its silence counts: `last_seen`, and later by the time
            in which no heartbeat could arrive here.
        clock_offset_s: seconds that its clock is ahead of the time of arrival, negative when it is
            behind; includes the delay of the message.
        replaced: whether another worker of its name on its host has started since it went silent.
    """

    id: str
    host: str
    pid: int | None
    started_at: float | None
    slots: int | None
    busy: int | None
    tasks: bytes
    task_ids: tuple[str, ...]
    cpu_percent: float | None
    rss_bytes: int | None
    broker: str
    version: str
    last_seen: float
    stopped: bool
    raw: bytes
    control: str = ""
    paused: bool = False
    draining: bool = False
    log_level: str = ""
    busy_mean: float | None = None
    clock_offset_s: float = 0.0
    missing_tasks: tuple[str, ...] = ()
    silent_since: float = 0.0
    commands: tuple[str, ...] = ()
    replaced: bool = False

    @property
    def accepts_worker_commands(self) -> bool:
        """Whether it accepts commands about itself; a worker of another project only cancels."""
        return bool(self.control) and (not self.commands or PAUSE in self.commands)

    @property
    def clock_is_off(self) -> bool:
        """Whether its clock is off by more than the delay of a message explains."""
        return abs(self.clock_offset_s) > MAX_CLOCK_OFFSET_S

    @property
    def up_since(self) -> float | None:
        """Unix seconds of its start by the clock that dates arrivals; None if unknown."""
        if self.started_at is None:
            return None
        offset = self.clock_offset_s if self.clock_is_off else 0.0
        return min(self.started_at - offset, self.last_seen)

    @property
    def takes_tasks(self) -> bool:
        """Whether it is neither paused nor draining, as of its latest heartbeat."""
        return not (self.paused or self.draining)

    @property
    def activity(self) -> WorkerActivity:
        """What it does, as of its latest heartbeat."""
        if self.draining:
            return WorkerActivity.DRAINING
        if self.paused:
            return WorkerActivity.PAUSED
        if self.busy is None:
            return WorkerActivity.UNKNOWN
        return WorkerActivity.BUSY if self.busy else WorkerActivity.IDLE

    def silent_s(self, now: float) -> float:
        """Return for how many seconds its silence counts at a time (Unix seconds)."""
        return now - max(self.silent_since, self.last_seen)

    def health(self, now: float) -> WorkerHealth:
        """Return its health at a time (Unix seconds)."""
        if self.stopped:
            return WorkerHealth.STOPPED
        age = self.silent_s(now)
        if self.replaced or age > OFFLINE_AFTER_S:
            return WorkerHealth.OFFLINE
        return WorkerHealth.LATE if age > LATE_AFTER_S else WorkerHealth.ONLINE
