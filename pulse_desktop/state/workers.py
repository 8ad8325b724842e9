"""Worker processes, from their heartbeats."""

import enum
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from pulse_desktop.protocol.control import PAUSE
from pulse_desktop.protocol.event import Event, event_fields
from pulse_desktop.protocol.task_names import AnnouncedNames, canonical_name
from pulse_desktop.protocol.timestamps import MAX_DELAY_S, parse_timestamp
from pulse_desktop.state.coerce import (
    MAX_TEXT,
    to_float,
    to_int,
    to_text,
)
from pulse_desktop.state.collection import MAX_ROWS_BYTES, Collection, payload_weight
from pulse_desktop.state.deployments import Deployments
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import ReservoirByName
from pulse_desktop.state.short_names import WorkerNames, without_process
from pulse_desktop.state.task_schemas import TaskSchemas

HEARTBEAT_S: Final = 5.0
LATE_AFTER_S: Final = 3 * HEARTBEAT_S
OFFLINE_AFTER_S: Final = 6 * HEARTBEAT_S
REPLACED_AFTER_S: Final = 2 * HEARTBEAT_S
"""Silence after which a worker whose successor has started is offline."""
REPLACED_SLACK_S: Final = HEARTBEAT_S
"""A successor may appear to start this much before the last heartbeat: the clocks differ."""
MAX_CLOCK_OFFSET_S: Final = MAX_DELAY_S
_HOUR_S: Final = 3600.0
_MAX_COMMANDS: Final = 50
_MAX_LACKING: Final = 20


class WorkerHealth(enum.StrEnum):
    """Health of a worker, by the age of its latest heartbeat. The values appear in JSON output."""

    ONLINE = "alive"
    LATE = "late"
    OFFLINE = "gone"
    STOPPED = "stopped"


_PRESENT: Final = (WorkerHealth.ONLINE, WorkerHealth.LATE)


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


_Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Heartbeat(msgspec.Struct, gc=False):
    """Data of a heartbeat, as our workers send it."""

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
    commands: list[str] = []
    unknown_tasks: Any = None
    missing_tasks: Any = None


_decode_heartbeat = msgspec.json.Decoder(_Heartbeat).decode


