"""The state of the system, folded from everything that arrives.

The transport queues messages; once per frame the session folds as many as its time budget allows.
Changed rows are tracked as positions per collection, so that only the visible page updates.
"""

import bisect
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from pulse_desktop.model.run_state import OPEN_STATES
from pulse_desktop.protocol.event import Event, decode_event_raw
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_message import (
    TASK_NAME,
    MalformedTaskError,
    TaskMessage,
    decode_task,
)
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.task_result import (
    TaskProgress,
    TaskResult,
)
from pulse_desktop.protocol.timestamps import MAX_CLOCK_SKEW_S
from pulse_desktop.protocol.topics import TASK_TOPIC, topic_of
from pulse_desktop.state.agent_calls import AgentCall, AgentCalls
from pulse_desktop.state.chat_messages import ChatMessages
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.collection import Collection, DirtyRows, Folded
from pulse_desktop.state.event_log import EventLog
from pulse_desktop.state.knowledge import Knowledge
from pulse_desktop.state.message_runs import MessageRuns
from pulse_desktop.state.metrics import Metrics
from pulse_desktop.state.progress import PendingProgress
from pulse_desktop.state.providers import Providers
from pulse_desktop.state.run_updates import (
    update_from_object,
    update_from_progress,
    update_from_result,
    update_from_task,
    update_from_unread_result,
    update_from_unreadable_result,
)
from pulse_desktop.state.shared_values import RunValues
from pulse_desktop.state.stored_results import StoredResults
from pulse_desktop.state.task_runs import TaskRuns
from pulse_desktop.state.topic_activity import MAX_TOPICS, TopicActivity, Topics
from pulse_desktop.state.worker import HEARTBEAT_S, WorkerHealth
from pulse_desktop.state.workers import Workers

LOG_ROWS: Final = 1_000_000
LOG_BYTES: Final = 256 << 20
MAX_RUNS: Final = 200_000

_GONE: Final = (WorkerHealth.OFFLINE, WorkerHealth.STOPPED)
_EVENT: Final = Source.EVENT  # looking up a member of an enumeration is slow in Python 3.11


_Route = tuple[str, TopicActivity, tuple[Collection[Any], ...]]
_Batches = defaultdict[Collection[Any], list[Folded]]


_CollectionT = TypeVar("_CollectionT", bound=Collection[Any])


