"""Search JSON for a key whose value may pass a test, without decoding what cannot.

To decode an event takes ten times as long as to find a key in its bytes and to read the number that
follows.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final

from pulse_desktop.query.coded_columns import LOOK, NO

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""Keys that are only ever written in one way, but for `\\u0061`."""
_AFTER_KEY: Final = re.compile(rb"\s*:\s*(?:(-?\d+)(?![\d.eE])|(-?\d+\.\d+)(?![\deE]))?")
_MAX_DIGITS: Final = 18
_ESCAPED_ASCII: Final = b"\\u00"


class JsonValueSearch:
    """Searches JSON for a key at any depth with a number that passes a test, or another value."""

    def __init__(self, key: str, test: Callable[[Any], bool]) -> None:
        """Prepare a search.

        Args:
            key: the last part of a path, for which `is_searchable` is true.
            test: of a number. Other values are left open.
        """
        self._needle = f'{key}"'.encode()
        self._test = test

    def is_in(self, raw: bytes) -> bool:
        """Return whether JSON may have the key with a value that passes."""
        return self.scan(raw, (len(raw),))[0] != NO

    def scan(self, payloads: bytes, ends: Sequence[int]) -> bytearray:
        """Search payloads that lie one after the other; return `LOOK` or `NO` for each."""
        found = bytearray(len(ends))
        for needle, passes in ((self._needle, self._passes), (_ESCAPED_ASCII, _always)):
            at = payloads.find(needle)
            while at >= 0:
                after = at + len(needle)
                index = bisect_right(ends, at)
                if passes(payloads, after):
                    found[index] = LOOK
                    after = max(after, ends[index])
                at = payloads.find(needle, after)
        return found

    def _passes(self, payloads: bytes, after: int) -> bool:
        """Return whether the value after a key may pass; False if that is no key."""
        value = _AFTER_KEY.match(payloads, after)
        if value is None:
            return False
        whole, decimal = value.groups()
        if whole is not None:
            return len(whole) > _MAX_DIGITS or self._test(int(whole))
        return decimal is None or self._test(float(decimal))


def is_searchable(path: str) -> bool:
    """Return whether values at a path are found by the last part of it."""
    return _KEY.fullmatch(path.rpartition(".")[2]) is not None


def _always(_payloads: bytes, _after: int) -> bool:
    return True
