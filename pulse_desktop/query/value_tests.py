"""Tests for the values of a field: what an operator and a typed value accept."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.fields import ORDERED, Field, FieldKind
from pulse_desktop.query.quantities import Quantity, parse_duration, parse_number, parse_size
from pulse_desktop.query.syntax import Comparison, Value, ValueRange
from pulse_desktop.query.times import TimeSpan, parse_time
from pulse_desktop.query.tokens import RANGE
from pulse_desktop.text.translation import _

ValueTest = Callable[[Any], bool]

_ANY: Final = "*"
_PARSERS: Final = {
    FieldKind.NUMBER: parse_number,
    FieldKind.DURATION: parse_duration,
    FieldKind.SIZE: parse_size,
}
_EQUAL: Final = (":", "=", "!=")
_encode = msgspec.json.Encoder(order="deterministic").encode


def value_test(comparison: Comparison, field: Field[Any], now: float) -> tuple[ValueTest, bool]:
    """Return a test for one value of a field, and whether it depends on the time.

    The test of `!=` is that of `=`: the caller negates it for the whole row.

    Raises:
        QueryError: the operator does not suit the field, or a value cannot be understood.
    """
    if comparison.operator not in _EQUAL and field.kind not in ORDERED:
        message = _("“{field}” has no order. Use :, = or !=").format(field=comparison.field)
        raise QueryError(message, comparison.field_end, comparison.values[0].start)
    if comparison.operator not in _EQUAL and len(comparison.values) > 1:
        message = _("Several values are for :, = or != only")
        raise QueryError(message, comparison.values[0].start, comparison.end)
    moves = False
    tests: list[ValueTest] = []
    for value in comparison.values:
        test, relative = _single_test(comparison, value, field, now)
        tests.append(test)
        moves |= relative
    return any_of(tests), moves


def any_of(tests: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    """Return a test that any of some tests accepts."""
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) or second(value)

    def accepts(value: Any) -> bool:
        for test in tests:  # noqa: SIM110  a generator would double the time
            if test(value):
                return True
        return False

    return accepts


def wildcard_pattern(text: str, *, whole: bool) -> re.Pattern[str] | None:
    """Return the pattern of a casefolded text with `*`, None if it has none.

    Args:
        text: in which `*` stands for any characters.
        whole: whether the pattern has to cover a value from its beginning to its end.
    """
    if _ANY not in text:
        return None
    parts = [re.escape(part) for part in re.split(r"\*+", text)]
    pattern = ".*?".join(parts)
    return re.compile(rf"\A{pattern}\Z" if whole else pattern, re.DOTALL)


def never(_value: Any) -> bool:
    """Accept no value."""
    return False


def text_of(value: Any) -> str:
    """Return a value of JSON as text: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else _encode(value).decode(errors="replace")


def _single_test(
    comparison: Comparison, value: Value | ValueRange, field: Field[Any], now: float
) -> tuple[ValueTest, bool]:
    operator, kind = comparison.operator, field.kind
    if isinstance(value, Value) and value.text == _ANY and not value.quoted:
        if operator in _EQUAL:
            return lambda _value: True, False
        raise QueryError(_("* is for :, = or != only"), value.start, value.end)
    value = _with_ends(value, kind)
    if kind is FieldKind.VALUE:
        return _json_test(operator, value), False
    if isinstance(value, ValueRange) and (operator not in _EQUAL or kind not in ORDERED):
        raise QueryError(_("A range is for :, = or != of a number or time"), value.start, value.end)
    if kind is FieldKind.TIME:
        if isinstance(value, ValueRange):
            return _time_range_test(value, now)
        return _time_test(operator, value, now)
    if kind in _PARSERS:
        return _quantity_test(operator, value, kind), False
    if isinstance(value, ValueRange):
        return never, False  # was rejected above
    if field.choices:
        return _choice_test(value, field), False
    return _text_test(value, whole=operator != ":" or kind is not FieldKind.TEXT), False


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


def _text_test(value: Value, *, whole: bool) -> ValueTest:
    text = value.text.casefold()
    pattern = None if value.quoted else wildcard_pattern(text, whole=True)
    if pattern is not None:
        search = pattern.search
        return lambda found: search(found.casefold()) is not None
    if whole:
        return lambda found: found.casefold() == text
    return lambda found: text in found.casefold()


def _choice_test(value: Value, field: Field[Any]) -> ValueTest:
    text = value.text.casefold()
    pattern = None if value.quoted else wildcard_pattern(text, whole=True)
    if pattern is not None:
        chosen = {each for typed, each in field.choices.items() if pattern.search(typed)}
    else:
        chosen = {each for each in (field.choices.get(text),) if each is not None}
    if not chosen:
        known = ", ".join(dict.fromkeys(field.choices.values()))
        message = _("“{value}” is none of: {known}").format(value=value.text, known=known)
        raise QueryError(message, value.start, value.end)
    return lambda found: found in chosen