class Workers(Collection[Worker]):
    """The workers, as of their latest heartbeats.

    Attributes:
        rows: the workers in the order in which they were first seen.
        busy: busy slots over time, by worker: the mean between heartbeats if reported.
        cpu: CPU per cent of one core over time, by worker.
        task_schemas: schemas of the tasks that they announce.
        deployments: when workers of another version started.
        announced: names under which they execute renamed tasks.
    """

    name = "workers"
    topics = frozenset({"monitoring"})

    def __init__(self, capacity: int = 2_000) -> None:
        self.rows = RingBuffer(
            capacity, max_weight=MAX_ROWS_BYTES, weigh=payload_weight, on_evict=self._on_evicted
        )
        self.names = WorkerNames()
        self.busy = ReservoirByName(1_000)
        self.cpu = ReservoirByName(1_000)
        self.task_schemas = TaskSchemas()
        self.deployments = Deployments()
        self.announced = AnnouncedNames()
        self._positions: dict[str, int] = {}

    def get(self, worker_id: str) -> Worker | None:
        """Return a worker by its identity, or None."""
        position = self._positions.get(worker_id)
        return None if position is None else self.rows[position]

    def position(self, worker_id: str) -> int | None:
        """Return the position of a worker in `rows`, or None."""
        return self._positions.get(worker_id)

    def accepting_commands(self, now: float) -> list[str]:
        """Return the identities of the online workers that accept commands."""
        return [worker.id for worker in self.online(now) if worker.control]

    def online(self, now: float) -> list[Worker]:
        """Return the online workers, those with a late heartbeat included."""
        online = [worker for worker in self.rows if worker.health(now) in _PRESENT]
        replaced = self._replaced(
            [each for each in online if each.silent_s(now) > REPLACED_AFTER_S]
        )
        return [worker for worker in online if worker.id not in replaced]

    def offline(self, now: float) -> list[Worker]:
        """Return the workers that went offline in the last hour and were not replaced.

        A worker that reported its shutdown is not offline. It is replaced by another of its name
        on its host that started after its last heartbeat; one start replaces one worker.
        """
        recent = [
            worker
            for worker in self.rows
            if worker.health(now) is WorkerHealth.OFFLINE and now - worker.last_seen < _HOUR_S
        ]
        replaced = self._replaced(recent)
        return sorted(
            (worker for worker in recent if worker.id not in replaced),
            key=lambda worker: worker.last_seen,
        )

    def _replaced(self, silent: Sequence[Worker]) -> set[str]:
        """Return the identities of those silent workers that another one has replaced."""
        if not silent:
            return set()
        starts: dict[str, list[float]] = {}
        for worker in self.rows:
            if worker.up_since is not None:
                starts.setdefault(without_process(worker.id), []).append(worker.up_since)
        replaced = set()
        for worker in sorted(silent, key=lambda worker: worker.last_seen):
            later = [
                at
                for at in starts.get(without_process(worker.id), ())
                if at != worker.up_since and at >= worker.last_seen - REPLACED_SLACK_S
            ]
            if later:
                starts[without_process(worker.id)].remove(min(later))
                replaced.add(worker.id)
        return replaced

    def tick(self, now: float) -> None:
        """Mark the workers that were replaced: a restart is seen long before its silence counts."""
        online = {worker.id for worker in self.online(now)}
        for position in range(self.rows.start, self.rows.stop):
            worker = self.rows[position]
            if worker.id not in online and worker.health(now) in _PRESENT:
                replaced = msgspec.structs.replace(worker, replaced=True)
                self.rows.replace(position, replaced, same_weight=True)

    def busy_tasks(self, now: float) -> Iterator[str]:
        """Iterate over the ids of the tasks that online workers report as running."""
        return (task_id for worker in self.online(now) for task_id in worker.task_ids)

    def excuse_silence(self, seconds: float, now: float) -> None:
        """Do not count a span that has just passed: no heartbeat could arrive here.

        Without a connection, and while this machine slept, silence says nothing about a worker.

        Args:
            seconds: length of the span; negative after a clock was set back.
            now: Unix seconds.
        """
        for position in range(self.rows.start, self.rows.stop):
            worker = self.rows[position]
            since = min(now, max(worker.silent_since, worker.last_seen) + seconds)
            # A time in the future is one of the clock before it was set back.
            seen = since if worker.last_seen > now else worker.last_seen
            replaced = msgspec.structs.replace(worker, silent_since=since, last_seen=seen)
            self.rows.replace(position, replaced)

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold a heartbeat or the report of a shutdown.

        An older one says nothing of a worker whose later state is known, and adds to its history.
        """
        if event.type not in ("worker.heartbeat", "worker.stopped"):
            return
        heartbeat = _read(event, body)
        name = heartbeat.worker or event.source
        if not name:
            return
        position = self._positions.get(name)
        at = event.received_at
        if position is not None and not older and self.rows[position].last_seen > at:
            return
        if heartbeat.catalogue is not msgspec.UNSET:
            self.task_schemas.apply(heartbeat.catalogue, older=older)
        names = heartbeat.catalogue if isinstance(heartbeat.catalogue, dict) else None
        self.announced.record(name, at, names)
        self.deployments.record(name, to_text(heartbeat.version), at)
        if position is None:
            position = self._add(_worker(name, heartbeat, event), older=older)
            if position is None:
                return
            self._positions[name] = position
            self.names.add(name)
        elif not older:
            self.rows.replace(position, _worker(name, heartbeat, event))
        busy = heartbeat.busy if heartbeat.busy_mean is None else heartbeat.busy_mean
        if busy is not None:
            self.busy[name].add(at, busy)
        if heartbeat.cpu_percent is not None:
            self.cpu[name].add(at, heartbeat.cpu_percent)

    def _on_evicted(self, worker: Worker) -> None:
        self._positions.pop(worker.id, None)
        self.busy.pop(worker.id, None)
        self.cpu.pop(worker.id, None)


def _read(event: Event, body: msgspec.Raw | None) -> _Heartbeat:
    """Decode a heartbeat: at once if it has the documented form, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_heartbeat(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = event_fields(event, body)
    tasks, commands = data.get("running") or data.get("tasks"), data.get("commands")
    started_at = data.get("started_at")
    return _Heartbeat(
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
        [to_text(each) for each in commands] if isinstance(commands, list) else [],
        data.get("unknown_tasks"),
        data.get("missing_tasks"),
    )


def _with_canonical_name(task: Any) -> Any:
    """Return an entry of a worker's running tasks with the task's canonical name."""
    if isinstance(task, dict) and isinstance(task.get("task_name"), str):
        return {**task, "task_name": canonical_name(task["task_name"])}
    return task


def _worker(name: str, heartbeat: _Heartbeat, event: Event) -> Worker:
    tasks = [_with_canonical_name(task) for task in heartbeat.running or heartbeat.tasks]
    ids = (task.get("task_id") if isinstance(task, dict) else task for task in tasks)
    return Worker(
        name,
        heartbeat.host,
        heartbeat.pid,
        None if heartbeat.started_at is None else parse_timestamp(heartbeat.started_at),
        heartbeat.slots,
        heartbeat.busy,
        msgspec.json.encode(tasks),
        tuple(task_id for task_id in map(to_text, ids) if task_id) if tasks else (),
        heartbeat.cpu_percent,
        heartbeat.rss_bytes,
        heartbeat.broker,
        heartbeat.version,
        event.received_at,
        event.type == "worker.stopped",
        event.raw,
        heartbeat.control or "",
        heartbeat.paused,
        heartbeat.draining,
        heartbeat.log_level.upper(),
        heartbeat.busy_mean,
        event.clock_offset_s or event.timestamp - event.received_at,
        missing_tasks=_missing_tasks(heartbeat),
        commands=tuple(heartbeat.commands[:_MAX_COMMANDS]),
    )


def _missing_tasks(heartbeat: _Heartbeat) -> tuple[str, ...]:
    """Return the task names that a worker lacks, from fields that may have any content."""
    names = [
        name
        for field in (heartbeat.missing_tasks, heartbeat.unknown_tasks)
        if isinstance(field, dict | list)
        for name in field
        if isinstance(name, str)
    ]
    return tuple(sorted({canonical_name(name) for name in names[: 2 * _MAX_LACKING]}))[
        :_MAX_LACKING
    ]
