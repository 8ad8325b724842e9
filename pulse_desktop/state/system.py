"""The whole of what is known, and the one place where arrivals become knowledge.

The bus leaves arrivals in an inbox; once per frame `fold` takes as many as its time allows. What
changed is kept as positions per collection, so that only the visible page has to look.
"""

import math
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from pulse_desktop.protocol.event import Event, decode_event_raw
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_message import TASK_NAME, UnreadableTaskError, decode_task
from pulse_desktop.protocol.task_result import (
    TaskProgress,
    TaskResult,
    UnreadableResultError,
    decode_result,
)
from pulse_desktop.protocol.topics import MESSAGE_TOPICS, topic_of
from pulse_desktop.state.agent_calls import AgentCalls
from pulse_desktop.state.chat_messages import ChatMessages
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.event_log import EventLog
from pulse_desktop.state.knowledge import Knowledge
from pulse_desktop.state.metrics import Metrics
from pulse_desktop.state.progress import ProgressReports
from pulse_desktop.state.providers import Providers
from pulse_desktop.state.run import OPEN_STATES
from pulse_desktop.state.run_updates import (
    update_from_event,
    update_from_object,
    update_from_progress,
    update_from_result,
    update_from_task,
    update_from_unreadable_result,
)
from pulse_desktop.state.stored_results import StoredResults
from pulse_desktop.state.task_runs import TaskRuns
from pulse_desktop.state.topic_activity import MAX_TOPICS, TopicActivity, Topics
from pulse_desktop.state.workers import Workers

LOG_ROWS: Final = 100_000
LOG_BYTES: Final = 256 << 20
TASK_TOPIC: Final = "taskiq"
"""The name under which messages of the task subject stand in the event log."""

MAX_CLOCK_SKEW_S: Final = 3600.0
"""An event dated later than this beyond its arrival has a broken clock: the arrival counts."""

_EVENT: Final = Source.EVENT  # Python 3.11 takes its time to find a member of an enumeration

_Apply = Callable[[Event, msgspec.Raw | None], None]
_Route = tuple[str, TopicActivity, _Apply | None]


class DirtyRows(msgspec.Struct, gc=False):
    """Positions whose rows were replaced since the last frame, by collection."""

    log: set[int]
    runs: set[int]
    results: set[int]
    messages: set[int]
    knowledge: set[int]
    agents: set[int]
    providers: set[int]
    workers: set[int]
    metrics: set[int]


