"""Choice of the name under which a renamed task is sent, from the heartbeats of workers."""

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from taskiq import TaskiqMessage, TaskiqMiddleware

from pulse_desktop.protocol.task_names import AnnouncedNames
from pulse_desktop.protocol.topics import subject_of

_HEARTBEAT: Final = b'"worker.heartbeat"'
_HEARTBEATS_TO_OBSERVE: Final = 3


class ObservedWorker(msgspec.Struct, frozen=True):
    """A worker, as one of its heartbeats describes it.

    Attributes:
        identity: `name@host:pid`.
        broker: kind of its broker, None if unknown.
        queue_group: its queue group, None if unknown.
        names: names of its tasks, None if this heartbeat has none.
    """

    identity: str
    broker: str | None
    queue_group: str | None
    names: frozenset[str] | None


class _HeartbeatData(msgspec.Struct):
    worker: str
    catalogue: dict[str, msgspec.Raw] | None = None
    broker: Any = None
    queue_group: Any = None


class _Heartbeat(msgspec.Struct):
    data: _HeartbeatData


_decode = msgspec.json.Decoder(_Heartbeat).decode


class TaskNameMiddleware(TaskiqMiddleware):
    """Sends each task under the name that all live workers execute.

    Attributes:
        on_worker: called for each heartbeat of a worker.
    """

    def __init__(
        self, heartbeat_interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start without knowledge of any worker.

        Args:
            heartbeat_interval: seconds between two heartbeats of a worker.
            clock: monotonic seconds.
        """
        super().__init__()
        self.on_worker: Callable[[ObservedWorker], None] = lambda _worker: None
        self._clock = clock
        self._names = AnnouncedNames(_HEARTBEATS_TO_OBSERVE * heartbeat_interval)

    async def observe(self, client: Client) -> None:
        """Subscribe to the heartbeats of workers."""
        await client.subscribe(subject_of("monitoring"), cb=self._on_event)

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Replace the name of a renamed task."""
        message.task_name = self._names.name_to_send(message.task_name, self._clock())
        return message

    async def _on_event(self, message: Msg) -> None:
        if _HEARTBEAT not in message.data:
            return
        try:
            heartbeat = _decode(message.data).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        names = heartbeat.catalogue
        self._names.record(heartbeat.worker, self._clock(), names)
        self.on_worker(
            ObservedWorker(
                heartbeat.worker,
                _text(heartbeat.broker),
                _text(heartbeat.queue_group),
                frozenset(names) if names is not None else None,
            )
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
