"""Text with its control characters made visible, so that it shows what it contains.

Terminals execute escape codes in pasted text, also those that Unicode has as single characters. A
bidirectional override or embedding shows letters in another order, and a character without width
shows nothing: a name could look like another.
"""

import re
from typing import Final

_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066\u2067\ud800-\udfff"
    "\u180e\u200b\u2060-\u2064\ufeff]"
    # Between letters of some scripts, and within emoji, these have a meaning.
    "|(?<![\u0590-\u200a\u2010-\U0010ffff])[\u200c-\u200f]"
    "|[\u200c-\u200f](?![\u0590-\u200a\u2010-\U0010ffff])"
)
"""The isolates U+2068 and U+2069 are kept: `formats.isolated` puts them around values."""
_JSON_CONTROLS: Final = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE_BREAKS: Final = re.compile("[\t\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")


def printable(text: str) -> str:
    r"""Return a text with control characters escaped, such as `\x1b`; lines and tabs are kept.

    Bidirectional overrides and embeddings are control characters; see `_CONTROLS`.
    """
    if text.isprintable():
        return text
    return _CONTROLS.sub(_escape, text.replace("\r\n", "\n"))


def printable_line(text: str) -> str:
    """Return a text with all control characters escaped, line breaks and tabs included."""
    if text.isprintable():
        return text
    return _LINE_BREAKS.sub(lambda match: "".join(map(_escaped, match[0])), printable(text))


def printable_cell(text: str) -> str:
    """Return a text as one line: control characters are escaped, line breaks become spaces."""
    return text if text.isprintable() else printable(_LINE_BREAKS.sub(" ", text))


def printable_json(text: str) -> str:
    r"""Return the same JSON with the control characters in its strings escaped as `\u009b`."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _JSON_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _escape(match: re.Match[str]) -> str:
    return _escaped(match[0])


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
