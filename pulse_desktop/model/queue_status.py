"""The state of the task queue and the receipts for tasks that were published to it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class QueueStatus:
    """Snapshot of the task queue.

    Attributes:
        mode: jetstream (a stream keeps tasks until they are done), core (no stream: a task goes to
            the workers that are subscribed at that moment) or unknown.
        durable: whether a task is kept while no worker consumes the queue.
        subject: where tasks are published.
        stream: the stream's name, empty without one.
        consumer: name of the consumer that the workers share, empty when there is none yet.
        pending: tasks not yet delivered to a worker, None when unknown (always in core mode).
        ack_pending: tasks delivered and not acknowledged, None when unknown.
        redelivered: tasks delivered more than once and not acknowledged, None when unknown.
        open_pulls: pull requests that are open now, one or more per idle worker.
        last_delivered_at: Unix seconds when a task was last delivered.
        oldest_at: Unix seconds when the oldest unfinished task was enqueued.
        consumers: workers known to consume the queue now, None when unknown.
        paused: those of them that are paused or draining, as far as heartbeats say.
        late: workers that are not counted, because their heartbeats are late: they may have died.
        has_consumers: whether at least one worker consumes the queue, None when unknown.
        problem: why something is unknown, empty when nothing is.
        connected: whether there is a connection; the figures are those of before the loss if not.
    """

    mode: Literal["jetstream", "core", "unknown"] = "unknown"
    durable: bool = False
    subject: str = ""
    stream: str = ""
    consumer: str = ""
    pending: int | None = None
    ack_pending: int | None = None
    redelivered: int | None = None
    open_pulls: int | None = None
    last_delivered_at: float | None = None
    oldest_at: float | None = None
    consumers: int | None = None
    paused: int = 0
    late: int = 0
    has_consumers: bool | None = None
    problem: str = ""
    connected: bool = True

    @property
    def all_paused(self) -> bool:
        """Whether there are workers and none of them takes tasks."""
        return 0 < (self.consumers or 0) <= self.paused and not self.open_pulls


@dataclass(frozen=True)
class PublishReceipt:
    """One task message that was published.

    Attributes:
        durable: whether a stream stored it; otherwise it went to the subscribed workers.
        stream: the stream's name, empty without one.
        sequence: its position in the stream, 0 without one.
        duplicate: whether the stream had stored it before and dropped this copy.
        bytes: size of the payload.
    """

    durable: bool
    stream: str
    sequence: int
    duplicate: bool
    bytes: int


@dataclass(frozen=True, slots=True)
class EnqueueReceipt:
    """One or more tasks that were enqueued.

    Attributes:
        task_ids: ids of the new tasks, in the order of the request.
        durable: whether a stream keeps all of them until a worker takes them.
    """

    task_ids: tuple[str, ...]
    durable: bool
