"""Tests for a value: texts, wildcards, order and ranges."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.syntax import Value, ValueRange
from pulse_desktop.text.translation import _

ValueTest = Callable[[Any], bool]

ANY: Final = "*"
EQUAL: Final = (":", "=", "!=")
"""Operators that ask for a value; the others ask for an order."""


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
    if ANY not in text:
        return None
    parts = [re.escape(part) for part in re.split(r"\*+", text)]
    pattern = ".*?".join(parts)
    return re.compile(rf"\A{pattern}\Z" if whole else pattern, re.DOTALL)


def never(_value: Any) -> bool:
    """Accept no value."""
    return False


def text_test(value: Value, *, whole: bool) -> ValueTest:
    """Return a test for a text: for the whole of it, or for a part."""
    text = value.text.casefold()
    pattern = None if value.quoted else wildcard_pattern(text, whole=True)
    if pattern is not None:
        search = pattern.search
        return lambda found: search(found.casefold()) is not None
    if whole:
        return lambda found: found.casefold() == text
    return lambda found: text in found.casefold()


def between(low: float | None, high: float | None, value: ValueRange) -> ValueTest:
    """Return a test for what lies between two ends, both included.

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


def ordered(operator: str, limit: Any) -> ValueTest:
    """Return a test for what is on one side of a limit."""
    match operator:
        case ">":
            return lambda each: each > limit
        case ">=":
            return lambda each: each >= limit
        case "<":
            return lambda each: each < limit
    return lambda each: each <= limit
