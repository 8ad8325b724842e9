"""Task id and name of a message that is otherwise unreadable, and ids that no result can have.

TaskIQ's decoder gives up at deep nesting, a lone surrogate or invalid UTF-8 anywhere in a message.
A scan of the outermost object, without recursion, still finds whom to answer.
"""

import json
import re
from typing import Final

import msgspec

from pulse_desktop.protocol.task_message import MalformedTaskError, decode_task

MAX_ID_BYTES: Final = 2_048
"""Longest task id. A result's subject holds it in base64, and a server closes the connection at a
line of more than 4,096 bytes; some requests repeat the subject beside a reply subject."""

# A string that is not closed extends to the end: a search for another one from each of its
# characters would take quadratic time.
_TOKENS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}:,]', re.DOTALL)


def identify(message: bytes) -> tuple[str, str]:
    """Return a task's id and name from a message of any format; empty where unreadable."""
    try:
        task = decode_task(message)
    except MalformedTaskError:
        return scan_identity(message)
    return task.task_id, task.task_name


def scan_identity(message: bytes) -> tuple[str, str]:
    """Return a task's id and name from a JSON message; empty where they cannot be read."""
    fields: dict[bytes, str] = {}
    depth = 0
    key = previous = b""
    for match in _TOKENS.finditer(message):
        token = match.group()
        if token in b"[{":
            depth += 1
        elif token in b"]}":
            depth -= 1
        elif depth == 1 and token == b":":
            key = previous
        elif depth == 1 and token == b",":
            key = b""
        elif depth == 1 and key in (b'"task_id"', b'"task_name"'):
            fields[key] = _text(token)
            if len(fields) == 2:
                break
        previous = token
    return fields.get(b'"task_id"', ""), fields.get(b'"task_name"', "")


def unusable_id(task_id: str) -> str:
    """Return why no result can be stored for this task id; empty if one can."""
    if not task_id:
        return "the message has no readable task id"
    try:
        size = len(task_id.encode())
    except UnicodeEncodeError:
        return "the task id is not valid Unicode"
    if size > MAX_ID_BYTES:
        return f"the task id has {size} bytes, and the longest possible one {MAX_ID_BYTES}"
    return ""


def _text(token: bytes) -> str:
    try:
        text = json.loads(token)
        text.encode()
    except (ValueError, AttributeError):
        return ""
    return str(text)


def task_name_of(message: bytes) -> str | None:
    """Return the task name of a JSON message, None if it has none that can be read.

    Decodes nothing else: a core worker reads the name of every message before it has a slot for it.
    """
    try:
        return _decode_name(message).task_name
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _TaskName(msgspec.Struct):
    task_name: str


_decode_name = msgspec.json.Decoder(_TaskName).decode
