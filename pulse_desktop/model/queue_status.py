"""The state of the task queue, and what became of a task that was put into it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class QueueStatus:
    """One look at the queue.

    Attributes:
        mode: jetstream (a stream keeps tasks until done), core (nothing does: a task goes to
            whoever listens at that moment) or unknown.
        durable: whether a task survives that no worker listens.
        stream: the stream's name, empty without one.
        consumer: name of the consumer that the workers share, empty when there is none yet.
        pending: tasks not yet handed to a worker, None when not known (as always in core mode).
        ack_pending: tasks handed out and not finished.
        redelivered: tasks handed out more than once and not finished.
        waiting: requests for work that are open now: free workers.
        last_delivered_at: Unix seconds when a task was last handed out.
        oldest_at: Unix seconds when the oldest unfinished task was enqueued.
        listeners: workers known to listen now, None when nobody can tell.
        listening: whether a worker takes tasks now, as far as is known.
        problem: why it is not known, in plain words.
    """

    mode: Literal["jetstream", "core", "unknown"] = "unknown"
    durable: bool = False
    stream: str = ""
    consumer: str = ""
    pending: int | None = None
    ack_pending: int | None = None
    redelivered: int | None = None
    waiting: int | None = None
    last_delivered_at: float | None = None
    oldest_at: float | None = None
    listeners: int | None = None
    listening: bool | None = None
    problem: str = ""


@dataclass(frozen=True)
class PublishReceipt:
    """A task that was enqueued.

    Attributes:
        durable: whether a stream keeps it; else it went to whoever listened.
        stream: the stream's name, empty without one.
        sequence: its position in the stream, 0 without one.
        duplicate: whether the stream had it already, so that it was not stored again.
        bytes: size of the payload.
    """

    durable: bool
    stream: str
    sequence: int
    duplicate: bool
    bytes: int
