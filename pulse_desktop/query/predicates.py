"""Predicates of a value: texts, wildcards, order and ranges; and their combinations."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.syntax import Value, ValueRange
from pulse_desktop.text.translation import _

T = TypeVar("T")
ValuePredicate = Callable[[Any], bool]

ANY: Final = "*"
EQUAL: Final = (":", "=", "!=")
"""Operators that ask for a value; the others ask for an order."""


def any_of(predicates: Sequence[Callable[[T], bool]]) -> Callable[[T], bool]:
    """Return a predicate that accepts what at least one of some predicates accepts."""
    if len(predicates) == 1:
        return predicates[0]
    if len(predicates) == 2:
        first, second = predicates
        return lambda value: first(value) or second(value)

    def accepts(value: T) -> bool:
        for predicate in predicates:  # noqa: SIM110  a generator would double the time
            if predicate(value):
                return True
        return False

    return accepts


def all_of(predicates: Sequence[Callable[[T], bool]]) -> Callable[[T], bool]:
    """Return a predicate that accepts what all of some predicates accept."""
    if len(predicates) == 2:
        first, second = predicates
        return lambda value: first(value) and second(value)

    def accepts(value: T) -> bool:
        for predicate in predicates:  # noqa: SIM110  a generator would double the time
            if not predicate(value):
                return False
        return True

    return accepts


def wildcard_predicate(text: str, *, whole: bool) -> Callable[[str], bool] | None:
    """Return a predicate of a casefolded text with `*`, None if it has none.

    No regular expression: one with several `*` would take minutes for a long line of one letter.

    Args:
        text: in which `*` stands for any characters.
        whole: whether it has to cover a value from its beginning to its end.
    """
    if ANY not in text:
        return None
    first, *middle, last = re.split(r"\*+", text)
    if not whole:
        parts = [part for part in (first, *middle, last) if part]
        return lambda found: _end_of_parts(parts, found, 0, len(found)) >= 0
    ends = len(first) + len(last)

    def accepts(found: str) -> bool:
        if len(found) < ends or not found.startswith(first) or not found.endswith(last):
            return False
        return _end_of_parts(middle, found, len(first), len(found) - len(last)) >= 0

    return accepts


def _end_of_parts(parts: Sequence[str], text: str, start: int, stop: int) -> int:
    """Return where parts end that follow each other between two positions, -1 if they do not."""
    for part in parts:
        found = text.find(part, start, stop)
        if found < 0:
            return -1
        start = found + len(part)
    return start


def never(_value: Any) -> bool:
    """Accept no value."""
    return False


def text_predicate(value: Value, *, whole: bool) -> ValuePredicate:
    """Return a predicate of a text: for the whole of it, or for a part."""
    text = value.text.casefold()
    wildcard = None if value.quoted else wildcard_predicate(text, whole=True)
    if wildcard is not None:
        return lambda found: wildcard(found.casefold())
    if whole:
        return lambda found: found.casefold() == text
    return lambda found: text in found.casefold()


def between(low: float | None, high: float | None, value: ValueRange) -> ValuePredicate:
    """Return a predicate of what lies between two ends, both included.

    Raises:
        QueryError: the range is empty or has no ends.
    """
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


def ordered(operator: str, limit: Any) -> ValuePredicate:
    """Return a predicate of what is on one side of a limit."""
    match operator:
        case ">":
            return lambda each: each > limit
        case ">=":
            return lambda each: each >= limit
        case "<":
            return lambda each: each < limit
    return lambda each: each <= limit
