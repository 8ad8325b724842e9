"""Numbers, durations and sizes as an operator types them, or as a table shows them.

A shown value is rounded: `ran:1.33s` has to find the run whose `1.33 s` is shown, and which ran for
1.3312 s. So a duration or size is equal to what rounds to it with the digits and unit typed.
"""

import math
import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(
    r"[+\-\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII
)
_MICRO: Final = {"us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6}
_DURATIONS: Final = {
    "ms": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0,
    "w": 604800.0,
}  # fmt: skip
_SIZES: Final = {
    "": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9,
    "t": 10**12, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_PART: Final = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z\u00b5\u03bc]*)")
_SMALLEST_SHOWN_S: Final = 0.00005
"""Shorter durations are shown as `0 s`."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount, and what is equal to it.

    Attributes:
        value: the amount.
        low: smallest amount that is equal to it.
        high: largest amount that is equal to it.
    """

    value: float
    low: float
    high: float

    @classmethod
    def rounded(cls, value: float, step: float) -> "Quantity":
        """Return an amount that equals all that rounds to it with a step."""
        return cls(value, value - step / 2, value + step / 2)


def parse_number(text: str) -> Quantity | None:
    """Return `5`, `-1.5` or `1,204`; None if it is not a number. Numbers are equal exactly."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    value = float(text.replace(",", "").replace("\u2212", "-"))
    return Quantity(value, value, value) if math.isfinite(value) else None


def parse_duration(text: str) -> Quantity | None:
    """Return seconds from `200ms`, `1.5s`, `4 min 12 s` or `2h`; None if it is not a duration.

    A number without a unit is seconds.
    """
    at, total, step = 0, 0.0, 0.0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            break
        unit = _duration_unit(found[2])
        if unit is None or (not found[2] and at):
            return None
        total += float(found[1]) * unit
        step = unit * 10.0 ** -len(found[1].partition(".")[2])
        at = found.end()
    if not at or text[at:].strip():
        return None
    if not total:
        return Quantity(0.0, 0.0, _SMALLEST_SHOWN_S)
    return Quantity.rounded(total, step)


def parse_size(text: str) -> Quantity | None:
    """Return bytes from `412`, `36 kB`, `2MB` or `1MiB`; None if it is not a size."""
    found = _PART.fullmatch(text.rstrip())
    unit = _SIZES.get(found[2].lower()) if found is not None else None
    if found is None or unit is None:
        return None
    return Quantity.rounded(float(found[1]) * unit, unit * 10.0 ** -len(found[1].partition(".")[2]))


def _duration_unit(unit: str) -> float | None:
    if not unit:
        return 1.0
    return _DURATIONS.get(unit) or _MICRO.get(unit)
