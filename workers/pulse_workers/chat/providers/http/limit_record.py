"""The record of a provider's limits: usage of the last minute, leases, money, output modes."""

import datetime
from typing import Final, Literal

import msgspec

Period = Literal["hour", "day", "month"]

RATE_WINDOW_S: Final = 60.0
SLOT_S: Final = 5.0
"""Usage is counted in slots, and a slot counts until its end is a window ago."""


class Lease(msgspec.Struct):
    """A request in progress: until when at most, and what it may use."""

    until: float
    slot: int
    tokens: int
    cost: float


class Slot(msgspec.Struct):
    """Usage in one slot of time."""

    requests: int = 0
    tokens: int = 0


class RememberedMode(msgspec.Struct):
    """The output mode that worked for a model, and when."""

    mode: str
    at: float


class LimitRecord(msgspec.Struct):
    """State of one provider. Times are Unix seconds of the worker that wrote them."""

    slots: dict[str, Slot] = {}
    leases: dict[str, Lease] = {}
    blocked_until: float = 0.0
    period: str = ""
    spent: float = 0.0
    modes: dict[str, RememberedMode] = {}


def seconds_until_capacity(record: LimitRecord, now: float, used: str, room: int) -> float:
    """Return in how many seconds at most `room` is used in the last minute; 0 for now."""
    total = sum(getattr(slot, used) for slot in record.slots.values())
    for name, slot in sorted(record.slots.items(), key=lambda item: int(item[0])):
        if total <= room:
            return 0.0
        total -= getattr(slot, used)
        if total <= room:
            return max(0.01, (int(name) + 1) * SLOT_S + RATE_WINDOW_S - now)
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
