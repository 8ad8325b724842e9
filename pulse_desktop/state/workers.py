"""Worker processes, known by their heartbeats."""

import enum
from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, event_fields
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.state.coerce import (
    MAX_TEXT,
    to_float,
    to_int,
    to_text,
)
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import ReservoirByName
from pulse_desktop.state.task_schemas import TaskSchemas

HEARTBEAT_S: Final = 5.0
LATE_AFTER_S: Final = 3 * HEARTBEAT_S
OFFLINE_AFTER_S: Final = 6 * HEARTBEAT_S
FORGET_AFTER_S: Final = 24 * 3600.0


class WorkerHealth(enum.StrEnum):
    """How a worker is, judged by its latest sign of life."""

    ONLINE = "alive"
    LATE = "late"
    OFFLINE = "gone"
    STOPPED = "stopped"


class WorkerActivity(enum.StrEnum):
    """What a living worker does about tasks."""

    BUSY = "busy"
    IDLE = "idle"
    PAUSED = "paused"
    DRAINING = "draining"
    UNKNOWN = ""


class Worker(msgspec.Struct, gc=False):
    """One worker process, as of its latest heartbeat.

    Attributes:
        worker: `name@host:pid`.
        host: machine.
        pid: process id, None when it was not said.
        started_at: Unix seconds.
        slots: how many tasks it runs at once.
        busy: how many it runs now.
        busy_mean: how many it ran on average since its heartbeat before, None when not said.
        tasks: JSON array of what it runs now.
        task_ids: the ids among them.
        cpu_percent: of one core.
        rss_bytes: resident memory.
        broker: "jetstream" or "core".
        version: of the worker program.
        seen_at: Unix seconds of the latest heartbeat.
        stopped: whether it said good-bye.
        raw: the latest event about it.
        control: subject on which it takes orders, empty when it takes none.
        paused: whether it was told to take no tasks for now.
        draining: whether it finishes what it runs and then ends.
        log_level: from which it logs, empty when it was not said.
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

    @property
    def activity(self) -> WorkerActivity:
        """What it does about tasks, as of its latest heartbeat."""
        if self.draining:
            return WorkerActivity.DRAINING
        if self.paused:
            return WorkerActivity.PAUSED
        if self.busy is None:
            return WorkerActivity.UNKNOWN
        return WorkerActivity.BUSY if self.busy else WorkerActivity.IDLE

    def health(self, now: float) -> WorkerHealth:
        """Judge it at a time, Unix seconds."""
        if self.stopped:
            return WorkerHealth.STOPPED
        silent = now - self.last_seen
        if silent > OFFLINE_AFTER_S:
            return WorkerHealth.OFFLINE
        return WorkerHealth.LATE if silent > LATE_AFTER_S else WorkerHealth.ONLINE


_Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Beat(msgspec.Struct, gc=False):
    """What a heartbeat tells, as our workers write it."""

    worker: str
    host: str = ""
    pid: _Whole | None = None
    started_at: str | float | None = None
    slots: _Whole | None = None
    busy: _Whole | None = None
    running: list[Any] = []
    tasks: list[Any] = []
    cpu_percent: float | None = None
    rss_bytes: _Whole | None = None
    broker: str = ""
    version: str = ""
    control: str | None = None
    paused: bool = False
    draining: bool = False
    log_level: str = ""
    catalogue: Any = msgspec.UNSET
    busy_mean: float | None = None


_decode_beat = msgspec.json.Decoder(_Beat).decode


class Workers(Collection[Worker]):
    """The latest word of every worker.

    Attributes:
        rows: in the order in which they were first heard of.
        busy: busy slots over time, by worker: the mean between heartbeats where that is said.
        cpu: per cent of one core over time, by worker.
        task_schemas: the tasks they say they know.
    """

    name = "workers"
    topics = frozenset({"monitoring"})

    def __init__(self, capacity: int = 2_000) -> None:
        self.rows = RingBuffer(capacity, on_evict=self._on_evicted)
        self.busy = ReservoirByName(1_000)
        self.cpu = ReservoirByName(1_000)
        self.task_schemas = TaskSchemas()
        self._positions: dict[str, int] = {}

    def get(self, worker: str) -> Worker | None:
        """Return a worker by its identity, or None."""
        position = self._positions.get(worker)
        return None if position is None else self.rows[position]

    def position(self, worker: str) -> int | None:
        """Return where a worker stands in `rows`, or None."""
        return self._positions.get(worker)

    def accepting_commands(self, now: float) -> list[str]:
        """Return the identities of the workers that are there and take orders."""
        return [worker.id for worker in self.online(now) if worker.control]

    def online(self, now: float) -> list[Worker]:
        """Return the workers that are there, late ones included."""
        present = (WorkerHealth.ONLINE, WorkerHealth.LATE)
        return [worker for worker in self.rows if worker.health(now) in present]

    def offline(self, now: float) -> list[Worker]:
        """Return the workers that fell silent within the last hour without a good-bye."""
        return [
            worker
            for worker in self.rows
            if worker.health(now) is WorkerHealth.OFFLINE and now - worker.last_seen < 3600
        ]

    def busy_tasks(self, now: float) -> Iterator[str]:
        """Walk the ids of tasks that living workers say they run."""
        return (task_id for worker in self.online(now) for task_id in worker.task_ids)

    def apply(self, event: Event, body: msgspec.Raw | None = None) -> None:
        """Fold a heartbeat or a good-bye."""
        if event.type not in ("worker.heartbeat", "worker.stopped"):
            return
        beat = _read(event, body)
        name = beat.worker or event.source
        if not name:
            return
        position = self._positions.get(name)
        if position is not None and self.rows[position].last_seen > event.timestamp:
            return
        if beat.catalogue is not msgspec.UNSET:
            self.task_schemas.apply(beat.catalogue)
        worker = _worker(name, beat, event)
        if position is None:
            self._positions[name] = self.rows.append(worker)
        else:
            self.rows.replace(position, worker)
        busy = worker.busy if worker.busy_mean is None else worker.busy_mean
        if busy is not None:
            self.busy[name].add(worker.last_seen, busy)
        if worker.cpu_percent is not None:
            self.cpu[name].add(worker.last_seen, worker.cpu_percent)

    def _on_evicted(self, worker: Worker) -> None:
        self._positions.pop(worker.id, None)
        self.busy.pop(worker.id, None)
        self.cpu.pop(worker.id, None)


def _read(event: Event, body: msgspec.Raw | None) -> _Beat:
    """Read a heartbeat: at once if written as promised, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_beat(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = event_fields(event, body)
    tasks = data.get("running") or data.get("tasks")
    started_at = data.get("started_at")
    return _Beat(
        to_text(data.get("worker")),
        to_text(data.get("host")),
        to_int(data.get("pid")),
        started_at if isinstance(started_at, (str, int, float)) else None,
        to_int(data.get("slots")),
        to_int(data.get("busy")),
        tasks if isinstance(tasks, list) else [],
        [],
        to_float(data.get("cpu_percent")),
        to_int(data.get("rss_bytes")),
        to_text(data.get("broker")),
        to_text(data.get("version")),
        to_text(data.get("control")),
        data.get("paused") is True,
        data.get("draining") is True,
        to_text(data.get("log_level")),
        data.get("catalogue", msgspec.UNSET),
        to_float(data.get("busy_mean")),
    )


def _worker(name: str, beat: _Beat, event: Event) -> Worker:
    tasks = beat.running or beat.tasks
    ids = (task.get("task_id") if isinstance(task, dict) else task for task in tasks)
    return Worker(
        name,
        beat.host,
        beat.pid,
        None if beat.started_at is None else parse_timestamp(beat.started_at),
        beat.slots,
        beat.busy,
        msgspec.json.encode(tasks),
        tuple(task_id for task_id in map(to_text, ids) if task_id) if tasks else (),
        beat.cpu_percent,
        beat.rss_bytes,
        beat.broker,
        beat.version,
        event.timestamp,
        event.type == "worker.stopped",
        event.raw,
        beat.control or "",
        beat.paused,
        beat.draining,
        beat.log_level.upper(),
        beat.busy_mean,
    )
