"""Worker processes, from their heartbeats."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from pulse_desktop.protocol.event import HEARTBEAT, Event
from pulse_desktop.protocol.task_names import AnnouncedNames
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.collection import MAX_ROWS_BYTES, Collection, payload_weight
from pulse_desktop.state.deployments import Deployments
from pulse_desktop.state.heartbeat import read_heartbeat, worker_of
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import ReservoirByName
from pulse_desktop.state.short_names import WorkerNames, without_process
from pulse_desktop.state.task_schemas import TaskSchemas
from pulse_desktop.state.worker import HEARTBEAT_S, Worker, WorkerHealth

REPLACED_AFTER_S: Final = 2 * HEARTBEAT_S
"""Silence after which a worker whose successor has started is offline."""
REPLACED_SLACK_S: Final = HEARTBEAT_S
"""A successor may appear to start this much before the last heartbeat: the clocks differ."""
_HOUR_S: Final = 3600.0
_PRESENT: Final = (WorkerHealth.ONLINE, WorkerHealth.LATE)


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
        if event.type not in (HEARTBEAT, "worker.stopped"):
            return
        heartbeat = read_heartbeat(event, body)
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
            position = self._add(worker_of(name, heartbeat, event), older=older)
            if position is None:
                return
            self._positions[name] = position
            self.names.add(name)
        elif not older:
            self.rows.replace(position, worker_of(name, heartbeat, event))
        busy = heartbeat.busy if heartbeat.busy_mean is None else heartbeat.busy_mean
        if busy is not None:
            self.busy[name].add(at, busy)
        if heartbeat.cpu_percent is not None:
            self.cpu[name].add(at, heartbeat.cpu_percent)

    def _on_evicted(self, worker: Worker) -> None:
        self._positions.pop(worker.id, None)
        self.busy.pop(worker.id, None)
        self.cpu.pop(worker.id, None)
