"""The pattern of a message: the message with placeholders for what differs from run to run."""

import re
from typing import Final

MAX_PATTERN: Final = 300
_MAX_READ: Final = 1_000
"""Characters of a message that are read: every expression below is bounded by them."""

_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME: Final = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
_ZONE: Final = r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_UNITS: Final = (
    "ns|us|µs|μs|ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?"
)
_NUMBER: Final = r"\d{1,400}(?:[.,_]\d{1,400}){0,40}(?:[eE][+-]?\d{1,4})?"

# The first kind that matches at a place wins. Each is anchored at the start of a word, so that a
# long word is not read again from every letter of it.
_KINDS: Final = (
    ("url", r"(?<!\w)[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s\"'<>«»“”]+"),
    ("email", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    (
        "uuid",
        r"(?<![0-9a-zA-Z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-zA-Z])",
    ),
    ("time", rf"(?<!\w)\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]{_TIME}{_ZONE})?(?!\w)"),
    (
        "time",
        (
            rf"(?<!\w)(?:[A-Z][a-z]{{2}},? )?\d{{1,2}} {_MONTH}[a-z]{{0,6}},? \d{{4}}"
            rf"(?: {_TIME}{_ZONE})?(?!\w)"
        ),
    ),
    ("ip", r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.]\w)"),
    ("time", rf"(?<![\w:.]){_TIME}(?![\w:])"),
    (
        "ip",
        (
            r"(?<![\w:.])\[?(?=[0-9a-fA-F:]{0,39}\d)(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}"
            r"(?:\]:\d{1,5}|\])?(?![\w:])"
        ),
    ),
    ("path", r"(?<![\w\\])(?:[a-zA-Z]:\\|\\\\\w)[^\s\"'<>|«»“”]*"),
    ("path", r"(?<![\w/.~])(?:~|\.{1,2})?/(?![/\s])[^\s\"'<>«»“”:;,()\[\]{}]+"),
    ("path", r"(?<![\w./-])[\w.-]{1,200}(?:/[\w.@+-]{1,200})+/?"),
    ("text", r"(?<!\w)'[^'\n]{0,400}'(?!\w)"),
    ("text", r'"[^"\n]{0,400}"|“[^”\n]{0,400}”|«[^»\n]{0,400}»|`[^`\n]{0,400}`'),
    ("number", r"(?<![0-9a-zA-Z])0[xX][0-9a-fA-F]{1,400}"),
    # Whether a random hexadecimal id has a letter is chance: ids and numbers are one kind.
    ("number", r"(?<![0-9a-zA-Z])(?=[0-9a-fA-F]{0,400}\d)[0-9a-fA-F]{8,400}(?![0-9a-zA-Z])"),
    ("duration", rf"(?<![\w.]){_NUMBER}[ \u00a0]?(?:{_UNITS})(?!\w)"),
    ("number", rf"(?:(?<![\w)\]])[+-])?{_NUMBER}"),
)
_PLACEHOLDERS: Final = tuple(f"<{kind}>" for kind, _expression in _KINDS)
_ALL: Final = re.compile("|".join(f"({expression})" for _kind, expression in _KINDS))
_REPEATED: Final = re.compile(r"(<[a-z]{2,8}>)(?:(?:, ?|; ?| )\1){1,300}")
_SPACE: Final = re.compile(r"\s+")


def message_pattern(message: str) -> str:
    """Return the first part of a message with placeholders such as `<number>` and `<url>`.

    Replaced are addresses, e-mail addresses, UUIDs, times, IP addresses, paths, quoted texts,
    hexadecimal ids, durations and numbers; several of a kind in a row become one and an ellipsis.
    """
    text = _SPACE.sub(" ", message[:_MAX_READ]).strip()
    text = _ALL.sub(_placeholder, text)
    text = _REPEATED.sub(r"\1, …", text)
    return text if len(text) <= MAX_PATTERN else text[: MAX_PATTERN - 1] + "…"


def _placeholder(found: re.Match[str]) -> str:
    index = found.lastindex
    return _PLACEHOLDERS[index - 1] if index is not None else found[0]
