"""A schedule as the bucket holds it: TaskIQ's fields, and what was fired last beside them.

Both stand under one key on purpose. A scheduler takes a run by writing the whole entry under the
condition that nobody wrote it since; so of several schedulers one gets the run, and a schedule
that was changed or removed meanwhile is not fired as it was before. TaskIQ's readers ignore the
fields they do not know.
"""

import dataclasses
import hashlib
import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError
from taskiq import ScheduledTask

from pulse_workers.schedules.cron import parse_cron
from pulse_workers.schedules.errors import InvalidScheduleError
from pulse_workers.schedules.next_run import Timing

CREATED_AT: Final = "created_at"
LAST: Final = "last"
_PICKLE_MARK: Final = 0x80
_MAX_REASON: Final = 300
_LONGEST: Final = timedelta(days=36_500)


class Occurrence(msgspec.Struct, frozen=True):
    """One run that was taken.

    Attributes:
        due: when it was to be sent.
        task_id: under which id it is sent; the same whoever sends it.
        by: the scheduler that took it.
        taken_at: when it did so, by its clock.
        sent: whether the queue has it. False for long means that the scheduler was killed.
    """

    due: datetime
    task_id: str
    by: str
    taken_at: datetime
    sent: bool = False


@dataclasses.dataclass(frozen=True)
class ScheduleEntry:
    """A schedule that can be used.

    Attributes:
        task: what to send.
        timing: when.
        last: what was fired last, None for nothing yet.
        revision: of the key.
    """

    task: ScheduledTask
    timing: Timing
    last: Occurrence | None
    revision: int

    @property
    def id(self) -> str:
        """The schedule's id."""
        return self.task.schedule_id

    @property
    def next_due(self) -> datetime | None:
        """What comes after the last firing; it may be past."""
        return self.timing.next_after(self.last.due if self.last else None)

    def due(self, now: datetime) -> datetime | None:
        """Return what is to be fired now, or None."""
        return self.timing.due(self.last.due if self.last else None, now)

    def take(self, due: datetime, by: str, now: datetime) -> Occurrence:
        """Return the run that is due, taken by somebody."""
        return Occurrence(due, self._task_id(due), by, now)

    def body(self, last: Occurrence | None) -> bytes:
        """Return what to store once `last` was fired."""
        return encode_schedule(self.task, self.timing.since, last)

    def _task_id(self, due: datetime) -> str:
        """Return an id that any scheduler comes to: the queue stores a task once per id."""
        if self.task.task_id and self.task.time is not None:
            return self.task.task_id
        text = f"{self.id} {self.timing.since.isoformat()} {due.isoformat()}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclasses.dataclass(frozen=True)
class InvalidEntry:
    """What stands under a schedule's key and is none.

    Attributes:
        id: from the key.
        reason: what is wrong with it.
        revision: of the key.
        task_name: as far as it can be read.
    """

    id: str
    reason: str
    revision: int
    task_name: str = ""


def read_entry(
    schedule_id: str, body: bytes, revision: int, stored_at: datetime
) -> ScheduleEntry | InvalidEntry:
    """Read what stands under a key. Never raises, never unpickles.

    Args:
        schedule_id: the end of the key; what the body says about it does not count.
        body: what is stored.
        revision: of the key.
        stored_at: when the server stored it; for foreign entries, which do not say when the
            schedule was made.
    """
    fields: dict[str, Any] = {}
    try:
        fields = _fields(body)
        task = ScheduledTask.model_validate({**fields, "schedule_id": schedule_id})
        since = msgspec.convert(fields.get(CREATED_AT, stored_at), datetime, strict=False)
        last = msgspec.convert(fields.get(LAST), Occurrence | None, strict=False)
        timing = timing_of(task, as_utc(since))
        last = _in_utc(last)
    except ValidationError as error:
        reason = _one_line(error)
    except (InvalidScheduleError, msgspec.ValidationError, OverflowError) as error:
        reason = str(error)
    else:
        return ScheduleEntry(task, timing, last, revision)
    name = fields.get("task_name")
    return InvalidEntry(
        schedule_id, reason[:_MAX_REASON], revision, name if isinstance(name, str) else ""
    )


def timing_of(task: ScheduledTask, since: datetime) -> Timing:
    """Return when a task comes due.

    Raises:
        InvalidScheduleError: the cron line or its zone cannot be read, or the time never comes.
        OverflowError: a time beyond the calendar.
    """
    rule = parse_cron(task.cron, task.cron_offset) if task.cron is not None else None
    every = task.interval
    if isinstance(every, int):
        every = timedelta(seconds=min(every, 10**12))
    if every is not None and every > _LONGEST:
        raise InvalidScheduleError(f"interval: wanted at most {_LONGEST.days} days")
    at = as_utc(task.time) if task.time is not None else None
    if rule is not None and rule.next_after(since) is None:
        raise InvalidScheduleError(f"cron {task.cron!r}: such a day never comes")
    return Timing(since, rule, every, at)


def encode_schedule(task: ScheduledTask, since: datetime, last: Occurrence | None) -> bytes:
    """Return what is stored of a schedule.

    Raises:
        InvalidScheduleError: an argument or label has no JSON form.
    """
    try:
        body = task.model_dump(mode="json")
        body[CREATED_AT] = since.isoformat()
        body[LAST] = msgspec.to_builtins(last)
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise InvalidScheduleError(f"{task.task_name}: no JSON form: {error}") from error


def same_times(one: ScheduledTask, other: ScheduledTask) -> bool:
    """Tell whether two schedules come due at the same times, given the same beginning."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("cron", "cron_offset", "interval", "time")
    )


def unknown_task_reason(name: str, known: Collection[str]) -> str:
    """Say why a task of this name cannot be sent; empty when it can."""
    if name in known:
        return ""
    alike = sorted(task for task in known if task.endswith(f":{name}"))
    if alike:
        return f"no task is named {name!r}; perhaps {' or '.join(alike)} is meant"
    return f"no task is named {name!r} in the modules known here (PULSE_WORKER_TASKS)"


def as_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; TaskIQ takes one without zone for UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _fields(body: bytes) -> dict[str, Any]:
    if body[:1] and body[0] == _PICKLE_MARK:
        raise InvalidScheduleError(
            "unreadable: a pickle, and pickles are never opened; wanted JSON"
        )
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidScheduleError(f"unreadable: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidScheduleError("unreadable: not a JSON object")
    return found


def _in_utc(last: Occurrence | None) -> Occurrence | None:
    if last is None:
        return None
    return msgspec.structs.replace(last, due=as_utc(last.due), taken_at=as_utc(last.taken_at))


def _one_line(error: ValidationError) -> str:
    faults = (
        f"{'.'.join(str(part) for part in fault['loc']) or 'schedule'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    )
    return "; ".join(faults)
