r"""Search JSON for text without decoding what cannot contain it.

Senders write JSON in several ways: TaskIQ escapes every character beyond ASCII as `\u0416`, others
write UTF-8. A text is searched for in the bytes first, and only where they leave it open in the
text that they stand for.
"""

import itertools
import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from pulse_desktop.query.byte_search import ByteSearch
from pulse_desktop.query.dictionary_columns import UNDECIDED, YES
from pulse_desktop.query.json_escaping import Escaping, folds_to_ascii, is_plain
from pulse_desktop.query.tokens import ESCAPED

_PLAIN: Final = re.compile(r"[ !#$%()*,\-.0-9:;?@A-Z\[\]^_a-z{|}~]*")
"""Characters that no usual encoder escapes: not quotes, backslashes, controls, ``<>&'/+=` ``."""
_UNICODE_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})")
_ESCAPE: Final = re.compile(r'\\(["\\/bfnrt])')
_ESCAPE_BEGINS: Final = b"\\u"
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_WINDOW: Final = 2
"""Characters of a text beyond ASCII whose letter cases are all searched for."""
_MAX_VARIANTS: Final = 24
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
        self._in_ascii = (
            ByteSearch(text.encode(), any_case=True) if text.isascii() and text else None
        )
        variants = () if self._needle else _encoded_variants(text)
        encoded = (*variants, _ESCAPE_BEGINS) if variants else ()
        self._variants = [ByteSearch(each) for each in encoded]

    def matches(self, raw: bytes) -> bool:
        """Return whether JSON contains the text."""
        needle = self._needle
        if needle:
            if needle not in raw.lower():
                if is_plain(raw):  # mostly
                    return False
                return folds_to_ascii(raw) and self.text in json_text(raw)
            return b"\\" not in raw or self.text in json_text(raw)
        may_be = self.text.isascii() or b"\\u" in raw or not raw.isascii()
        return may_be and self.text in json_text(raw)

    def may_match(self, escaping: Escaping) -> bool:
        """Return whether JSON with such escaping may contain the text."""
        return escaping is not Escaping.PLAIN or self.text.isascii()

    def scan(
        self, payloads: bytes, ends: Sequence[int], escaping: Escaping | None = None
    ) -> bytearray:
        """Search many payloads that lie one after the other.

        Args:
            payloads: all of them.
            ends: index after the last byte of each.
            escaping: of the payloads, or of more than these; None if it is not known.

        Returns:
            A byte per payload: `YES`, `NO`, or `UNDECIDED` where only decoding it tells.
        """
        found = bytearray(len(ends))
        if not self.text:
            return found.replace(b"\0", bytes((YES,)))
        if escaping is Escaping.PLAIN or (escaping is not Escaping.LITERAL and is_plain(payloads)):
            if self._in_ascii is not None:
                self._in_ascii.mark(payloads, ends, found, YES)
            return found
        if self._needle and self._in_ascii is not None:
            if escaping is not Escaping.LITERAL and folds_to_ascii(payloads):
                return found.replace(b"\0", bytes((UNDECIDED,)))
            self._in_ascii.mark(payloads, ends, found, YES)
            if b"\\" in payloads:  # what was found may be a part of an escape
                begin = 0
                for index, end in enumerate(ends):
                    if found[index] and payloads.find(b"\\", begin, end) >= 0:
                        found[index] = UNDECIDED
                    begin = end
            return found
        if not self._variants:
            return found.replace(b"\0", bytes((UNDECIDED,)))
        for search in self._variants:
            search.mark(payloads, ends, found, UNDECIDED)
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


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")
