r"""Search JSON for text without decoding what cannot contain it.

Senders write JSON in several ways: TaskIQ escapes every character beyond ASCII as `\u0416`, others
write UTF-8. A text is searched for in the bytes first, and only where they leave it open in the
text that they stand for.
"""

import re
from collections.abc import Callable
from typing import Final

_PLAIN: Final = re.compile(r"[ !#$%()*+,\-.0-9:;=?@A-Z\[\]^_`a-z{|}~]*")
"""Characters that nobody escapes: not quotes, backslashes, controls, nor the `<>&'/` of others."""
_UNICODE_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})")
_ESCAPE: Final = re.compile(r'\\(["\\/bfnrt])')
_ESCAPED: Final = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def json_contains(text: str) -> Callable[[bytes], bool]:
    """Return a test whether JSON contains a casefolded text, in any letter case."""
    if not _PLAIN.fullmatch(text):
        return lambda raw: _may_have_others(raw, text) and text in json_text(raw)
    needle = text.encode()

    def contains(raw: bytes) -> bool:
        if needle not in raw.lower():
            # Casefolding makes ASCII of some other letters, such as the Kelvin sign.
            return not raw.isascii() and text in json_text(raw)
        return b"\\" not in raw or text in json_text(raw)

    return contains


def json_text(raw: bytes) -> str:
    """Return JSON as casefolded text, without its escapes."""
    if raw.isascii():
        # Decodes `\u0416`, and leaves alone what an escaped backslash stands before.
        text = raw.decode("raw_unicode_escape") if b"\\u" in raw else raw.decode()
    else:
        text = raw.decode("utf-8", "replace")
        if "\\u" in text:
            text = _UNICODE_ESCAPE.sub(lambda found: f"{found[1]}{chr(int(found[2], 16))}", text)
    if "\\" in text:
        text = _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text)
    if not text.isascii() and _SURROGATES.search(text):
        text = _SURROGATES.sub(_joined, text)
    return text.casefold()


def _may_have_others(raw: bytes, text: str) -> bool:
    """Return whether JSON may contain a text that has characters beyond the plain ones."""
    return text.isascii() or b"\\u" in raw or not raw.isascii()


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")
