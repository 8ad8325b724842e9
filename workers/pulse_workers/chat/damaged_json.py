"""Reading of exports that are not valid JSON: other encodings, control characters, cut ends.

Telegram Desktop itself writes some of these. A message that cannot be read is skipped and counted;
it never makes the rest unreadable.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_ARRAY: Final = re.compile(r"\s*:\s*\[")
_INVALID_ESCAPE: Final = re.compile(r'\\(["\\/bfnrt]|u[0-9A-Fa-f]{4})|\\')
_UNQUOTED: Final = re.compile(
    r'(:[ \t]*)(?!(?:true|false|null|NaN|-?Infinity)\b)([A-Za-z_][^",\n{}\[\]]*)'
)
_STRAY_COMMA: Final = re.compile(r",(\s*[\]}])")
_MAX_DEPTH: Final = 200


def decode_json(body: bytes) -> tuple[Any, int]:
    """Return the value of a JSON document, and how many messages of it cannot be read.

    Raises:
        ValueError: nothing in it can be read.
    """
    try:
        return msgspec.json.decode(body), 0
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = decode_text(body)
    try:
        return _without_surrogates(json.loads(text, strict=False)), 0
    except (ValueError, RecursionError) as error:
        chats, skipped = _recover_chats(text)
        if not chats:
            raise ValueError(str(error)) from None
    return (chats[0] if len(chats) == 1 else {"chats": {"list": chats}}), skipped


def decode_text(body: bytes) -> str:
    """Decode bytes: by their byte order mark, else as UTF-8; bytes that are not count as CP1252."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body.decode(encoding, "replace").lstrip("\ufeff")
    return body.decode("utf-8", _CP1252)


def _decode_invalid(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_CP1252: Final = "pulse_cp1252"
codecs.register_error(_CP1252, _decode_invalid)


def _without_surrogates(value: Any, depth: int = 0) -> Any:
    """Replace unpaired surrogates in all strings: they cannot be stored as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [_without_surrogates(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {
            _without_surrogates(key): _without_surrogates(each, depth + 1)
            for key, each in value.items()
        }
    return value


def _recover_chats(text: str) -> tuple[list[dict[str, Any]], int]:
    """Read each message of each chat on its own; return the chats and the messages skipped."""
    chats: list[dict[str, Any]] = []
    skipped = 0
    for header, messages in _message_arrays(text):
        chat = _repaired(header + '"messages":[]}')
        chat = chat if isinstance(chat, dict) else {}
        chat["messages"] = found = []
        for message in messages:
            value = _repaired(message)
            if isinstance(value, dict):
                found.append(value)
            else:
                skipped += 1
        chats.append(chat)
    return chats, skipped


def _message_arrays(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the text before each array `messages` of a chat, and the text of each message."""
    opened: list[int] = []
    array_depth = 0
    header = ""
    messages: list[str] = []
    for token in _TOKEN.finditer(text):
        kind = token[0]
        if kind in "{[":
            opened.append(token.start())
        elif kind in "}]":
            if opened:
                start = opened.pop()
                if array_depth and len(opened) == array_depth and kind == "}":
                    messages.append(text[start : token.end()])
            if array_depth and len(opened) < array_depth:
                yield header, messages
                array_depth, messages = 0, []
        elif (
            kind == '"messages"' and not array_depth and opened and _ARRAY.match(text, token.end())
        ):
            header = text[opened[-1] : token.start()]
            array_depth = len(opened) + 1
    if array_depth:
        if len(opened) > array_depth:
            messages.append(text[opened[array_depth] :])  # cut off; counted as skipped
        yield header, messages


def _repaired(text: str) -> Any:
    """Return the value of a JSON text, with known faults repaired; None if it stays invalid."""
    try:
        return _without_surrogates(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        pass
    text = _INVALID_ESCAPE.sub(lambda match: match[0] if match[1] else r"\\", text)
    text = _STRAY_COMMA.sub(r"\1", _UNQUOTED.sub(r'\1"\2"', text))
    try:
        return _without_surrogates(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return None
