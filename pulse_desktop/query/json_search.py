r"""Search JSON for text without decoding what cannot contain it.

Senders write JSON in several ways: TaskIQ escapes every character beyond ASCII as `\u0416`, others
write UTF-8. A text is searched for in the bytes first, and only where they leave it open in the
text that they stand for.
"""

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import Final

from pulse_desktop.query.coded_columns import LOOK, YES
from pulse_desktop.query.tokens import ESCAPED

_PLAIN: Final = re.compile(r"[ !#$%()*+,\-.0-9:;=?@A-Z\[\]^_`a-z{|}~]*")
"""Characters that nobody escapes: not quotes, backslashes, controls, nor the `<>&'/` of others."""
_UNICODE_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})")
_ESCAPE: Final = re.compile(r'\\(["\\/bfnrt])')
_ESCAPE_BEGINS: Final = b"\\u"
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_WINDOW: Final = 2
"""Characters of a text beyond ASCII whose letter cases are all searched for."""
_MAX_VARIANTS: Final = 24
_SAMPLE: Final = 1 << 14
"""Bytes of payloads by which it is known which letters are rare."""
_MAX_ANCHORS: Final = 32
_LAST_CASED: Final = 0x1E943
"""The last letter of Unicode that has another letter case."""


class JsonSearch:
    """Searches JSON for a text in any letter case.

    Attributes:
        text: casefolded.
        task_id: the text if it is the whole id of a run, else empty.
    """

    def __init__(self, text: str, *, is_task_id: bool = False) -> None:
        """Prepare a search.

        Args:
            text: casefolded.
            is_task_id: whether only payloads of the run with this id are wanted.
        """
        self.text = text
        self.task_id = text if is_task_id else ""
        self._needle = text.encode() if _PLAIN.fullmatch(text) else b""
        self._variants = () if self._needle else _encoded_variants(text)
        self._find_needle: _Finder | None = None  # chosen by what is searched first
        self._find_variants = [_Finder(each) for each in (*self._variants, _ESCAPE_BEGINS)]

    def is_in(self, raw: bytes) -> bool:
        """Return whether JSON contains the text."""
        needle = self._needle
        if needle:
            if needle not in raw.lower():
                if raw.isascii() and b"\\" not in raw:  # mostly
                    return False
                return _folds_to_ascii(raw) and self.text in json_text(raw)
            return b"\\" not in raw or self.text in json_text(raw)
        may_be = self.text.isascii() or b"\\u" in raw or not raw.isascii()
        return may_be and self.text in json_text(raw)

    def scan(self, payloads: bytes, ends: Sequence[int]) -> bytearray:
        """Search many payloads that lie one after the other.

        Args:
            payloads: all of them.
            ends: index after the last byte of each.

        Returns:
            A byte per payload: `YES`, `NO`, or `LOOK` where only decoding it tells.
        """
        found = bytearray(len(ends))
        if not self.text:
            return found.replace(b"\0", bytes((YES,)))
        if self._needle:
            is_plain = _is_plain(payloads)
            if not is_plain and _folds_to_ascii(payloads):
                return found.replace(b"\0", bytes((LOOK,)))
            lowered = payloads.lower()
            if self._find_needle is None:
                self._find_needle = _Finder(self._needle, lowered[:_SAMPLE])
            _mark(lowered, ends, self._find_needle, found, YES)
            if not is_plain and b"\\" in payloads:  # what was found may be a part of an escape
                begin = 0
                for index, end in enumerate(ends):
                    if found[index] and payloads.find(b"\\", begin, end) >= 0:
                        found[index] = LOOK
                    begin = end
            return found
        if not self.text.isascii() and _is_plain(payloads):
            return found
        if not self._variants:
            return found.replace(b"\0", bytes((LOOK,)))
        for find in self._find_variants:
            _mark(payloads, ends, find, found, LOOK)
        return found


def json_text(raw: bytes) -> str:
    """Return JSON as casefolded text, without its escapes."""
    if raw.isascii():
        # Decodes `\u0416`, and leaves alone what an escaped backslash stands before.
        text = raw.decode("raw_unicode_escape") if _has_plain_escapes(raw) else raw.decode()
    else:
        text = raw.decode("utf-8", "replace")
    if "\\u" in text:
        text = _UNICODE_ESCAPE.sub(lambda found: f"{found[1]}{chr(int(found[2], 16))}", text)
    if "\\" in text:
        text = _ESCAPE.sub(lambda found: ESCAPED[found[1]], text)
    if not text.isascii() and _SURROGATES.search(text):
        text = _SURROGATES.sub(_joined, text)
    return text.casefold()


_ANY_ESCAPE: Final = re.compile(rb"\\(?!u[0-9a-fA-F]{4})")


def _has_plain_escapes(raw: bytes) -> bool:
    r"""Return whether all backslashes in ASCII begin escapes such as `\u0416`, and there are any.

    The codec for them would refuse others.
    """
    return b"\\u" in raw and _ANY_ESCAPE.search(raw) is None


