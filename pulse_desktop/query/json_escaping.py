"""How JSON is escaped: whether text stands in its bytes as it is."""

import enum
import re
from typing import Final

# Letters beyond ASCII that casefold to ASCII, in UTF-8 and escaped: the sharp s, the long s, the
# Kelvin sign, ligatures of f, and a few with a mark that follows the letter.
_ASCII_FOLDS: Final = re.compile(
    rb"\xc3\x9f|\xc4\xb0|\xc5[\x89\xbf]|\xc7\xb0|\xe1\xba[\x96-\x9a\x9e]|\xe2\x84\xaa|\xef\xac[\x80-\x86]"
    rb"|\\u(?:00[dD][fF]|0130|0149|017[fF]|01[fF]0|1[eE]9[6-9aAeE]|212[aA]|[fF][bB]0[0-6])"
)
_ASCII_ESCAPES: Final = (
    *(b"\\/", b"\\u00", b"\\u01", b"\\u1e", b"\\u1E", b"\\u21"),
    *(b"\\ufb", b"\\uFB", b"\\uFb", b"\\ufB"),
)
"""How escapes of ASCII and of those letters begin. In escaped text an expression takes longer."""


class Escaping(enum.IntEnum):
    """How text stands in JSON."""

    PLAIN = 0
    """ASCII without escapes: as it is"""
    LITERAL = 1
    """there are escapes or other letters, but printable ASCII stands as it is; quotes and
    backslashes may be escaped"""
    ESCAPED = 2
    """printable ASCII may be escaped, or there are letters that fold to it"""


def escaping_of(raw: bytes) -> Escaping:
    """Return how text stands in JSON."""
    if is_plain(raw):
        return Escaping.PLAIN
    if b"\\" in raw and any(escape in raw for escape in _ASCII_ESCAPES):
        return Escaping.ESCAPED
    if not raw.isascii() and _ASCII_FOLDS.search(raw) is not None:
        return Escaping.ESCAPED
    return Escaping.LITERAL


def folds_to_ascii(raw: bytes) -> bool:
    """Return whether JSON has a letter beyond ASCII that casefolds to letters of ASCII."""
    if raw.isascii() and (b"\\" not in raw or b"\\u" not in raw):
        return False
    return _ASCII_FOLDS.search(raw) is not None


def is_plain(raw: bytes) -> bool:
    r"""Return whether bytes are ASCII without escapes. Much faster than looking for `\u`."""
    return raw.isascii() and b"\\" not in raw
