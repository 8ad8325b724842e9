"""Task messages on the task subject: name, arguments and labels, kept as data for a re-run.

Source of the format: TaskiqMessage as each of taskiq's serializers writes it. What follows works on
JSON; a message in another format is converted, and back for a re-run.
"""

import math
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.task_formats import decode_fields, encode_fields

RERUN_OF: Final = "rerun_of"
PARENT: Final = "parent_task_id"
"""Label with the id of the task that enqueued this one."""
REQUESTED_BY: Final = "requested_by"
TASK_NAME: Final = "task_name"
RETRIES: Final = "_retries"
_RUN_LABELS: Final = frozenset({RETRIES, "X-Taskiq-requeue", RERUN_OF, REQUESTED_BY, PARENT})


class MalformedTaskError(Exception):
    """A message on the task subject that is not a task. `str()` gives the reason."""


class TaskMessage(msgspec.Struct, gc=False):
    """A task as enqueued.

    Attributes:
        task_id: 32 hexadecimal digits from TaskIQ; any text from other senders.
        task_name: the registered name, `module:function` by default.
        args: JSON array, as sent.
        kwargs: JSON object, as sent.
        labels: JSON object, as sent.
        labels_types: JSON object or `null`, as sent.
    """

    task_id: str
    task_name: str
    args: msgspec.Raw = msgspec.Raw(b"[]")
    kwargs: msgspec.Raw = msgspec.Raw(b"{}")
    labels: msgspec.Raw = msgspec.Raw(b"{}")
    labels_types: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def format(self) -> str:
        """Format of the message: "json", "msgpack", "cbor" or "pickle"."""
        return "json"

    @property
    def not_plain(self) -> str:
        """What the message holds beyond plain data, so that it cannot be sent again; else ""."""
        return ""


class ConvertedTask(TaskMessage, gc=False):
    """A task that was not sent as strict JSON. Its fields are the JSON it was converted to."""

    sent_format: str = "json"
    lost: str = ""

    @property
    def format(self) -> str:
        """Format of the message as sent."""
        return self.sent_format

    @property
    def not_plain(self) -> str:
        """What the conversion lost."""
        return self.lost


_decode = msgspec.json.Decoder(TaskMessage).decode
_JSON_OPENINGS: Final = (b"{", b" ", b"\n", b"\r", b"\t")
_decode_labels = msgspec.json.Decoder(dict[str, Any]).decode
_decode_captured = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def decode_task(payload: bytes) -> TaskMessage:
    """Decode a task message in any format of TaskIQ's serializers.

    Raises:
        MalformedTaskError: the payload is not a task message.
    """
    if payload[:1] not in _JSON_OPENINGS:
        return _convert(payload)
    try:
        payload.decode()
        task = _decode(payload)
    except msgspec.ValidationError as error:
        raise MalformedTaskError(str(error)) from None
    except msgspec.DecodeError:
        return _convert(payload)  # NaN or a surrogate, which Python's json module writes
    except (UnicodeDecodeError, RecursionError) as error:
        raise MalformedTaskError(str(error)) from None
    for name, raw, opening in (("args", task.args, b"["), ("kwargs", task.kwargs, b"{")):
        if not bytes(raw).lstrip().startswith(opening):
            raise MalformedTaskError(f"{name} has the wrong type")
    return task


def has_task_id(payload: bytes, task_id: str) -> bool:
    """Return whether a message is the task with this id."""
    if task_id.isascii() and task_id.isalnum() and task_id.encode() not in payload:
        return False  # the usual case, without decoding the whole message
    try:
        return decode_task(payload).task_id == task_id
    except MalformedTaskError:
        return False


def _convert(payload: bytes) -> TaskMessage:
    try:
        fields = decode_fields(payload)
    except ValueError as error:
        raise MalformedTaskError(str(error)) from None
    return ConvertedTask(
        fields.task_id,
        fields.task_name,
        fields.args,
        fields.kwargs,
        fields.labels,
        fields.labels_types,
        fields.format,
        fields.not_plain,
    )


