"""Choice of the name under which a renamed task is sent, from the heartbeats of workers."""

import time
from collections.abc import Callable
from typing import Final

from taskiq import TaskiqMessage, TaskiqMiddleware

from pulse_desktop.protocol.task_names import AnnouncedNames
from pulse_workers.brokers.observed_workers import ObservedWorker

_HEARTBEATS_TO_OBSERVE: Final = 3


class TaskNameMiddleware(TaskiqMiddleware):
    """Sends each task under the name that all live workers execute."""

    def __init__(
        self, heartbeat_interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start without knowledge of any worker.

        Args:
            heartbeat_interval: seconds between two heartbeats of a worker.
            clock: monotonic seconds.
        """
        super().__init__()
        self._clock = clock
        self._names = AnnouncedNames(_HEARTBEATS_TO_OBSERVE * heartbeat_interval)

    def record(self, worker: ObservedWorker) -> None:
        """Record which names a worker executes."""
        self._names.record(worker.identity, self._clock(), worker.names)

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Replace the name of a renamed task."""
        message.task_name = self._names.name_to_send(message.task_name, self._clock())
        return message
