"""Search JSON for a key whose value may pass a test, without decoding what cannot.

To decode an event takes ten times as long as to find a key in its bytes and to read the number that
follows.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final

from pulse_desktop.query.dictionary_columns import NO, UNDECIDED
from pulse_desktop.query.json_escaping import Escaping

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""Keys that are only ever written in one way, but for `\\u0061`."""
_NUMBER: Final = rb'"\s*:\s*(?:(-?\d+)(?![\d.eE])|(-?\d+\.\d+)(?![\deE]))?'
"""What follows the name of a key: it ends, and has a number or another value."""
_MAX_DIGITS: Final = 18
_ESCAPED_ASCII: Final = re.compile(rb"\\u00")


class JsonValueSearch:
    """Searches JSON for a key at any depth with a number that passes a test, or another value."""

    task_id: Final = ""

    def __init__(self, key: str, test: Callable[[Any], bool]) -> None:
        """Prepare a search.

        Args:
            key: the last part of a path, for which `is_searchable` is true.
            test: of a number. Other values are left open.
        """
        self._find = re.compile(re.escape(key.encode()) + _NUMBER).finditer
        self._test = test

    def matches(self, raw: bytes) -> bool:
        """Return whether JSON may have the key with a value that passes."""
        return self.scan(raw, (len(raw),))[0] != NO

    def may_match(self, _escaping: Escaping) -> bool:
        """Return whether JSON with such escaping may contain the key."""
        return True

    def scan(
        self, payloads: bytes, ends: Sequence[int], escaping: Escaping | None = None
    ) -> bytearray:
        """Search payloads one after the other; return `UNDECIDED` or `NO` for each."""
        found = bytearray(len(ends))
        test = self._test
        for value in self._find(payloads):
            whole, decimal = value.groups()
            if whole is not None:
                passes = len(whole) > _MAX_DIGITS or test(int(whole))
            else:
                passes = decimal is None or test(float(decimal))
            if passes:
                found[bisect_right(ends, value.start())] = UNDECIDED
        if escaping is not Escaping.PLAIN and b"\\" in payloads:
            for escape in _ESCAPED_ASCII.finditer(payloads):
                found[bisect_right(ends, escape.start())] = UNDECIDED
        return found


def is_searchable(path: str) -> bool:
    """Return whether values at a path are found by the last part of it."""
    return _KEY.fullmatch(path.rpartition(".")[2]) is not None
