"""Predicates of the values of a field: what an operator and a typed value accept."""

import re
from typing import Any, Final

from pulse_desktop.model.quantities import Quantity, parse_duration, parse_number, parse_size
from pulse_desktop.model.typed_time import TimeSpan, parse_time
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.fields import ORDERED, Field, FieldKind
from pulse_desktop.query.json_predicates import json_predicate
from pulse_desktop.query.predicates import (
    ANY,
    EQUAL,
    ValuePredicate,
    any_of,
    between,
    never,
    ordered,
    text_predicate,
    wildcard_predicate,
)
from pulse_desktop.query.syntax import Comparison, Value, ValueRange
from pulse_desktop.query.tokens import RANGE
from pulse_desktop.text.translation import _

_JSON_PUNCTUATION: Final = re.compile(r'[\[\]{}",:]')
PARSERS: Final = {
    FieldKind.NUMBER: parse_number,
    FieldKind.DURATION: parse_duration,
    FieldKind.SIZE: parse_size,
}
"""Readers of typed amounts."""


def value_predicate(
    comparison: Comparison, field: Field[Any], now: float
) -> tuple[ValuePredicate, bool]:
    """Return a predicate of one value of a field, and whether it depends on the time.

    The predicate of `!=` is that of `=`: the caller negates it for the whole row.

    Raises:
        QueryError: the operator does not suit the field, or a value cannot be understood.
    """
    if comparison.operator not in EQUAL and field.kind not in ORDERED:
        message = _("“{field}” has no order. Use :, = or !=").format(field=comparison.field)
        raise QueryError(message, comparison.field_end, comparison.values[0].start)
    if comparison.operator not in EQUAL and len(comparison.values) > 1:
        message = _("Several values are for :, = or != only")
        raise QueryError(message, comparison.values[0].start, comparison.values[-1].end)
    time_dependent = False
    tests: list[ValuePredicate] = []
    for value in comparison.values:
        test, changes = _single_predicate(comparison, value, field, now)
        tests.append(test)
        time_dependent |= changes
    return any_of(tests), time_dependent


def literal_texts(comparison: Comparison, *, numbers: bool) -> list[str] | None:
    """Return the casefolded texts of which a matching value contains one; None if that is unknown.

    Lists and objects may be written in several ways.

    Args:
        comparison: of a field with a value.
        numbers: whether a value that looks like a number is only ever written as it is.
    """
    if comparison.operator not in EQUAL:
        return None
    texts = []
    for value in comparison.values:
        if not isinstance(value, Value) or not value.text or _JSON_PUNCTUATION.search(value.text):
            return None
        if not value.quoted and (ANY in value.text or RANGE in value.text):
            return None
        if not numbers and parse_number(value.text) is not None:
            return None
        texts.append(value.text.casefold())
    return texts


def _single_predicate(
    comparison: Comparison, value: Value | ValueRange, field: Field[Any], now: float
) -> tuple[ValuePredicate, bool]:
    operator, kind = comparison.operator, field.kind
    if isinstance(value, Value) and value.text == ANY and not value.quoted:
        if operator in EQUAL:
            return lambda _value: True, False
        raise QueryError(_("* is for :, = or != only"), value.start, value.end)
    value = _with_ends(value, kind)
    if kind is FieldKind.VALUE:
        return json_predicate(operator, value), False
    if isinstance(value, ValueRange) and (operator not in EQUAL or kind not in ORDERED):
        raise QueryError(_("A range is for :, = or != of a number or time"), value.start, value.end)
    if kind is FieldKind.TIME:
        if isinstance(value, ValueRange):
            return _time_range_predicate(value, now)
        return _time_predicate(operator, value, now)
    if kind in PARSERS:
        return _quantity_predicate(operator, value, kind), False
    if isinstance(value, ValueRange):
        return never, False  # was rejected above
    if field.choices:
        return _choice_predicate(value, field), False
    return text_predicate(value, whole=operator != ":" or kind is not FieldKind.TEXT), False


