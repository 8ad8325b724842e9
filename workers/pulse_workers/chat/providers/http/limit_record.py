"""The record of a provider's limits: usage of the last minute, leases, money, output modes."""

import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Period = Literal["hour", "day", "month"]

RATE_WINDOW_S: Final = 60.0
SLOT_S: Final = 5.0
"""Usage is counted in slots, and a slot counts until its end is a window ago."""
MAX_AHEAD_S: Final = 3_600.0
"""Nothing lasts longer: neither a lease nor what a server asks to wait."""
MAX_PERIODS: Final = 4
"""Periods beside the current one whose spending is kept."""
CLOCK_TOLERANCE_S: Final = 60.0
"""How far the clock of another worker may be ahead."""


class Lease(msgspec.Struct):
    """A request in progress: until when at most, and what it may use."""

    until: float
    slot: int
    tokens: Count
    cost: Amount


class Slot(msgspec.Struct):
    """Usage in one slot of time."""

    requests: Count = 0
    tokens: Count = 0


class RememberedMode(msgspec.Struct):
    """The output mode that worked for a model, and when."""

    mode: str
    at: float


class LimitRecord(msgspec.Struct):
    """State of one provider. Times are Unix seconds of the worker that wrote them.

    Attributes:
        spent: US dollars in `period`.
        spent_in: likewise, in other periods: one that a wrong clock began does not end the true
            one.
    """

    slots: dict[int, Slot] = {}
    leases: dict[str, Lease] = {}
    blocked_until: float = 0.0
    period: str = ""
    spent: Amount = 0.0
    spent_in: dict[str, Amount] = {}
    modes: dict[str, RememberedMode] = {}


def decode_record(value: Any) -> LimitRecord:
    """Return the record that a stored value is; None is an empty one.

    Raises:
        msgspec.ValidationError: it is damaged, or of another version.
    """
    return msgspec.convert(value or {}, LimitRecord, str_keys=True)


def encode_record(record: LimitRecord) -> Any:
    """Return the value to store, with the names of JSON."""
    return msgspec.to_builtins(record, str_keys=True)


def remove_expired(record: LimitRecord, now: float, period: Period) -> None:
    """Remove what is over: leases, slots and the period.

    Times that are too far in the future are removed, too: they come from a wrong clock or from
    damage, and would refuse all requests until then.
    """
    name, _left_s = period_of(now, period)
    if record.period != name:
        record.spent_in[record.period] = record.spent
        record.period, record.spent = name, record.spent_in.pop(name, 0.0)
        for oldest in list(record.spent_in)[:-MAX_PERIODS]:
            del record.spent_in[oldest]
    latest = now + CLOCK_TOLERANCE_S
    if record.blocked_until > latest + MAX_AHEAD_S:
        record.blocked_until = 0.0
    for key, lease in list(record.leases.items()):
        if not now <= lease.until <= latest + MAX_AHEAD_S:
            del record.leases[key]
            record.spent += lease.cost
    slots = range(int((now - RATE_WINDOW_S) // SLOT_S), int(latest // SLOT_S) + 1)
    record.slots = {number: slot for number, slot in record.slots.items() if number in slots}


def seconds_until_capacity(record: LimitRecord, now: float, used: str, room: int) -> float:
    """Return how many seconds a request has to wait for a limit per minute; 0 for none.

    Args:
        record: the record.
        now: Unix seconds.
        used: name of the limited field of a slot.
        room: how much of it the other requests of a minute may use.
    """
    total = sum(getattr(slot, used) for slot in record.slots.values())
    for number, slot in sorted(record.slots.items()):
        if total <= room:
            return 0.0
        total -= getattr(slot, used)
        if total <= room:
            return max(0.01, (number + 1) * SLOT_S + RATE_WINDOW_S - now)
    return 0.0


def period_of(now: float, period: Period) -> tuple[str, float]:
    """Return the name of the current period, and how many seconds are left of it."""
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    start = moment.replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return start.strftime("%Y-%m-%d %H:00"), 3_600 - (moment - start).total_seconds()
    start = start.replace(hour=0)
    if period == "day":
        return start.strftime("%Y-%m-%d"), 86_400 - (moment - start).total_seconds()
    first = start.replace(day=1)
    following = (first + datetime.timedelta(days=32)).replace(day=1)
    return first.strftime("%Y-%m"), (following - moment).total_seconds()
