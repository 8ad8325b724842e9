"""Ranges and ticks of the axes of a chart and their labels: pure arithmetic.

The ticks of an axis share one unit and one number of decimals.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Unit(Enum):
    """Unit of the values of a chart."""

    COUNT = "count"
    PER_SECOND = "per second"
    PER_MINUTE = "per minute"
    SECONDS = "seconds"
    BYTES = "bytes"
    RATIO = "ratio"  # 0 to 1, shown in percent
    PERCENT = "percent"  # 0 to 100 and more: two busy cores are 200 %
    SCORE = "score"  # 0 to 1, shown unchanged


@dataclass(frozen=True)
class ValueTicks:
    """Ticks of the value axis.

    Attributes:
        top: value at the upper edge, at least the largest value.
        ticks: pairs of value and label, from zero upwards.
    """

    top: float
    ticks: tuple[tuple[float, str], ...]


_COUNT_STEPS: Final = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
_BYTE_STEPS: Final = ((1.0, " B"), (1e3, " kB"), (1e6, " MB"), (1e9, " GB"), (1e12, " TB"))
_SECOND_STEPS: Final = ((1e-6, " µs"), (1e-3, " ms"), (1.0, " s"), (60.0, " min"), (3600.0, " h"))
_SUFFIXES: Final = {Unit.PER_SECOND: "/s", Unit.PER_MINUTE: "/min"}
_MIN_TOP: Final = {
    Unit.COUNT: 1.0,
    Unit.PER_MINUTE: 1e-3,
    Unit.PER_SECOND: 1e-4,
    Unit.RATIO: 0.01,
    Unit.PERCENT: 1.0,
    Unit.BYTES: 1.0,
    Unit.SECONDS: 1e-6,
    Unit.SCORE: 1.0,
}
_MAX_TOP: Final = 1e15

_FINE_STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_MIN_FOR_OUTLIERS: Final = 12
_OUTLIER_TIMES: Final = 5.0
_ABOVE_USUAL: Final = 1.3
_CLOCK_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200),
    *(86400, 2 * 86400, 7 * 86400),
)


def value_ticks(largest: float, unit: Unit, max_ticks: int = 5) -> ValueTicks:
    """Return round ticks from zero to at least the largest value.

    Args:
        largest: largest value to show; not finite or negative counts as zero.
        unit: unit of the value.
        max_ticks: about how many ticks fit.
    """
    if not math.isfinite(largest) or largest < 0:
        largest = 0.0
    top = min(max(largest, _MIN_TOP[unit]), _MAX_TOP) if largest else max(1.0, _MIN_TOP[unit])
    if not largest and unit in (Unit.RATIO, Unit.SECONDS):
        top = _MIN_TOP[unit]
    factor, suffix = _factor(top, unit)
    step, count = _steps(top / factor, unit, max_ticks, whole=factor == 1.0)
    larger, larger_suffix = _factor(step * count * factor, unit)
    if larger > factor:  # all ticks use the larger unit of the last one
        factor, suffix = larger, larger_suffix
        step, count = _steps(top / factor, unit, max_ticks, whole=factor == 1.0)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if step * 10**decimals % 1 > 1e-6:  # 2.5 needs one decimal more than its power of ten
        decimals += 1
    ticks = tuple(
        (i * step * factor, "0" if i == 0 else f"{i * step:,.{decimals}f}{suffix}")
        for i in range(count + 1)
    )
    return ValueTicks(ticks[-1][0], ticks)


def value_text(value: float, unit: Unit) -> str:
    """Format a value with three significant digits and its unit; "" if it is not finite."""
    if not math.isfinite(value):
        return ""
    factor, suffix = _factor(abs(value), unit)
    scaled = value / factor
    if unit in (Unit.COUNT, Unit.BYTES, Unit.PER_MINUTE) and factor == 1.0 and value == int(value):
        return f"{scaled:,.0f}{suffix}"
    if scaled == 0:
        return "0 s" if unit is Unit.SECONDS else f"0{suffix}"
    decimals = 2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0
    return f"{scaled:,.{decimals}f}{suffix}"


def clock_ticks(start: float, end: float, max_ticks: int = 8) -> list[tuple[float, str]]:
    """Return round local clock times between two times.

    Args:
        start: Unix seconds at the left edge.
        end: Unix seconds at the right edge.
        max_ticks: how many labels fit.

    Returns:
        Pairs of Unix seconds and label; midnight is shown as a date.
    """
    range_s = end - start
    if not math.isfinite(range_s) or range_s <= 0:
        return []
    min_step = range_s / max(max_ticks, 1)
    if min_step < 1:
        return _fine_clock_ticks(start, end, min_step)
    step = next((s for s in _CLOCK_STEPS if s >= min_step), _CLOCK_STEPS[-1])
    while step < min_step:
        step *= 2
    ticks: list[tuple[float, str]] = []
    moment = _round_down(datetime.fromtimestamp(start).astimezone(), step)
    limit = max_ticks * 4 + 8
    for _ in range(limit):
        at = moment.timestamp()
        if at > end:
            break
        if at >= start:
            ticks.append((at, _clock_label(moment, step, range_s)))
        moment = (moment + timedelta(seconds=step)).replace(tzinfo=None).astimezone()
    return ticks


def typical_top(values: NDArray[np.float64]) -> float:
    """Return the value up to which a chart shows these values; larger ones are rare outliers.

    Up to one value in thirty may be cut off, and only if it is several times as large as the rest.
    """
    known = np.sort(values[np.isfinite(values) & (values > 0)])
    if not known.size:
        return 0.0
    largest = float(known[-1])
    if known.size < _MIN_FOR_OUTLIERS:
        return largest
    usual = float(known[-1 - max(1, known.size // 30)])
    return largest if largest <= _OUTLIER_TIMES * usual else usual * _ABOVE_USUAL


def clock_text(at: float, range_s: float) -> str:
    """Format the time under the crosshair, with the date when `range_s` is longer than a day.

    Milliseconds are shown when it is shorter than a minute.
    """
    at = round(at, 3)
    moment = datetime.fromtimestamp(at).astimezone()
    clock = f"{moment:%H:%M:%S}"
    if range_s < 60:
        clock = f"{clock}.{moment.microsecond // 1000:03d}"
    return f"{moment.day} {moment:%b} {clock}" if range_s > 86400 else clock


def _fine_clock_ticks(start: float, end: float, min_step: float) -> list[tuple[float, str]]:
    """Return ticks at fractions of a second."""
    step = next(each for each in _FINE_STEPS if each >= min_step or each == _FINE_STEPS[-1])
    decimals = 3 if step < 0.01 else 2 if step < 0.1 else 1
    ticks = []
    for number in range(math.ceil(start / step), math.floor(end / step) + 1):
        at = round(number * step, 3)
        moment = datetime.fromtimestamp(at).astimezone()
        fraction = f"{at % 1:.{decimals}f}"[1:]
        ticks.append((at, f"{moment:%H:%M:%S}{fraction}"))
    return ticks


def _factor(value: float, unit: Unit) -> tuple[float, str]:
    """Return the factor of the display unit and its suffix."""
    match unit:
        case Unit.RATIO:
            return 0.01, " %"
        case Unit.PERCENT:
            return 1.0, " %"
        case Unit.SCORE:
            return 1.0, ""
        case Unit.BYTES:
            steps = _BYTE_STEPS
        case Unit.SECONDS:
            steps = _SECOND_STEPS
            if 60 <= value < 180:  # 90 s reads better than 1.5 min
                return 1.0, " s"
        case _:
            steps = _COUNT_STEPS
    factor, suffix = steps[0]
    for candidate, name in steps:
        if value < candidate * (1 - 1e-9):
            break
        factor, suffix = candidate, name
    return factor, suffix + _SUFFIXES.get(unit, "")


def _steps(top: float, unit: Unit, max_ticks: int, *, whole: bool) -> tuple[float, int]:
    """Return the distance between ticks in display units, and how many reach the top."""
    step = _round_step(top / max(max_ticks, 1), whole=whole and unit in (Unit.COUNT, Unit.BYTES))
    return step, max(1, math.ceil(top / step - 1e-9))


def _round_step(rough: float, *, whole: bool) -> float:
    """Return the next of 1, 2, 5 times a power of ten."""
    if whole and rough <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough) + 1e-9)
    for multiple in (1.0, 2.0, 5.0, 10.0):
        if rough <= multiple * power * (1 + 1e-9):
            return multiple * power
    return 10.0 * power


def _round_down(moment: datetime, step: int) -> datetime:
    """Return the last local clock time that is a multiple of the step."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if step >= 86400:
        days = step // 86400
        return (midnight - timedelta(days=midnight.toordinal() % days)).astimezone()
    since = (moment.replace(tzinfo=None) - midnight).total_seconds()
    return (midnight + timedelta(seconds=since - since % step)).astimezone()


def _clock_label(moment: datetime, step: int, range_s: float) -> str:
    if step >= 86400 or (range_s > 86400 and moment.hour == 0 and moment.minute == 0):
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M}" if step >= 60 else f"{moment:%H:%M:%S}"
