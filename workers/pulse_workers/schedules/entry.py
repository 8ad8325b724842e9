"""Schedule entries as the bucket stores them: TaskIQ's fields, and the last run beside them.

Both are stored under one key on purpose. A scheduler claims a run by writing the whole entry if
nothing else wrote it meanwhile. So one of several schedulers gets the run, and a schedule that was
changed or removed meanwhile is not sent in its old form. TaskIQ ignores fields it does not know.

That is why a paused entry is stored with a time in the distant future, and its own times in a field
that only readers of pauses know: every other scheduler finds nothing to send.
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

from pulse_desktop.protocol.task_names import canonical_name, legacy_name
from pulse_desktop.text.translation import _
from pulse_workers.schedules.cron import InvalidScheduleError, parse_cron
from pulse_workers.schedules.next_run import Timing

_CREATED_AT: Final = "created_at"
_LAST: Final = "last"
_PAUSED: Final = "paused"
_RESUMED_AT: Final = "resumed_at"
_TIMING_FIELDS: Final = ("cron", "cron_offset", "interval", "time")
_NEVER: Final = "9999-01-01T00:00:00Z"
"""The time of a paused entry. A later one could overflow in another time zone."""
_PICKLE_START: Final = 0x80
_MAX_REASON_LENGTH: Final = 300
_MAX_CLAIM: Final = timedelta(days=1)
_MAX_INTERVAL: Final = timedelta(days=36_500)


class Occurrence(
    msgspec.Struct, frozen=True, rename={"claimed_by": "by", "claimed_at": "taken_at"}
):
    """A run of a schedule that a scheduler claimed.

    Attributes:
        due: when the run was due.
        task_id: ID of the task that is sent; the same for every scheduler.
        claimed_by: identity of the scheduler.
        claimed_at: when it claimed the run, by its clock.
        sent: whether the task is in the queue. False for long: the scheduler was killed.
    """

    due: datetime
    task_id: str
    claimed_by: str
    claimed_at: datetime
    sent: bool = False


class Pause(msgspec.Struct, frozen=True):
    """Who paused a schedule, and when.

    Attributes:
        by: `user@host`.
        at: when it was paused, by the clock of that host.
    """

    by: str
    at: datetime


@dataclasses.dataclass(frozen=True)
class ScheduleEntry:
    """A valid schedule.

    Attributes:
        task: the task to send, with the times of the schedule also while it is paused.
        timing: when to send it.
        last: the last run, None before the first.
        revision: revision of the key.
        paused: who paused it and when, None while it is not paused.
    """

    task: ScheduledTask
    timing: Timing
    last: Occurrence | None
    revision: int
    paused: Pause | None = None

    @property
    def id(self) -> str:
        """ID of the schedule."""
        return self.task.schedule_id

    @property
    def next_due(self) -> datetime | None:
        """Due time after the last run; it may be past. None while the schedule is paused."""
        if self.paused is not None:
            return None
        return self.timing.next_after(self.last.due if self.last else None)

    def due(self, now: datetime) -> datetime | None:
        """Return the due time of the run to send now, or None."""
        if self.paused is not None:
            return None
        return self.timing.due(self.last.due if self.last else None, now)

    def claim(self, due: datetime, scheduler: str, now: datetime) -> Occurrence:
        """Return the run that is due, as claimed by a scheduler."""
        return Occurrence(due, self._task_id(due), scheduler, now)

    def encode(self, last: Occurrence | None) -> bytes:
        """Return the stored form of this schedule with `last` as its last run."""
        return encode_schedule(self.task, self.timing, last, self.paused)

    def pause(self, by: str, now: datetime) -> bytes:
        """Return the stored form of this schedule, paused."""
        return encode_schedule(self.task, self.timing, self.last, Pause(by, now))

    def resume(self, now: datetime) -> bytes:
        """Return the stored form of this schedule, resumed: runs due until now are left out."""
        timing = dataclasses.replace(self.timing, resumed_at=now)
        return encode_schedule(self.task, timing, self.last)

    def _task_id(self, due: datetime) -> str:
        """Return an ID that is the same for every scheduler: the stream stores each ID once."""
        if self.task.task_id and self.task.time is not None:
            return self.task.task_id
        text = f"{self.id} {self.timing.created_at.isoformat()} {due.isoformat()}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclasses.dataclass(frozen=True)
class InvalidEntry:
    """A stored value that is not a valid schedule.

    Attributes:
        id: ID of the schedule, from its key.
        reason: why it is invalid.
        revision: revision of the key.
        task_name: name of the task, if it can be read.
    """

    id: str
    reason: str
    revision: int
    task_name: str = ""


def read_entry(
    schedule_id: str, body: bytes, revision: int, stored_at: datetime
) -> ScheduleEntry | InvalidEntry:
    """Decode a stored value. Never raises, never unpickles.

    Args:
        schedule_id: ID from the key; an ID in the body is ignored.
        body: the stored value.
        revision: revision of the key.
        stored_at: when the server stored it, for entries of other programs, which do not contain
            when the schedule was created.
    """
    fields: dict[str, Any] = {}
    try:
        fields = _decode_fields(body)
        paused = msgspec.convert(fields.get(_PAUSED), Pause | None, strict=False)
        times = fields[_PAUSED] if paused is not None else {}
        own_times = {name: times.get(name) for name in _TIMING_FIELDS} if times else {}
        task = ScheduledTask.model_validate({**fields, **own_times, "schedule_id": schedule_id})
        task.task_name = canonical_name(task.task_name)
        created_at = msgspec.convert(fields.get(_CREATED_AT, stored_at), datetime, strict=False)
        resumed_at = msgspec.convert(fields.get(_RESUMED_AT), datetime | None, strict=False)
        last = msgspec.convert(fields.get(_LAST), Occurrence | None, strict=False)
        timing = timing_of(
            task, to_utc(created_at), to_utc(resumed_at) if resumed_at is not None else None
        )
        entry = ScheduleEntry(task, timing, _occurrence_in_utc(last), revision, paused)
        _check_calendar(entry)
    except ValidationError as error:
        reason = _describe(error)
    except (InvalidScheduleError, msgspec.ValidationError, OverflowError) as error:
        reason = str(error)
    else:
        return entry
    name = fields.get("task_name")
    return InvalidEntry(
        schedule_id,
        reason[:_MAX_REASON_LENGTH],
        revision,
        canonical_name(name) if isinstance(name, str) else "",
    )


def timing_of(
    task: ScheduledTask, created_at: datetime, resumed_at: datetime | None = None
) -> Timing:
    """Return when a task is due.

    Raises:
        InvalidScheduleError: the cron expression or time zone is invalid, or never matches.
        OverflowError: a time beyond the calendar.
    """
    cron = parse_cron(task.cron, task.cron_offset) if task.cron is not None else None
    interval = task.interval
    if isinstance(interval, int):
        interval = timedelta(seconds=min(interval, 10**12))
    if interval is not None and interval > _MAX_INTERVAL:
        raise InvalidScheduleError(
            _("interval: expected at most {days} days").format(days=_MAX_INTERVAL.days)
        )
    at = to_utc(task.time) if task.time is not None else None
    if cron is not None and cron.next_after(created_at) is None:
        raise InvalidScheduleError(
            _("cron {expression!r}: such a day never comes").format(expression=task.cron)
        )
    return Timing(created_at, cron, interval, at, resumed_at)


def encode_schedule(
    task: ScheduledTask, timing: Timing, last: Occurrence | None, paused: Pause | None = None
) -> bytes:
    """Return the stored form of a schedule.

    Raises:
        InvalidScheduleError: an argument or label has no JSON form.
    """
    try:
        body = task.model_dump(mode="json")
        body["task_name"] = legacy_name(task.task_name)  # schedulers of every version know it
        body[_CREATED_AT] = timing.created_at.isoformat()
        if timing.resumed_at is not None:
            body[_RESUMED_AT] = timing.resumed_at.isoformat()
        body[_LAST] = msgspec.to_builtins(last)
        if paused is not None:
            own_times = {name: body[name] for name in _TIMING_FIELDS}
            body |= {**dict.fromkeys(_TIMING_FIELDS), "time": _NEVER}
            body[_PAUSED] = {**msgspec.to_builtins(paused), **own_times}
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise InvalidScheduleError(
            _("{task}: no JSON form: {reason}").format(task=task.task_name, reason=error)
        ) from error


def has_same_timing(one: ScheduledTask, other: ScheduledTask) -> bool:
    """Return whether two schedules are due at the same times, if created at the same time."""
    return all(getattr(one, name) == getattr(other, name) for name in _TIMING_FIELDS)


def unknown_task_reason(name: str, known: Collection[str]) -> str:
    """Return why no task with this name can be sent, empty if one can."""
    if name in known:
        return ""
    similar = sorted(task for task in known if task.endswith(f":{name}"))
    if similar:
        return _("no task is named {name!r}; similar names: {similar}").format(
            name=name, similar=", ".join(similar)
        )
    return _("no task is named {name!r} in the imported modules (PULSE_WORKER_TASKS)").format(
        name=name
    )


def to_utc(time: datetime) -> datetime:
    """Return a time in UTC; like TaskIQ, take a time without time zone as UTC."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _decode_fields(body: bytes) -> dict[str, Any]:
    if body[:1] and body[0] == _PICKLE_START:
        raise InvalidScheduleError(_("unreadable: a pickle, which is never opened; expected JSON"))
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidScheduleError(
            _("unreadable: not JSON: {reason}").format(reason=error)
        ) from None
    if not isinstance(fields, dict):
        raise InvalidScheduleError(_("unreadable: not a JSON object"))
    return fields


def _occurrence_in_utc(last: Occurrence | None) -> Occurrence | None:
    if last is None:
        return None
    return msgspec.structs.replace(last, due=to_utc(last.due), claimed_at=to_utc(last.claimed_at))


def _check_calendar(entry: ScheduleEntry) -> tuple[datetime | None, datetime | None]:
    """Return when an entry is due and when its claim has ended for certain.

    Raises:
        OverflowError: one of them is beyond the calendar.
    """
    claimed_until = entry.last.claimed_at + _MAX_CLAIM if entry.last is not None else None
    return entry.next_due, claimed_until


def _describe(error: ValidationError) -> str:
    errors = (
        f"{'.'.join(str(part) for part in item['loc']) or 'schedule'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)
    )
    return "; ".join(errors)
