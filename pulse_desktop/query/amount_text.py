"""Amounts as they are typed for the end of a range: short, and never on the wrong side."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

from pulse_desktop.query.field_predicates import PARSERS
from pulse_desktop.query.fields import FieldKind

_DIGITS: Final = 6
_MAX_EXACT: Final = 2**53
"""Smaller whole numbers are the same as floats, which typed numbers are read as."""
_MAX_EXACT_DIGITS: Final = 15
_MAX_PLAIN: Final = 15
"""Numbers with more digits before or after the point are typed with an exponent."""


def amount_text(amount: float, kind: FieldKind, *, is_end: bool) -> str:
    """Return an amount as it is typed after `>=`, or after `<=` if it ends a range.

    It is rounded down, or up if it ends a range, so that the comparison accepts the amount itself:
    to thousandths of its unit, to bytes, or to six digits without a loss of its whole part. Empty
    for what cannot be typed.

    Args:
        amount: a number, seconds or bytes.
        kind: `NUMBER`, `DURATION` or `SIZE`.
        is_end: whether it ends a range.
    """
    if not math.isfinite(amount):
        return ""
    unit, rounded = _rounded(amount, kind, ROUND_CEILING if is_end else ROUND_FLOOR)
    step = Decimal(1).scaleb(int(rounded.as_tuple().exponent))
    for _attempt in range(2):  # as a float it may be a little larger or smaller
        text = f"{_plain(rounded)}{unit}"
        typed = PARSERS[kind](text)
        if typed is None:
            return ""
        if typed.value >= amount if is_end else typed.value <= amount:
            return text
        rounded += step if is_end else -step
    return ""


def _rounded(amount: float, kind: FieldKind, rounding: str) -> tuple[str, Decimal]:
    """Return the unit and the rounded amount in this unit."""
    exact = Decimal(repr(amount))  # the shortest text that is read as this very float
    if kind is FieldKind.DURATION:
        unit, places = ("ms", 6) if amount < 1 else ("s", 3)
        rounded = exact.quantize(Decimal(1).scaleb(-places), rounding, Context(400))
        return unit, rounded.scaleb(3) if unit == "ms" else rounded
    if kind is FieldKind.SIZE:
        return "", exact.to_integral_value(rounding)
    if isinstance(amount, int):
        digits = len(str(amount)) if abs(amount) < _MAX_EXACT else _MAX_EXACT_DIGITS
    else:
        digits = max(_DIGITS, min(exact.adjusted() + 1, _MAX_EXACT_DIGITS))
    return "", Context(digits, rounding).create_decimal(exact)


def _plain(number: Decimal) -> str:
    """Return a number without zeros at its end."""
    if not number:
        return "0"
    if not -_MAX_PLAIN < number.adjusted() <= _MAX_PLAIN:
        return f"{number:e}"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