class SystemState:
    """The state of the system.

    Attributes:
        log: every event and task message, bounded by number and bytes.
        runs: task runs.
        failure_groups: those that failed, by cause.
        results: objects of the result bucket.
        messages: chat messages.
        message_runs: which runs concerned which chat message.
        knowledge: knowledge events.
        agents: agent calls.
        providers: model providers.
        workers: worker processes.
        metrics: quality metrics.
        topics: activity per topic.
        unreadable: number of unreadable events and task messages.
        task_formats: number of task messages by format.
        task_problem: why the latest unreadable task message could not be read, empty for none.
        pending_reads: stored results whose bodies are still to be fetched, newest last. The owner
            removes them, and gives back with `read_later` what could not be fetched.
    """

    def __init__(
        self,
        *,
        log_rows: int = LOG_ROWS,
        log_bytes: int = LOG_BYTES,
        max_runs: int = MAX_RUNS,
        subject_prefix: str = "",
    ) -> None:
        """Create an empty state.

        Args:
            log_rows: maximum number of events in the log.
            log_bytes: maximum size of the log in bytes.
            max_runs: maximum number of task runs.
            subject_prefix: what the subjects of events begin with, see `TaskiqNames`.
        """
        self._subject_prefix = subject_prefix
        self._collections: dict[str, Collection[Any]] = {}
        self._routes: dict[str, _Route] = {}
        self.log = self.register(EventLog(log_rows, log_bytes))
        self.workers = self.register(Workers())
        self.runs = self.register(TaskRuns(max_runs, busy_tasks=self.workers.busy_tasks))
        self.failure_groups = self.register(self.runs.failure_groups)
        self.failure_groups.values = RunValues(self.parameter_names, self._worker_version)
        self.results = self.register(StoredResults())
        self.messages = self.register(ChatMessages())
        self.message_runs = self.register(MessageRuns())
        self.knowledge = self.register(Knowledge())
        self.agents = self.register(AgentCalls(is_over=self._is_call_over))
        self.providers = self.register(Providers())
        self.metrics = self.register(Metrics())
        self.topics = Topics()
        self.unreadable = 0
        self._missed_at = -math.inf
        self._begun: list[Collection[Any]] = []  # whose ticks have slices left
        self.task_formats: dict[str, int] = {}
        self.task_problem = ""
        self.pending_reads: list[StoredObject] = []
        self._progress = PendingProgress()

    def register(self, collection: _CollectionT) -> _CollectionT:
        """Add a collection: route the events of its topics to it, tick it, report its dirty rows.

        Raises:
            ValueError: there is a collection of this name.
        """
        if collection.name in self._collections:
            raise ValueError(f"there is a collection named {collection.name!r}")
        self._collections[collection.name] = collection
        self._routes.clear()
        return collection

    @property
    def collections(self) -> Sequence[Collection[Any]]:
        """All collections, in the order in which they were registered."""
        return tuple(self._collections.values())

    def fold(self, arrivals: Iterable[InboundMessage | StoredObject]) -> None:
        """Fold messages and metadata of stored objects in order. Never raises.

        Messages that are `older` may come at any time: they end up below what was folded before,
        add to it what it lacks, and replace nothing.
        """
        # One collection after the other takes a quarter less time than one event after the other.
        routes = self._routes
        batches: _Batches = defaultdict(list)
        times: defaultdict[TopicActivity, list[float]] = defaultdict(list)
        newer_events: list[Event] = []
        older_events: list[Event] = []
        for arrival in arrivals:
            if type(arrival) is not InboundMessage:
                self._fold_object(arrival, batches)  # type: ignore[arg-type]
                continue
            older = arrival.older
            if arrival.source is not _EVENT:
                event = self._fold_task(arrival, batches)
            else:
                at, subject = arrival.at, arrival.subject
                topic, activity, collections = routes.get(subject) or self._route(subject)
                event, body = decode_event_raw(topic, arrival.payload, at, arrival.sequence)
                if event.timestamp > at + MAX_CLOCK_SKEW_S:
                    _date_by_arrival(event, at)
                times[activity].append(at)
                if event.problem:
                    activity.unreadable += 1
                    self.unreadable += 1
                else:
                    for collection in collections:
                        batches[collection].append((event, body, older))
            if older:
                older_events.append(event)
            else:
                newer_events.append(event)
        self.log.append_all(newer_events)
        self.log.prepend_all(older_events)
        for activity, arrived in times.items():
            activity.count_all(arrived)
        for collection, batch in batches.items():
            collection.apply_all(batch)

    def fold_result(self, stored: StoredObject, result: TaskResult) -> None:
        """Fold the decoded body of a stored result."""
        run = self.runs.put(update_from_result(stored.key, result, stored))
        name = run.name or canonical_name(to_text(result.labels.get(TASK_NAME)))
        self.results.set_result(stored.key, stored.sequence, result, name)

    def fold_unreadable_body(self, stored: StoredObject, problem: str) -> None:
        """Fold that the body of a stored result cannot be decoded."""
        run = self.runs.put(update_from_unreadable_result(stored, problem))
        self.results.set_unreadable(stored.key, stored.sequence, run.name, problem)

    def fold_unread_body(self, stored: StoredObject) -> None:
        """Fold that the body of a stored result is too large to be read automatically."""
        run = self.runs.put(update_from_unread_result(stored))
        self.results.set_unread(stored.key, stored.sequence, run.name)

    def fold_progress(self, stored: StoredObject, progress: TaskProgress) -> None:
        """Fold the body of a stored progress object."""
        self.runs.put(update_from_progress(stored, progress))

    def tick(self, now: float, missed_s: float = 0.0) -> None:
        """Update what depends on time alone, a slice of each collection. Once a second is enough.

        Args:
            now: Unix seconds.
            missed_s: seconds since the last call in which nothing could arrive: what was not
                reported then is no sign of a fault.
        """
        if missed_s:
            self.workers.excuse_silence(missed_s, now)
            self._missed_at = now
        # What was missed is read, and the next heartbeats arrive, before anything is overdue.
        if not 0 <= now - self._missed_at < HEARTBEAT_S:
            for collection in self._collections.values():
                collection.tick(now)
            # What is left of earlier ticks comes to its end first, however long it takes.
            self._begun = self._begun or list(self._collections.values())
        else:
            self._begun = []
        self.read_later(self._progress.take_due(self._progress_reported_at))

    def read_later(self, found: Iterable[StoredObject]) -> None:
        """Add stored results to those whose bodies are to be fetched, in any order."""
        for stored in found:
            bisect.insort(self.pending_reads, stored, key=_stored_at)

    def tick_more(self, now: float) -> bool:
        """Update a further slice of one collection; return whether there is more.

        Each collection comes to an end, and is then left alone until the next `tick`.
        """
        while self._begun:
            if self._begun[-1].tick_more(now):
                return True
            self._begun.pop()
        return False

    def take_changes(self) -> DirtyRows:
        """Return the rows replaced since the last call."""
        return DirtyRows(
            {
                collection: collection.rows.drain_dirty()
                for collection in self._collections.values()
                if collection.rows.dirty
            }
        )

    def _route(self, subject: str) -> _Route:
        """Find the topic of a subject and what folds its events; remember it for most subjects."""
        topic = topic_of(subject, self._subject_prefix)
        collections = tuple(each for each in self._collections.values() if topic in each.topics)
        route = (topic, self.topics.of(topic), collections)
        if len(self._routes) < MAX_TOPICS:
            self._routes[subject] = route
        return route

    def _fold_task(self, arrival: InboundMessage, batches: _Batches) -> Event:
        problem = ""
        name = task_id = ""
        shown = arrival.payload
        try:
            task = decode_task(arrival.payload)
        except MalformedTaskError as error:
            problem = f"not a task: {error}"
            if not (arrival.older and self.task_problem):
                self.task_problem = problem
            self.unreadable += 1
        else:
            name, task_id = canonical_name(task.task_name), task.task_id
            update = update_from_task(task, arrival.at)
            batches[self.runs].append((update, None, arrival.older))
            format_ = task.format
            self.task_formats[format_] = self.task_formats.get(format_, 0) + 1
            if type(task) is not TaskMessage:
                shown = msgspec.json.encode(task)
        return Event(
            TASK_TOPIC,
            name,
            arrival.at,
            "received",
            arrival.at,
            task_id,
            "",
            shown,
            arrival.sequence,
            problem,
        )

    def _is_call_over(self, call: AgentCall, now: float) -> bool:
        """Return whether the run of an agent call has ended, or its worker is gone."""
        run, worker = self.runs.get(call.task_id), self.workers.get(call.worker)
        has_ended = run is not None and run.state not in OPEN_STATES
        return has_ended or (worker is not None and worker.health(now) in _GONE)

    def parameter_names(self, task_name: str) -> list[str]:
        """Return the names of a task's positional arguments, as far as they are known."""
        schema = self.workers.task_schemas.get(task_name)
        return [] if schema is None else [argument.name for argument in schema.arguments]

    def _worker_version(self, worker_id: str) -> str:
        worker = self.workers.get(worker_id)
        return "" if worker is None else worker.version

    def _progress_reported_at(self, task_id: str) -> float | None:
        run = self.runs.get(task_id)
        if run is None:
            return None
        if run.state not in OPEN_STATES:
            return math.inf
        return run.progress.at if run.progress is not None else 0.0

    def _fold_object(self, stored: StoredObject, batches: _Batches) -> None:
        if stored.key.startswith(PROGRESS_PREFIX):
            self._progress.put(stored)
        elif self.results.put(stored):
            batches[self.runs].append((update_from_object(stored), None, False))
            self.pending_reads.append(stored)


def _stored_at(stored: StoredObject) -> float:
    return stored.stored_at


def _date_by_arrival(event: Event, at: float) -> None:
    """Replace the time of a sender whose clock is ahead."""
    event.clock_offset_s = event.timestamp - at
    event.timestamp, event.time_source = at, "received"
