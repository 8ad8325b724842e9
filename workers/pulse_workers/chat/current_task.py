"""The running task: its ID, when it was enqueued, and IDs of the tasks that it enqueues."""

import hashlib
import time

from pulse_workers.execution.delivery import current_delivery


def current_task_id() -> str:
    """Return the ID of the running task, empty outside of a task."""
    delivery = current_delivery.get()
    return delivery.task_id if delivery is not None else ""


def queued_at() -> float:
    """Return when the running task was enqueued, by the server's clock; Unix seconds.

    It is the same for every attempt. Outside of a task, and with a server that does not tell, it
    is now.
    """
    delivery = current_delivery.get()
    return (delivery.queued_at if delivery is not None else 0.0) or time.time()


def child_id(parent: str, purpose: str) -> str:
    """Return the ID of a task that another task enqueues.

    It is deterministic, so that a retry of the parent does not enqueue its children twice:
    within its duplicate window, 120 s, the stream drops a message with a known ID.
    """
    return hashlib.blake2b(f"{parent} {purpose}".encode(), digest_size=16).hexdigest()