def decode_labels(raw: bytes) -> dict[str, Any]:
    """Decode labels; labels that cannot be decoded are empty."""
    try:
        return _decode_labels(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def new_task_id() -> str:
    """Return a random UUID as 32 hexadecimal digits, the format that TaskIQ uses."""
    return uuid.uuid4().hex


def encode_task(
    task_id: str,
    task_name: str,
    *,
    args: bytes = b"[]",
    kwargs: bytes = b"{}",
    labels: dict[str, Any] | None = None,
    typed: bool = True,
    format_: str = "json",
) -> tuple[bytes, dict[str, str]]:
    """Encode a task message for any TaskIQ worker.

    Args:
        task_id: the new task's id.
        task_name: the registered name.
        args: JSON array, sent unchanged.
        kwargs: JSON object, sent unchanged.
        labels: values are sent as text, with their types in `labels_types`, as TaskIQ does;
            captured labels are sent unchanged.
        typed: False to send all labels as they are, without `labels_types`.
        format_: format of the payload, which the workers of the task must read.

    Returns:
        Payload and NATS headers (the labels that can be headers).

    Raises:
        NotEncodableError: the format cannot hold one of the numbers.
    """
    sent: dict[str, Any] = {}
    texts: dict[str, str] = {}
    types: dict[str, Any] = {}
    for key, value in (labels or {}).items():
        if isinstance(value, _CapturedLabel):
            sent[key], texts[key] = value.value, value.text
            if value.kind is not None:
                types[key] = value.kind
            continue
        text, kind = _label_text(value)
        texts[key] = text
        sent[key] = text if typed else value
        types[key] = kind
    body = TaskMessage(
        task_id,
        task_name,
        msgspec.Raw(args),
        msgspec.Raw(kwargs),
        msgspec.Raw(msgspec.json.encode(sent)),
        msgspec.Raw(msgspec.json.encode(types) if typed else b"null"),
    )
    payload = encode_fields(msgspec.json.encode(body), format_)
    return payload, {k: v for k, v in texts.items() if _fits_a_header(k, v)}


def rerun_labels(labels: bytes, labels_types: bytes, *, origin: str, who: str) -> dict[str, Any]:
    """Return the labels of a re-run: the original labels and types, `rerun_of`, `requested_by`.

    Args:
        labels: JSON object of the original.
        labels_types: JSON object of the original, or `null`.
        origin: task id of the original.
        who: the user who requests the re-run.
    """
    kept: dict[str, Any] = {
        key: label
        for key, label in _captured(labels, labels_types).items()
        if key not in _RUN_LABELS
    }
    kept[RERUN_OF] = origin
    kept[REQUESTED_BY] = who
    return kept


def has_types(labels_types: bytes) -> bool:
    """Whether a task was sent with the types of its labels, as TaskIQ's own clients do."""
    return labels_types.strip() not in (b"", b"null")


def display_labels(labels: bytes, labels_types: bytes) -> dict[str, Any]:
    """Return labels as editable values, without those that belong to a single run.

    Args:
        labels: JSON object as captured.
        labels_types: JSON object as captured, or `null`.
    """
    types = decode_labels(labels_types)
    return {
        key: _typed(value, types.get(key))
        for key, value in decode_labels(labels).items()
        if key not in _RUN_LABELS and key != TASK_NAME
    }


def labels_for_edit(
    wanted: Mapping[str, Any], labels: bytes, labels_types: bytes, *, origin: str
) -> dict[str, Any]:
    """Return the labels of an edited re-run: unchanged labels keep their exact text and type.

    Args:
        wanted: the edited result of `display_labels`.
        labels: JSON object of the original.
        labels_types: JSON object of the original, or `null`.
        origin: task id of the original.
    """
    before, captured = display_labels(labels, labels_types), _captured(labels, labels_types)
    kept: dict[str, Any] = {}
    for key, value in wanted.items():
        unchanged = key in before and _equal(before[key], value)
        kept[key] = captured[key] if unchanged else value
    kept[RERUN_OF] = origin
    return kept


def _equal(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other  # True differs from 1 here


def _typed(value: Any, kind: Any) -> Any:
    """Return a label's value from its text and TaskIQ type number."""
    if not isinstance(value, str):
        return value
    try:
        match kind:
            case 2:
                return int(value)
            case 4:
                number = float(value)
                return number if math.isfinite(number) else value
            case 5:
                return value.lower() == "true"
    except ValueError:
        pass
    return value


class _CapturedLabel(msgspec.Struct, gc=False):
    """A label as captured, sent unchanged: its JSON and that of its type, None without a type."""

    value: msgspec.Raw
    kind: msgspec.Raw | None

    @property
    def text(self) -> str:
        """The text for a header."""
        try:
            return msgspec.json.decode(self.value, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return bytes(self.value).decode()


def _captured(labels: bytes, labels_types: bytes) -> dict[str, _CapturedLabel]:
    types = _read_captured(labels_types)
    return {
        key: _CapturedLabel(value.copy(), types[key].copy() if key in types else None)
        for key, value in _read_captured(labels).items()
    }


def _read_captured(raw: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode_captured(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _label_text(value: object) -> tuple[str, int]:
    """Return a label's text and TaskIQ type number."""
    match value:
        case bool():
            return str(value), 5
        case int():
            return str(value), 2
        case float():
            return str(value), 4
        case str():
            return value, 3
        case _:
            return msgspec.json.encode(value).decode(), 1


def _fits_a_header(key: str, value: str) -> bool:
    """Return whether NATS accepts the pair as a header and JetStream does not interpret it."""
    if key.lower().startswith("nats-") or not value.isprintable():
        return False
    return bool(key) and all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in key)