class _Finder:
    """Finds bytes in many others.

    For each call on a long text `bytes.find` prepares itself anew. An expression is fast where its
    first byte is rare, so that it begins with the rarest one, and then looks back.

    Attributes:
        search: finds the part that begins with the rarest byte, from an index on.
        offset: of that part.
    """

    def __init__(self, needle: bytes, sample: bytes = b"") -> None:
        """Prepare.

        Args:
            needle: what to find.
            sample: bytes like those that are searched.
        """
        counts = [sample.count(needle[at : at + 1]) for at in range(len(needle[:_MAX_ANCHORS]))]
        self.offset = counts.index(min(counts)) if sample and counts else 0
        pattern = re.escape(needle[self.offset :])
        if self.offset:
            pattern += b"(?<=" + re.escape(needle) + b")"
        self.search = re.compile(pattern).search


def _mark(payloads: bytes, ends: Sequence[int], find: _Finder, found: bytearray, mark: int) -> None:
    """Mark the payloads that contain some bytes."""
    search, offset = find.search, find.offset
    index, at = 0, search(payloads, 0)
    while at is not None:
        begin = at.start()
        index = bisect_right(ends, begin - offset, index)
        end = ends[index]
        if at.end() > end:  # it spans two payloads
            at = search(payloads, begin + 1)
            continue
        found[index] = mark
        at = search(payloads, end)


def _encoded_variants(text: str) -> tuple[bytes, ...]:
    """Return UTF-8 of which JSON must contain some to contain a text; empty if that is unknown.

    A few characters of the text, in all combinations of their letter cases: those with the fewest.
    """
    cases, in_ligatures = _letter_cases()
    best: tuple[bytes, ...] = ()
    for start in range(max(1, len(text) - _WINDOW + 1)):
        window = text[start : start + _WINDOW]
        if window.isascii() or not in_ligatures.isdisjoint(window):
            continue  # ASCII alone is in too many
        if not _PLAIN.fullmatch("".join(filter(str.isascii, window))):
            continue
        letters = ((letter, *cases.get(letter, ())) for letter in window)
        variants = tuple("".join(each) for each in itertools.product(*letters))
        if len(variants) <= _MAX_VARIANTS and (not best or len(variants) < len(best)):
            best = tuple(each.encode("utf-8", "surrogatepass") for each in variants)
    return best


@cache
def _letter_cases() -> tuple[dict[str, str], frozenset[str]]:
    """Return the letters that casefold to a letter, and those that others casefold to with more."""
    found: dict[str, str] = {}
    in_ligatures: set[str] = set()
    for code in range(0x41, _LAST_CASED + 1):
        character = chr(code)
        folded = character.casefold()
        if len(folded) > 1:
            in_ligatures.update(folded)
        elif folded != character:
            found[folded] = found.get(folded, "") + character
    return found, frozenset(in_ligatures)


# Letters beyond ASCII that casefold to ASCII, in UTF-8 and escaped: the sharp s, the long s, the
# Kelvin sign, ligatures of f, and a few with a mark that follows the letter.
_ASCII_FOLDS: Final = re.compile(
    rb"\xc3\x9f|\xc4\xb0|\xc5[\x89\xbf]|\xc7\xb0|\xe1\xba[\x96-\x9a\x9e]|\xe2\x84\xaa|\xef\xac[\x80-\x86]"
    rb"|\\u(?:00[dD][fF]|0130|0149|017[fF]|01[fF]0|1[eE]9[6-9aAeE]|212[aA]|[fF][bB]0[0-6])"
)
_HIDING_ESCAPES: Final = (
    *(b"\\/", b"\\u00", b"\\u01", b"\\u1e", b"\\u1E", b"\\u21"),
    *(b"\\ufb", b"\\uFB", b"\\uFb", b"\\ufB"),
)
"""How escapes of ASCII and of those letters begin. In escaped text an expression takes longer."""


def hides_ascii(raw: bytes) -> bool:
    """Return whether JSON may have printable ASCII that is escaped, or letters that fold to it.

    Escaped quotes and backslashes are left out.
    """
    if _is_plain(raw):
        return False
    if b"\\" in raw and any(escape in raw for escape in _HIDING_ESCAPES):
        return True
    return not raw.isascii() and _ASCII_FOLDS.search(raw) is not None


def _folds_to_ascii(raw: bytes) -> bool:
    """Return whether JSON has a letter beyond ASCII that casefolds to letters of ASCII."""
    if raw.isascii() and (b"\\" not in raw or b"\\u" not in raw):
        return False
    return _ASCII_FOLDS.search(raw) is not None


def _is_plain(raw: bytes) -> bool:
    r"""Return whether bytes are ASCII without escapes. Much faster than looking for `\u`."""
    return raw.isascii() and b"\\" not in raw


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")
