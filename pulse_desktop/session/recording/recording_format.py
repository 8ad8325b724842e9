"""The lines of a recording: a header, messages, stored objects, results, and an end.

A recording is a sequence of zstd frames, each with whole lines of JSON. A program that is killed
leaves a file whose frames are whole but for the last: `zstd -dc FILE` shows them. Each frame has a
checksum of its content.
"""

import base64
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import ResultError, TaskResult
from pulse_desktop.protocol.topics import RESULT_BUCKET

FORMAT: Final = "pulse-desktop recording"
VERSION: Final = 1
MAX_LINE_BYTES: Final = 16 << 20
"""A longer line is skipped: it would hold up the window that reads it."""

_LATEST: Final = 4_102_444_800.0  # 2100-01-01: a later time cannot be shown everywhere
Sequence = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Time = Annotated[float, msgspec.Meta(ge=0.0, le=_LATEST)]

_MAX_MISSING: Final = 8
_MAX_MISSING_LENGTH: Final = 300
MissingTexts = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=_MAX_MISSING_LENGTH)], ...],
    msgspec.Meta(max_length=_MAX_MISSING),
]

_SOURCES: Final[dict[str, Source]] = {"event": Source.EVENT, "task": Source.TASK}
_SOURCE_NAMES: Final[dict[Source, Literal["event", "task"]]] = {
    Source.EVENT: "event",
    Source.TASK: "task",
}


class Header(msgspec.Struct, frozen=True, tag="header", tag_field="line"):
    """The first line.

    Attributes:
        format: what kind of file this is.
        version: of the format.
        program: the program and version that wrote it.
        started_at: Unix seconds.
        connection: what the connection was called.
        server: its address, without a login.
        environment: kind of system, empty if it was not stated.
        subject_prefix: what the subjects of events begin with.
        bucket: bucket of the results.
        masked: names of fields whose values were left out, beside those of secrets.
    """

    format: str
    version: int
    program: str
    started_at: Time
    connection: str = ""
    server: str = ""
    environment: str = ""
    subject_prefix: str = ""
    bucket: str = RESULT_BUCKET
    masked: tuple[str, ...] = ()


class MessageLine(msgspec.Struct, frozen=True, tag="message", tag_field="line", omit_defaults=True):
    """An event or a task message.

    Attributes:
        source: "event" or "task".
        subject: NATS subject.
        at: Unix seconds at which the server stored it, or at which it was received.
        payload: the body as JSON; null if it is in `text` or `base64`.
        text: the body as text, if it is no JSON.
        base64: the body, if it is no text.
        sequence: in the stream, 0 if none stores it.
        older: whether it was read back from history, after newer ones.
    """

    source: Literal["event", "task"]
    subject: str
    at: Time
    payload: msgspec.Raw = msgspec.Raw(b"null")
    text: str | None = None
    base64: str | None = None
    sequence: Sequence = 0
    older: bool = False


class ObjectLine(msgspec.Struct, frozen=True, tag="object", tag_field="line"):
    """Metadata of a stored object."""

    object: StoredObject


class ResultLine(msgspec.Struct, frozen=True, tag="result", tag_field="line", omit_defaults=True):
    """A stored result that was read.

    Attributes:
        object: its metadata.
        result: what it says; None if it cannot be read, or was too large.
        problem: why it cannot be read, empty if it was too large.
    """

    object: StoredObject
    result: "RecordedResult | None" = None
    problem: str = ""


class RecordedResult(msgspec.Struct, frozen=True):
    """A result, with its values as JSON; the fields are those of `TaskResult`."""

    is_err: bool
    return_value: msgspec.Raw
    execution_time: float | None
    labels: msgspec.Raw
    error: ResultError | None
    format: str
    outcome: str
    soft_reason: str


