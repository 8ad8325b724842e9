"""Task messages in the formats of TaskIQ's serializers, decoded into JSON and encoded back.

A message in MessagePack, CBOR or pickle becomes the JSON that TaskIQ's JSONSerializer would have
written, with a note of what JSON cannot hold. It is decoded where messages are folded, so the
limits keep the work for one message at a few frames, and in proportion to its size beyond that.
"""

from dataclasses import replace
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.json_text import decode_lenient
from pulse_desktop.protocol.pickle_machine import PickleLimits
from pulse_desktop.protocol.plain_data import JsonForm, encode_plain
from pulse_desktop.protocol.stored_body import Format, UnreadableBodyError, read_body
from pulse_desktop.protocol.value_limits import MEBIBYTE

FORMAT_NAMES: Final = {
    "json": "JSON",
    "msgpack": "MessagePack",
    "cbor": "CBOR",
    "pickle": "pickle",
}

TASK_LIMITS: Final = PickleLimits(
    max_bytes=8 * MEBIBYTE,
    max_depth=64,
    max_nodes=25_000,
    max_text_bytes=2 * MEBIBYTE,
    max_number_keys=2_000,
    max_opcodes=75_000,
    max_memory=16 * MEBIBYTE,
    max_memo=25_000,
)


class TaskFields(msgspec.Struct, gc=False):
    """The fields of a task message, whatever its format.

    Attributes:
        format: format of the message.
        task_id: task id.
        task_name: registered name.
        args: JSON array.
        kwargs: JSON object.
        labels: JSON object.
        labels_types: JSON object or `null`.
        not_plain: what in the message JSON cannot hold, empty for nothing.
    """

    format: Format
    task_id: str
    task_name: str
    args: msgspec.Raw
    kwargs: msgspec.Raw
    labels: msgspec.Raw
    labels_types: msgspec.Raw
    not_plain: str


def decode_fields(payload: bytes) -> TaskFields:
    """Decode a task message of any format. No class is imported and no code runs.

    Raises:
        ValueError: it is not a task message, with the reason.
    """
    limits = TASK_LIMITS
    if 2 * len(payload) > limits.max_text_bytes:
        limits = replace(limits, max_text_bytes=2 * len(payload))
    try:
        body, _size = read_body(payload, limits, keep_objects=True)
    except UnreadableBodyError as error:
        raise ValueError(str(error)) from None
    found = body.value
    if not isinstance(found, dict):
        raise ValueError(f"{type(found).__name__} instead of an object")  # noqa: TRY004
    form = JsonForm(body.not_plain)
    args = _field(found, "args", [], list | tuple)
    return TaskFields(
        body.format,
        _text(found, "task_id"),
        _text(found, "task_name"),
        form.encode(list(args)),  # TaskIQ makes a list of any sequence
        form.encode(_field(found, "kwargs", {}, dict)),
        form.encode(_field(found, "labels", {}, dict)),
        form.encode(_field(found, "labels_types", None, dict | None)),
        form.not_plain,
    )


def encode_fields(message: bytes, format_: str) -> bytes:
    """Encode a task message, given as JSON, in another format.

    Raises:
        NotEncodableError: the format cannot hold a number in it, or is unknown.
    """
    return message if format_ == "json" else encode_plain(decode_lenient(message), format_)


def _field(found: dict[Any, Any], name: str, default: Any, kind: Any) -> Any:
    value = found.get(name, default)
    if not isinstance(value, kind):
        raise ValueError(f"{name} has the wrong type")  # noqa: TRY004
    return value


def _text(found: dict[Any, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is missing or not text")  # noqa: TRY004
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds an unpaired surrogate") from None
    return value
