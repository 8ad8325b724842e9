"""Reading of exports that are not valid JSON: other encodings, control characters, cut ends.

Telegram Desktop itself writes some of these. A message that cannot be read is skipped and counted;
it never makes the rest unreadable.
"""

import codecs
import json
import re
from bisect import bisect_left
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
# A string that is not closed extends to the end: a search for another one from each of its
# characters would take quadratic time.
_STRING: Final = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_TOKEN: Final = re.compile(rf"{_STRING}|[{{}}\[\]]", re.DOTALL)
_ARRAY: Final = re.compile(r"\s*:\s*\[")
_MESSAGE_START: Final = re.compile(r'\{\s*+"id"\s*+:\s*+-?\d++\s*+,\s*+"type"\s*+:')
"""Start of a message as Telegram writes it. In a string its quotes would be escaped."""
_ARRAY_START: Final = re.compile(r'"messages"\s*+:\s*+\[\s*+\Z')
_MAX_ARRAY_START: Final = 200
_INVALID_ESCAPE: Final = re.compile(r'\\(["\\/bfnrt]|u[0-9A-Fa-f]{4})|\\')
_FAULT: Final = re.compile(
    rf"(?P<string>{_STRING})"
    r"|(?P<colon>:[ \t]*+)(?!(?:true|false|null|NaN|-?Infinity)\b)"
    r'(?P<unquoted>[A-Za-z_][^",\n{}\[\]]*+)'
    r"|,(?P<end>\s*+[\]}])",
    re.DOTALL,
)
"""A value without quotes or a comma before a bracket. Strings match first, to be kept."""
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
    """Yield the text before each array `messages` of a chat, and the text of each message.

    A quote that is not escaped makes text of the brackets after it, and a missing bracket a part of
    one message of the next. Reading goes on at the next message: only the damaged one is lost.
    """
    opened: list[int] = []
    array_depth = 0
    header = ""
    messages: list[str] = []
    position = 0
    starts = [*(match.start() for match in _MESSAGE_START.finditer(text)), len(text)]
    while token := _TOKEN.search(text, position):
        position = token.end()
        next_start = starts[bisect_left(starts, token.start())]
        inside_message = len(opened) > array_depth
        inside_string = token.start() < next_start
        if array_depth and next_start < position and (inside_message or inside_string):
            messages += _unfinished(text, opened, array_depth, next_start)
            position = next_start
            del opened[array_depth:]
            before = text[max(0, next_start - _MAX_ARRAY_START) : next_start]
            if array := _ARRAY_START.search(before):
                yield header, messages
                messages = []
                key = next_start - len(before) + array.start()
                chat = max(0, text.rfind("{", 0, key))
                header = text[chat:key]
                opened[array_depth - 2 :] = [chat, next_start - 1]
            continue
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
        messages += _unfinished(text, opened, array_depth, len(text))
        yield header, messages


def _unfinished(text: str, opened: list[int], array_depth: int, end: int) -> list[str]:
    """Return the message that is open at a position, to be counted as skipped."""
    return [text[start:end] for start in opened[array_depth : array_depth + 1]]


def _repaired(text: str) -> Any:
    """Return the value of a JSON text, with known faults repaired; None if it stays invalid."""
    for repair in (str, _escape_backslashes, _repair_punctuation):
        text = repair(text)
        try:
            return _without_surrogates(json.loads(text, strict=False))
        except (ValueError, RecursionError):
            continue
    return None


def _escape_backslashes(text: str) -> str:
    return _INVALID_ESCAPE.sub(lambda match: match[0] if match[1] else r"\\", text)


def _repair_punctuation(text: str) -> str:
    """Quote values without quotes and remove commas before a bracket; leave strings as they are."""
    return _FAULT.sub(_repair, text)


def _repair(fault: re.Match[str]) -> str:
    if fault["unquoted"] is not None:
        return f'{fault["colon"]}"{fault["unquoted"]}"'
    return fault["string"] or fault["end"]
