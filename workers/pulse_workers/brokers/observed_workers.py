"""Other workers, as their heartbeats describe them."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.protocol.topics import subject_of

_HEARTBEAT: Final = b'"worker.heartbeat"'


class ObservedWorker(msgspec.Struct, frozen=True):
    """A worker, as one of its heartbeats describes it.

    Attributes:
        identity: `name@host:pid`.
        broker: kind of its broker, None if unknown.
        queue_group: its queue group, None if unknown.
        subject: subject of its tasks, None if unknown.
        names: names of its tasks, None if this heartbeat has none.
    """

    identity: str
    broker: str | None
    queue_group: str | None
    subject: str | None
    names: frozenset[str] | None


async def observe_workers(
    client: Client, listeners: Sequence[Callable[[ObservedWorker], None]]
) -> None:
    """Subscribe to heartbeats, and call each listener for every heartbeat of a worker."""

    async def on_event(message: Msg) -> None:
        worker = read_heartbeat(message.data)
        if worker is not None:
            for listener in listeners:
                listener(worker)

    await client.subscribe(subject_of("monitoring"), cb=on_event)


def read_heartbeat(event: bytes) -> ObservedWorker | None:
    """Return the worker of a heartbeat, None for another event or an unreadable one."""
    if _HEARTBEAT not in event:
        return None
    try:
        data = _decode(event).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return ObservedWorker(
        data.worker,
        _text(data.broker),
        _text(data.queue_group),
        _text(data.subject),
        frozenset(data.catalogue) if data.catalogue is not None else None,
    )


class _HeartbeatData(msgspec.Struct):
    worker: str
    catalogue: dict[str, msgspec.Raw] | None = None
    broker: Any = None
    queue_group: Any = None
    subject: Any = None


class _Heartbeat(msgspec.Struct):
    data: _HeartbeatData


_decode = msgspec.json.Decoder(_Heartbeat).decode


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