class SystemState:
    """All state, folded from arrivals.

    Attributes:
        log: every event and every message of the task subject, bounded by rows and bytes.
        runs: task runs.
        results: objects of the result bucket.
        messages: chat messages.
        knowledge: findings.
        agents: agent calls.
        providers: model providers.
        workers: worker processes.
        metrics: quality metrics.
        topics: activity per topic.
        unreadable: events and tasks that could not be read.
        to_read: stored results whose bodies should be fetched, newest last; the owner takes them.
    """

    def __init__(self, *, log_rows: int = LOG_ROWS, log_bytes: int = LOG_BYTES) -> None:
        self.log = EventLog(log_rows, log_bytes)
        self.runs = TaskRuns()
        self.results = StoredResults()
        self.messages = ChatMessages()
        self.knowledge = Knowledge()
        self.agents = AgentCalls()
        self.providers = Providers()
        self.workers = Workers()
        self.metrics = Metrics()
        self.topics = Topics()
        self.unreadable = 0
        self.to_read: list[StoredObject] = []
        self._progress = ProgressReports()
        self._lanes: dict[str, _Route] = {}
        self._by_topic: dict[str, _Apply] = {
            "tasks": self._apply_to_runs,
            "monitoring": self._apply_monitoring,
            "agents": self.agents.apply,
            "providers": self.providers.apply,
            "knowledge": self.knowledge.apply,
            "metrics": self.metrics.apply,
            **dict.fromkeys(MESSAGE_TOPICS, self.messages.apply),
        }

    def fold(self, arrivals: Iterable[InboundMessage | StoredObject]) -> None:
        """Fold arrivals, in their order. Nothing that came off the wire makes it raise."""
        lanes, append = self._lanes, self.log.append
        for arrival in arrivals:
            if type(arrival) is not InboundMessage:
                self._fold_object(arrival)  # type: ignore[arg-type]
                continue
            if arrival.channel is not _EVENT:
                self._fold_task(arrival)
                continue
            at, subject = arrival.at, arrival.subject
            topic, activity, apply = lanes.get(subject) or self._lane(subject)
            event, body = decode_event_raw(topic, arrival.payload, at, arrival.sequence)
            if event.timestamp > at + MAX_CLOCK_SKEW_S:
                event.timestamp, event.time_source = at, "received"
            append(event)
            if event.problem:
                activity.count(at, False)
                self.unreadable += 1
            else:
                activity.count(at, True)
                if apply is not None:
                    apply(event, body)

    def fold_body(self, stored: StoredObject, body: bytes) -> None:
        """Fold the body of a stored result."""
        try:
            result = decode_result(body)
        except UnreadableResultError as error:
            self.fold_unreadable_body(stored, str(error))
        else:
            self.fold_result(stored, result)

    def fold_result(self, stored: StoredObject, result: TaskResult) -> None:
        """Fold a result that was decoded elsewhere (large ones are, in a thread)."""
        run = self.runs.put(update_from_result(stored.key, result, stored))
        name = run.name or to_text(result.labels.get(TASK_NAME))
        self.results.read(stored.key, stored.sequence, result, name)

    def fold_unreadable_body(self, stored: StoredObject, problem: str) -> None:
        """Fold that the body of a stored result cannot be read."""
        run = self.runs.put(update_from_unreadable_result(stored, problem))
        self.results.unreadable(stored.key, stored.sequence, run.name, problem)

    def fold_progress(self, stored: StoredObject, told: TaskProgress) -> None:
        """Fold what a running task stored about itself."""
        self.runs.put(update_from_progress(stored, told))

    def sweep(self, now: float) -> None:
        """Do what only the passing of time brings about. Once a second is often enough."""
        self.runs.sweep(now, self.workers.busy_tasks(now))
        self.to_read += self._progress.take_due(self._progress_told_at)

    def take_changes(self) -> DirtyRows:
        """Return what was replaced since the last call, for the page that is visible."""
        return DirtyRows(
            self.log.take_dirty(),
            self.runs.rows.take_dirty(),
            self.results.rows.take_dirty(),
            self.messages.rows.take_dirty(),
            self.knowledge.rows.take_dirty(),
            self.agents.rows.take_dirty(),
            self.providers.rows.take_dirty(),
            self.workers.rows.take_dirty(),
            self.metrics.rows.take_dirty(),
        )

    def events_of(self, task_id: str, limit: int = 500) -> list[Event]:
        """Find the kept events that mention a task id, in the order of their times.

        They come from two subjects and from history, so they need not have arrived in that order.
        Scans the log: takes up to some 50 ms.

        Args:
            task_id: what they mention.
            limit: at most so many, those that came last.
        """
        needle = task_id.encode()
        found: list[Event] = []
        for event in self.log.newest_first():
            if needle in event.raw and event.type != "worker.heartbeat":
                found.append(event)
                if len(found) == limit:
                    break
        found.reverse()  # of those at one moment the one that came first stays first
        found.sort(key=lambda event: event.timestamp)
        return found

    def _lane(self, subject: str) -> _Route:
        """Look up what belongs to a subject, once for each of the usual ones."""
        topic = topic_of(subject)
        lane = (topic, self.topics.of(topic), self._by_topic.get(topic))
        if len(self._lanes) < MAX_TOPICS:
            self._lanes[subject] = lane
        return lane

    def _fold_task(self, arrival: InboundMessage) -> None:
        problem = ""
        name = task_id = ""
        try:
            task = decode_task(arrival.payload)
        except UnreadableTaskError as error:
            problem = f"not a task: {error}"
            self.unreadable += 1
        else:
            name, task_id = task.task_name, task.task_id
            self.runs.put(update_from_task(task, arrival.at))
        self.log.append(
            Event(
                TASK_TOPIC,
                name,
                arrival.at,
                "received",
                arrival.at,
                task_id,
                "",
                arrival.payload,
                arrival.sequence,
                problem,
            )
        )

    def _progress_told_at(self, task_id: str) -> float | None:
        run = self.runs.get(task_id)
        if run is None:
            return None
        if run.state not in OPEN_STATES:
            return math.inf
        return run.progress.at if run.progress is not None else 0.0

    def _fold_object(self, stored: StoredObject) -> None:
        if stored.key.startswith(PROGRESS_PREFIX):
            self._progress.put(stored)
        elif self.results.put(stored):
            self.runs.put(update_from_object(stored))
            self.to_read.append(stored)

    def _apply_to_runs(self, event: Event, body: msgspec.Raw | None) -> None:
        account = update_from_event(event, body)
        if account is not None:
            self.runs.put(account)

    def _apply_monitoring(self, event: Event, body: msgspec.Raw | None) -> None:
        if event.type.startswith("worker."):
            self.workers.apply(event, body)
        else:
            self._apply_to_runs(event, body)
