"""TaskIQ results and progress objects from the result bucket, decoded as data.

TaskIQ's own models are not used: validating a stored error would make them import and instantiate
the exception class that it names.
Source of the format: taskiq's `TaskiqResult` and `TaskProgress`, dumped in JSON mode.
"""

from typing import Any, Final

import msgspec

from pulse_desktop.protocol.safe_pickle import DEFAULT_PICKLE_LIMITS, PickleLimits
from pulse_desktop.protocol.soft_failure import (
    CANCELLED,
    Outcome,
    ReturnStatus,
    classify_return_value,
    first_line,
)
from pulse_desktop.protocol.stored_body import Format, UnreadableBodyError, decode_body
from pulse_desktop.protocol.timestamps import MAX_SPAN_S

_CANCELLED: Final = "CancelledError"
_MAX_CAUSES: Final = 20
_MAX_MESSAGE_CHARACTERS: Final = 100_000


class UnreadableResultError(Exception):
    """A body that is not a result, or cannot be decoded. `str()` gives the reason.

    Attributes:
        format: the sniffed format of the body.
    """

    def __init__(self, format_: Format, reason: str) -> None:
        self.format: Format = format_
        super().__init__(reason)


class ResultError(msgspec.Struct, frozen=True, gc=False):
    """An exception as stored; the traceback is not stored.

    Attributes:
        type: class name, such as `ValueError`.
        module: module of the class, empty if unknown.
        message: the exception's arguments, joined.
        cause: the exception that caused it, or during whose handling it was raised.
    """

    type: str
    module: str
    message: str
    cause: "ResultError | None" = None


class TaskResult(msgspec.Struct, frozen=True):
    """The stored result of one run. It holds no task name, no arguments and no time.

    Attributes:
        is_err: whether the task raised.
        return_value: plain data.
        execution_time: seconds, to two decimals; None if unknown.
        labels: labels of the task message.
        error: the exception it raised, None if it raised none or it is unknown.
        format: format of the body.
        outcome: outcome of the run, judging also by its return value.
        soft_reason: why a run that raised nothing failed, or why it was cancelled; else empty.
    """

    is_err: bool
    return_value: Any
    execution_time: float | None
    labels: dict[str, Any]
    error: ResultError | None
    format: Format
    outcome: Outcome
    soft_reason: str


class DecodedResult(msgspec.Struct, frozen=True):
    """A stored result: its bytes and what they say.

    Attributes:
        raw: the bytes as stored.
        result: None when they cannot be decoded.
        problem: why they cannot be decoded, else empty.
    """

    raw: bytes
    result: TaskResult | None
    problem: str = ""


class TaskProgress(msgspec.Struct, frozen=True):
    """The progress that a running task stored under `progress:<task_id>`.

    Attributes:
        state: STARTED, SUCCESS, FAILURE, RETRY, or a state of the task's own.
        meta: plain data that the task chose.
        format: format of the body.
    """

    state: str
    meta: Any
    format: Format


def decode_result(body: bytes, limits: PickleLimits = DEFAULT_PICKLE_LIMITS) -> TaskResult:
    """Decode a stored result. A large one takes up to about 0.1 s per MiB.

    Args:
        body: the object's body, from any serializer.
        limits: limits that apply to the value.

    Raises:
        UnreadableResultError: the body cannot be decoded, or is not a result.
    """
    format_, fields = _read_fields(body, limits, "a result")
    is_err = fields.get("is_err")
    if not isinstance(is_err, bool) or "return_value" not in fields:
        raise UnreadableResultError(format_, "not a result: no is_err and return_value in it")
    error = _error_of(fields.get("error"))
    outcome, reason = _outcome(is_err, error, fields["return_value"])
    return TaskResult(
        is_err,
        fields["return_value"],
        _seconds(fields.get("execution_time")),
        _labels(fields.get("labels")),
        error,
        format_,
        outcome,
        reason,
    )


def decode_progress(body: bytes, limits: PickleLimits = DEFAULT_PICKLE_LIMITS) -> TaskProgress:
    """Decode a stored progress object.

    Raises:
        UnreadableResultError: the body cannot be decoded, or is not progress.
    """
    format_, fields = _read_fields(body, limits, "progress")
    state = fields.get("state")
    if not isinstance(state, str):
        raise UnreadableResultError(format_, "not progress: no state in it")
    return TaskProgress(state, fields.get("meta"), format_)


def _read_fields(body: bytes, limits: PickleLimits, expected: str) -> tuple[Format, dict[Any, Any]]:
    try:
        decoded = decode_body(body, limits)
    except UnreadableBodyError as error:
        raise UnreadableResultError(error.format, str(error)) from None
    format_, value = decoded.format, decoded.value
    if not isinstance(value, dict):
        kind = {list: "a list", tuple: "a list", str: "a text", type(None): "nothing"}
        found = kind.get(type(value), "a single value")
        raise UnreadableResultError(format_, f"not {expected}: {found}")
    return format_, value


def _outcome(is_err: bool, error: ResultError | None, return_value: Any) -> ReturnStatus:
    if error is not None and error.type.rpartition(".")[2] == _CANCELLED:
        return ReturnStatus("cancelled", first_line(error.message) or CANCELLED)
    if is_err or error is not None:
        return ReturnStatus("failed", "")
    return classify_return_value(return_value)


def _error_of(stored: Any) -> ResultError | None:
    """Return a stored error with its chain of causes."""
    chain: list[Any] = []
    while stored is not None and len(chain) < _MAX_CAUSES:
        chain.append(stored)
        stored = _cause_of(stored)
    error: ResultError | None = None
    for link in reversed(chain):
        error = _one_error(link, error)
    return error


def _cause_of(stored: Any) -> Any:
    if not isinstance(stored, dict):
        return None
    if stored.get("exc_cause") is not None:
        return stored["exc_cause"]
    return None if stored.get("exc_suppress_context") is True else stored.get("exc_context")


def _one_error(stored: Any, cause: ResultError | None) -> ResultError:
    if not isinstance(stored, dict):
        return ResultError("", "", _text(stored), cause)
    return ResultError(
        _text(stored.get("exc_type") or ""),
        _text(stored.get("exc_module") or ""),
        _message(stored.get("exc_message")),
        cause,
    )


def _message(arguments: Any) -> str:
    if arguments is None:
        return ""
    if isinstance(arguments, list | tuple):
        return ", ".join(_text(argument) for argument in arguments)[:_MAX_MESSAGE_CHARACTERS]
    return _text(arguments)


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else repr(value))[:_MAX_MESSAGE_CHARACTERS]


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if 0 <= seconds <= MAX_SPAN_S else None


def _labels(value: Any) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}
