"""Read the heartbeats of workers, of our own and of others."""

from typing import Annotated, Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, decoded_fields
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.state.coerce import (
    MAX_TEXT,
    to_float,
    to_int,
    to_text,
)
from pulse_desktop.state.worker import Worker

_MAX_COMMANDS: Final = 50
_MAX_LACKING: Final = 20

_Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class Heartbeat(msgspec.Struct, gc=False):
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


_decode_heartbeat = msgspec.json.Decoder(Heartbeat).decode


def read_heartbeat(event: Event, body: msgspec.Raw | None) -> Heartbeat:
    """Decode a heartbeat: at once if it has the documented form, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_heartbeat(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = decoded_fields(event, body)
    tasks, commands = data.get("running") or data.get("tasks"), data.get("commands")
    started_at = data.get("started_at")
    return Heartbeat(
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


def worker_of(name: str, heartbeat: Heartbeat, event: Event) -> Worker:
    """Return the worker that an event about it describes."""
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


def _missing_tasks(heartbeat: Heartbeat) -> tuple[str, ...]:
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
