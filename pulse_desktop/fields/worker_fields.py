"""The fields of workers."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from pulse_desktop.fields.field_values import (
    choices,
    flag,
    free_text_field,
    number_values,
    text_values,
)
from pulse_desktop.fields.names import task_values, worker_values
from pulse_desktop.query.fields import Field, FieldKind, FieldSet, Values
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.worker import Worker
from pulse_desktop.text.translation import _
from pulse_desktop.text.worker_text import ACTIVITY_LABELS, HEALTH_LABELS

_HEALTH: Final = {"alive": "online", "gone": "offline"}
"""Names of a health in queries, where they differ from those in JSON output."""
_PRESENT: Final = ("online", "late")


def worker_fields() -> FieldSet[Worker]:
    """Return the fields of workers.

    What an offline worker ran last is not what it runs: only free text finds it by that.
    """
    kind = FieldKind
    return FieldSet[Worker](
        (
            Field("worker", kind.ID, _("Worker"), lambda row, _now: worker_values(row.id)),
            Field(
                "health", kind.CHOICE, _("Health"), _health, _health_choices(), time_dependent=True
            ),
            flag("online", _("Online"), _is_online, time_dependent=True),
            Field(
                "activity",
                kind.CHOICE,
                _("Activity"),
                lambda row, now: text_values(str(row.activity)) if _is_online(row, now) else (),
                _activity_choices(),
                time_dependent=True,
            ),
            Field("running", kind.NUMBER, _("Busy slots"), _running, time_dependent=True),
            Field("slots", kind.NUMBER, _("Slots"), lambda row, _now: number_values(row.slots)),
            Field("free", kind.NUMBER, _("Free slots"), _free, time_dependent=True),
            Field("task", kind.TEXT, _("Running task"), _tasks, time_dependent=True),
            Field("run", kind.ID, _("Running task id"), _runs, time_dependent=True),
            Field(
                "silent",
                kind.DURATION,
                _("Time since the latest heartbeat"),
                lambda row, now: (max(0.0, row.silent_s(now)),),
                time_dependent=True,
            ),
            Field("seen", kind.TIME, _("Latest heartbeat"), lambda row, _now: (row.last_seen,)),
            Field(
                "started", kind.TIME, _("Started"), lambda row, _now: number_values(row.up_since)
            ),
            Field("host", kind.TEXT, _("Host"), lambda row, _now: text_values(row.host)),
            Field("pid", kind.NUMBER, _("Process id"), lambda row, _now: number_values(row.pid)),
            Field("cpu", kind.NUMBER, _("CPU, percent"), _cpu, time_dependent=True),
            Field("memory", kind.SIZE, _("Memory"), _memory, time_dependent=True),
            Field(
                "log_level", kind.ID, _("Log level"), lambda row, _now: text_values(row.log_level)
            ),
            flag("control", _("Accepts commands"), lambda row, _now: bool(row.control)),
            Field("missing", kind.TEXT, _("Task that it lacks"), _missing),
            Field("version", kind.ID, _("Version"), lambda row, _now: text_values(row.version)),
            Field("broker", kind.ID, _("Broker"), lambda row, _now: text_values(row.broker)),
            free_text_field(_text),
        ),
        _text,
        aliases={"id": "worker", "busy": "running", "tasks": "task"},
    )


def _health_choices() -> Mapping[str, str]:
    labels = {health_name(health): label for health, (label, *_look) in HEALTH_LABELS.items()}
    return choices(labels, _HEALTH)


def _activity_choices() -> Mapping[str, str]:
    labels = {str(name): label for name, (label, *_look) in ACTIVITY_LABELS.items() if label}
    return choices(labels)


@lru_cache(maxsize=1024)
def running_tasks(tasks: bytes) -> tuple[str, ...]:
    """Return the name of each running task in a heartbeat, its id if it has no name.

    Args:
        tasks: the list in the heartbeat, as JSON.
    """
    return tuple(filter(None, map(_running_task, msgspec.json.decode(tasks))))


def _running_task(item: object) -> str:
    if not isinstance(item, dict):
        return to_text(item)
    name = item.get("task_name")
    return name if name and isinstance(name, str) else to_text(item.get("task_id"))


def health_name(health: str) -> str:
    """Return the name of a health in a query: that of the window, not that of JSON output."""
    return _HEALTH.get(health, health)


def _health(row: Worker, now: float) -> Values:
    return (health_name(str(row.health(now))),)


def _is_online(row: Worker, now: float) -> bool:
    return _health(row, now)[0] in _PRESENT


def _running(row: Worker, now: float) -> Values:
    return number_values(row.busy) if _is_online(row, now) else ()


def _free(row: Worker, now: float) -> Values:
    if row.busy is None or row.slots is None or not _is_online(row, now):
        return ()
    return (max(0, row.slots - row.busy),)


def _tasks(row: Worker, now: float) -> Values:
    return _task_names(row.tasks) if _is_online(row, now) else ()


def _runs(row: Worker, now: float) -> Values:
    return row.task_ids if _is_online(row, now) else ()


def _cpu(row: Worker, now: float) -> Values:
    return number_values(row.cpu_percent) if _is_online(row, now) else ()


def _memory(row: Worker, now: float) -> Values:
    return number_values(row.rss_bytes) if _is_online(row, now) else ()


def _missing(row: Worker, _now: float) -> Values:
    return tuple(form for name in row.missing_tasks for form in task_values(name))


def _text(row: Worker) -> str:
    return "\n".join((row.id, row.host, *_task_names(row.tasks), *row.task_ids)).casefold()


def _task_names(tasks: bytes) -> tuple[str, ...]:
    """Return the names by which the running tasks of a heartbeat are found."""
    forms = (form for name in running_tasks(tasks) for form in task_values(name))
    return tuple(dict.fromkeys(forms))