def _with_ends(value: Value | ValueRange, kind: FieldKind) -> Value | ValueRange:
    """Return a value as a range if it is one: `1s..5s`."""
    if isinstance(value, ValueRange) or value.quoted or RANGE not in value.text:
        return value
    if kind not in ORDERED:
        return value
    low, _dots, high = value.text.partition(RANGE)
    middle = value.start + len(low)
    return ValueRange(
        Value(low, False, value.start, middle) if low else None,
        Value(high, False, middle + len(RANGE), value.end) if high else None,
        value.start,
        value.end,
    )


def _choice_predicate(value: Value, field: Field[Any]) -> ValuePredicate:
    text = value.text.casefold()
    wildcard = None if value.quoted else wildcard_predicate(text, whole=True)
    if wildcard is not None:
        chosen = {each for typed, each in field.choices.items() if wildcard(typed)}
    else:
        chosen = {each for each in (field.choices.get(text),) if each is not None}
    if not chosen:
        known = ", ".join(dict.fromkeys(field.choices.values()))
        message = _("“{value}” is none of: {known}").format(value=value.text, known=known)
        raise QueryError(message, value.start, value.end)
    return lambda found: found in chosen


def _quantity_predicate(
    operator: str, value: Value | ValueRange, kind: FieldKind
) -> ValuePredicate:
    if isinstance(value, ValueRange):
        low = None if value.low is None else _quantity(value.low, kind).value
        high = None if value.high is None else _quantity(value.high, kind).value
        return between(low, high, value)
    found = _quantity(value, kind)
    if operator in EQUAL:
        smallest, largest = found.low, found.high
        return lambda each: smallest <= each <= largest
    return ordered(operator, found.value)


def _quantity(value: Value, kind: FieldKind) -> Quantity:
    found = PARSERS[kind](value.text)
    if found is not None:
        return found
    match kind:
        case FieldKind.DURATION:
            message = _("“{value}” is not a duration. Type 200ms, 1.5s, 5m, 2h or 1d")
        case FieldKind.SIZE:
            message = _("“{value}” is not a size. Type 500, 20kB or 1.5MB")
        case _:
            message = _("“{value}” is not a number")
    raise QueryError(message.format(value=value.text), value.start, value.end)


def _time(value: Value, now: float) -> TimeSpan:
    found = parse_time(value.text, now)
    if found is None:
        message = _(
            "“{value}” is not a time. Type 22:00, 2026-11-29, 2026-11-29T22:00, today or 2h "
            "(2 hours ago)"
        )
        raise QueryError(message.format(value=value.text), value.start, value.end)
    return found


def _time_predicate(operator: str, value: Value, now: float) -> tuple[ValuePredicate, bool]:
    span = _time(value, now)
    start, stop = span.start, span.last_stop
    if operator in EQUAL:
        if span.ago:
            return ordered(">=", start), True
        return _in_spans(span), span.time_dependent
    # The comparison is with the whole span: later than a day is after its end.
    match operator:
        case ">":
            test = ordered(">=" if stop > start else ">", stop)
        case "<=":
            test = _until(span)
        case _:
            test = ordered(operator, start)
    return test, span.time_dependent


def _time_range_predicate(value: ValueRange, now: float) -> tuple[ValuePredicate, bool]:
    low = None if value.low is None else _time(value.low, now)
    high = None if value.high is None else _time(value.high, now)
    if low is not None and high is not None:
        high = high.after(low.start)
        if high.start < low.start and high.last_stop <= low.start:
            message = _("The range is empty: its first end is the later one")
            raise QueryError(message, value.start, value.end)
        after, before = ordered(">=", low.start), _until(high)
        return (
            lambda each: after(each) and before(each)
        ), low.time_dependent or high.time_dependent
    if low is not None:
        return ordered(">=", low.start), low.time_dependent
    if high is not None:
        return _until(high), high.time_dependent
    raise QueryError(_("The range has no end"), value.start, value.end)


def _until(span: TimeSpan) -> ValuePredicate:
    """Return a predicate of times until the end of a span."""
    return ordered("<" if span.stop > span.start else "<=", span.last_stop)


def _in_spans(span: TimeSpan) -> ValuePredicate:
    start, stop = span.start, span.stop
    if span.repeated_after:
        return span.contains
    if stop > start:
        return lambda each: start <= each < stop
    return lambda each: each == start
