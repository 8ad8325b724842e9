"""Predicates of values of JSON: arguments, labels, the data of events."""

from typing import Any, Final

import msgspec

from pulse_desktop.model.quantities import parse_number
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.predicates import EQUAL, ValuePredicate, between, ordered, text_predicate
from pulse_desktop.query.quoting import query_text
from pulse_desktop.query.syntax import Value, ValueRange
from pulse_desktop.query.tokens import RANGE
from pulse_desktop.text.translation import _

_CONSTANTS: Final = ("true", "false", "null")


def json_predicate(operator: str, value: Value | ValueRange) -> ValuePredicate:
    """Return a predicate of a value of any type."""
    if isinstance(value, ValueRange):
        return _json_range_predicate(operator, value)
    if operator in EQUAL:
        return _json_equality(value, part=operator == ":")
    number = parse_number(value.text)
    if number is not None and not value.quoted:
        by_number = ordered(operator, number.value)
        return lambda found: _is_number(found) and by_number(found)
    by_text = ordered(operator, value.text.casefold())
    return lambda found: isinstance(found, str) and by_text(found.casefold())


def _json_range_predicate(operator: str, value: ValueRange) -> ValuePredicate:
    """Return a predicate of a range of numbers; else the range is a text with two dots in it."""
    ends = [None if e is None else parse_number(e.text) for e in (value.low, value.high)]
    given = [end for end in (value.low, value.high) if end is not None]
    are_numbers = len(given) == sum(end is not None for end in ends) > 0
    if are_numbers and operator in EQUAL:
        low, high = (None if end is None else end.value for end in ends)
        within = between(low, high, value)
        return lambda found: _is_number(found) and within(found)
    if operator not in EQUAL or any(end.quoted for end in given):
        message = _("A range of an argument is a range of numbers, for :, = or !=")
        raise QueryError(message, value.start, value.end)
    text = RANGE.join("" if end is None else end.text for end in (value.low, value.high))
    return _json_equality(Value(text, False, value.start, value.end), part=operator == ":")


def _json_equality(value: Value, *, part: bool) -> ValuePredicate:
    """Return a predicate of equality; for a part of a text or list if `part` is set."""
    number = parse_number(value.text)
    limit = None if number is None else number.value
    in_text = text_predicate(value, whole=not part)
    as_json = _canonical(value.text).casefold()
    is_word = limit is None and as_json not in _CONSTANTS

    def accepts(found: Any) -> bool:
        if isinstance(found, str):
            return in_text(found)
        if limit is not None and _is_number(found):
            return bool(found == limit)
        text = query_text(found)
        if text.casefold() == as_json:
            return True
        # A number or `true` is not searched for in JSON: it would be found in other numbers, in
        # keys and in texts. The entries of a list are values of their own.
        return is_word and isinstance(found, list | dict) and in_text(text)

    return accepts


def _canonical(text: str) -> str:
    """Return JSON as `query_text` writes it; any other text as it is."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return text
    return text if isinstance(value, str) else query_text(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