class End(msgspec.Struct, frozen=True, tag="end", tag_field="line"):
    """The last line of a recording that was ended properly.

    Attributes:
        ended_at: Unix seconds.
        reason: why it ended: "stopped", "duration" or "size".
        messages: how many messages were recorded.
        results: how many results; in older recordings with those that were not read.
        dropped: messages and results that could not be recorded.
        missing: what of the wanted messages was not received, and why; see `missing_texts`.
        unread: how many results were too large, or could not be read.
        lines: between header and end; None in an older recording.
    """

    ended_at: Time
    reason: str
    messages: int
    results: int
    dropped: int = 0
    missing: MissingTexts = ()
    unread: int = 0
    lines: int | None = None


Line = Header | MessageLine | ObjectLine | ResultLine | End

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class MalformedLineError(ValueError):
    """A line that is not one of a recording. `str()` gives the reason."""


def encode_line(line: Line) -> bytes:
    """Return a line with its line break."""
    return _encode(line) + b"\n"


def decode_line(line: bytes) -> Line:
    """Decode a line.

    Raises:
        MalformedLineError: it is not a line of a recording.
    """
    try:
        decoded = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedLineError(str(error)) from None
    if isinstance(decoded, ObjectLine | ResultLine) and not (
        0.0 <= decoded.object.stored_at <= _LATEST
    ):
        raise MalformedLineError("the time of the object is none")
    return decoded


def missing_texts(texts: Iterable[str]) -> tuple[str, ...]:
    """Return what is missing as `End` holds it: a few short texts."""
    return tuple(text[:_MAX_MISSING_LENGTH] for text in texts)[:_MAX_MISSING]


def message_line(message: InboundMessage, payload: bytes) -> MessageLine:
    """Return the line of a message with a payload that was masked."""
    source = _SOURCE_NAMES[message.source]
    line = MessageLine(
        source,
        message.subject,
        message.at,
        sequence=message.sequence,
        older=message.older,
    )
    if _is_json_on_one_line(payload):
        return msgspec.structs.replace(line, payload=msgspec.Raw(payload))
    try:
        return msgspec.structs.replace(line, text=payload.decode())
    except UnicodeDecodeError:
        return msgspec.structs.replace(line, base64=base64.b64encode(payload).decode())


def inbound_message(line: MessageLine) -> InboundMessage:
    """Return the message of a line.

    Raises:
        MalformedLineError: its payload is not base64.
    """
    payload = bytes(line.payload)
    if line.text is not None:
        payload = line.text.encode("utf-8", "replace")
    elif line.base64 is not None:
        try:
            payload = base64.b64decode(line.base64, validate=True)
        except ValueError as error:  # binascii.Error is one, characters beyond ASCII are not
            raise MalformedLineError(str(error)) from None
    return InboundMessage(
        _SOURCES[line.source], line.subject, payload, line.at, line.sequence, line.older
    )


def recorded_result(result: TaskResult, return_value: bytes, labels: bytes) -> RecordedResult:
    """Return a result for a recording, with masked values.

    Args:
        result: as decoded.
        return_value: what it returned, as JSON.
        labels: as JSON.
    """
    return RecordedResult(
        result.is_err,
        msgspec.Raw(return_value),
        result.execution_time,
        msgspec.Raw(labels),
        result.error,
        result.format,
        result.outcome,
        result.soft_reason,
    )


def task_result(recorded: RecordedResult) -> TaskResult:
    """Return the result of a recording.

    Raises:
        MalformedLineError: one of its values is not what a result has.
    """
    try:
        return msgspec.convert(
            {
                "is_err": recorded.is_err,
                "return_value": msgspec.json.decode(recorded.return_value),
                "execution_time": recorded.execution_time,
                "labels": msgspec.json.decode(recorded.labels),
                "error": recorded.error,
                "format": recorded.format,
                "outcome": recorded.outcome,
                "soft_reason": recorded.soft_reason,
            },
            TaskResult,
            from_attributes=True,
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedLineError(str(error)) from None


def _is_json_on_one_line(payload: bytes) -> bool:
    """Return whether a payload can stand in a line as it is."""
    if b"\n" in payload or b"\r" in payload:
        return False
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
        payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