def _quantity_test(operator: str, value: Value | ValueRange, kind: FieldKind) -> ValueTest:
    if isinstance(value, ValueRange):
        low = None if value.low is None else _quantity(value.low, kind).value
        high = None if value.high is None else _quantity(value.high, kind).value
        return _between(low, high, value)
    found = _quantity(value, kind)
    if operator in _EQUAL:
        smallest, largest = found.low, found.high
        return lambda each: smallest <= each <= largest
    return _ordered(operator, found.value)


def _between(low: float | None, high: float | None, value: ValueRange) -> ValueTest:
    if low is None and high is None:
        raise QueryError(_("The range has no end"), value.start, value.end)
    if low is None:
        return lambda each: each <= high
    if high is None:
        return lambda each: low <= each
    if low > high:
        message = _("The range is empty: its first end is the larger one")
        raise QueryError(message, value.start, value.end)
    return lambda each: low <= each <= high


def _ordered(operator: str, limit: Any) -> ValueTest:
    match operator:
        case ">":
            return lambda each: each > limit
        case ">=":
            return lambda each: each >= limit
        case "<":
            return lambda each: each < limit
    return lambda each: each <= limit


def _quantity(value: Value, kind: FieldKind) -> Quantity:
    found = _PARSERS[kind](value.text)
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


def _time_test(operator: str, value: Value, now: float) -> tuple[ValueTest, bool]:
    span = _time(value, now)
    start, stop = span.start, span.stop
    if operator in _EQUAL:
        if span.ago:
            return _ordered(">=", start), True
        return _in_span(start, stop), span.relative
    # The comparison is with the whole span: later than a day is after its end.
    match operator:
        case ">":
            test = _ordered(">=" if stop > start else ">", stop)
        case "<=":
            test = _until(span)
        case _:
            test = _ordered(operator, start)
    return test, span.relative


def _time_range_test(value: ValueRange, now: float) -> tuple[ValueTest, bool]:
    low = None if value.low is None else _time(value.low, now)
    high = None if value.high is None else _time(value.high, now)
    if low is not None and high is not None:
        high = high.after(low.start)
        if high.start < low.start and high.stop <= low.start:
            message = _("The range is empty: its first end is the later one")
            raise QueryError(message, value.start, value.end)
        after, before = _ordered(">=", low.start), _until(high)
        return (lambda each: after(each) and before(each)), low.relative or high.relative
    if low is not None:
        return _ordered(">=", low.start), low.relative
    if high is not None:
        return _until(high), high.relative
    raise QueryError(_("The range has no end"), value.start, value.end)


def _until(span: TimeSpan) -> ValueTest:
    """Return a test for times until the end of a span."""
    return _ordered("<" if span.stop > span.start else "<=", span.stop)


def _in_span(start: float, stop: float) -> ValueTest:
    if stop > start:
        return lambda each: start <= each < stop
    return lambda each: each == start


def _json_test(operator: str, value: Value | ValueRange) -> ValueTest:
    if isinstance(value, ValueRange):
        return _json_range_test(operator, value)
    if operator in _EQUAL:
        return _json_equality(value, part=operator == ":")
    number = parse_number(value.text)
    if number is not None and not value.quoted:
        ordered = _ordered(operator, number.value)
        return lambda found: _is_number(found) and ordered(found)
    ordered = _ordered(operator, value.text.casefold())
    return lambda found: isinstance(found, str) and ordered(found.casefold())


def _json_range_test(operator: str, value: ValueRange) -> ValueTest:
    """Return a test for a range of numbers; of anything else it is a text with two dots in it."""
    ends = [None if e is None else parse_number(e.text) for e in (value.low, value.high)]
    given = [end for end in (value.low, value.high) if end is not None]
    are_numbers = len(given) == sum(end is not None for end in ends) > 0
    if are_numbers and operator in _EQUAL:
        low, high = (None if end is None else end.value for end in ends)
        between = _between(low, high, value)
        return lambda found: _is_number(found) and between(found)
    if operator not in _EQUAL or any(end.quoted for end in given):
        message = _("A range of an argument is a range of numbers, for :, = or !=")
        raise QueryError(message, value.start, value.end)
    text = RANGE.join("" if end is None else end.text for end in (value.low, value.high))
    return _json_equality(Value(text, False, value.start, value.end), part=operator == ":")


def _json_equality(value: Value, *, part: bool) -> ValueTest:
    """Return a test for equality; for a part of a text or list if `part` is set."""
    number = parse_number(value.text)
    limit = None if number is None else number.value
    text_test = _text_test(value, whole=not part)
    as_json = _canonical(value.text).casefold()

    def accepts(found: Any) -> bool:
        if isinstance(found, str):
            return text_test(found)
        if limit is not None and _is_number(found):
            return bool(found == limit)
        text = text_of(found)
        if text.casefold() == as_json:
            return True
        # A part of a number or of `true` is no value that anybody looks for.
        return isinstance(found, list | dict) and text_test(text)

    return accepts


def _canonical(text: str) -> str:
    """Return JSON as `text_of` writes it; any other text as it is."""
    try:
        return _encode(msgspec.json.decode(text)).decode()
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
