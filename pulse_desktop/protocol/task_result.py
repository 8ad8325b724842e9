"""A TaskIQ result and a TaskIQ progress object, read as data from the result bucket.

Nothing here is ever handed to TaskIQ's own models: validating a stored error makes them look up and
instantiate whatever exception class it names.
Source of the format: taskiq's `TaskiqResult` and `TaskProgress`, dumped in JSON mode.
"""

import math
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.safe_pickle import DEFAULT_PICKLE_LIMITS, PickleLimits
from pulse_desktop.protocol.soft_failure import (
    Outcome,
    ReturnStatus,
    classify_return_value,
    first_line,
)
from pulse_desktop.protocol.stored_body import Format, UnreadableBodyError, decode_body

_CANCELLED: Final = "CancelledError"
_MAX_CAUSES: Final = 20
_MAX_MESSAGE_CHARACTERS: Final = 100_000


class UnreadableResultError(Exception):
    """A body that is not a result, or cannot be read. `str()` says why, in plain words.

    Attributes:
        format: what the body seems to be.
    """

    def __init__(self, format_: Format, reason: str) -> None:
        self.format: Format = format_
        super().__init__(reason)


class ResultError(msgspec.Struct, frozen=True, gc=False):
    """An exception as the worker described it; the traceback is not stored.

    Attributes:
        type: class name, such as `ValueError`.
        module: of the class, empty for an unknown one.
        message: the exception's arguments, joined.
        cause: what it was raised from, or else while handling what.
    """

    type: str
    module: str
    message: str
    cause: "ResultError | None" = None


class TaskResult(msgspec.Struct, frozen=True):
    """The result of one run. It holds no task name, no arguments and no time.

    Attributes:
        is_err: whether the task raised.
        return_value: plain data.
        execution_time: seconds, to two decimals; None when unknown.
        labels: of the task message, echoed.
        error: what it raised, None when nothing or nothing known.
        format: how the body was written.
        outcome: how the run ended, judging also by what it returned.
        soft_reason: why a run that raised nothing still failed or was cancelled, and what a
            cancelled one said; else empty.
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
    """What a running task says about itself, stored under `progress:<task_id>`.

    Attributes:
        state: STARTED, SUCCESS, FAILURE, RETRY, or a word of the task's own.
        meta: plain data of the task's own.
        format: how the body was written.
    """

    state: str
    meta: Any
    format: Format


def decode_result(body: bytes, limits: PickleLimits = DEFAULT_PICKLE_LIMITS) -> TaskResult:
    """Read a stored result. A large one takes up to about 0.1 s per MiB.

    Args:
        body: the object, whatever serializer wrote it.
        limits: how large a value may be shown.

    Raises:
        UnreadableResultError: the body cannot be read, or is something else than a result.
    """
    format_, fields = _read_fields(body, limits, "a result")
    is_err = fields.get("is_err")
    if not isinstance(is_err, bool) or "return_value" not in fields:
        raise UnreadableResultError(format_, "not a result: no is_err and return_value in it")
    error = _error_of(fields.get("error"))
    outcome, reason = _ending(is_err, error, fields["return_value"])
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
    """Read a stored progress object.

    Raises:
        UnreadableResultError: the body cannot be read, or is something else.
    """
    format_, fields = _read_fields(body, limits, "progress")
    state = fields.get("state")
    if not isinstance(state, str):
        raise UnreadableResultError(format_, "not progress: no state in it")
    return TaskProgress(state, fields.get("meta"), format_)


def _read_fields(body: bytes, limits: PickleLimits, expected: str) -> tuple[Format, dict[Any, Any]]:
    try:
        format_, value = decode_body(body, limits)
    except UnreadableBodyError as error:
        raise UnreadableResultError(error.format, str(error)) from None
    if not isinstance(value, dict):
        kind = {list: "a list", tuple: "a list", str: "a text", type(None): "nothing"}
        found = kind.get(type(value), "a single value")
        raise UnreadableResultError(format_, f"not {expected}: {found}")
    return format_, value


def _ending(is_err: bool, error: ResultError | None, return_value: Any) -> ReturnStatus:
    if error is not None and error.type.rpartition(".")[2] == _CANCELLED:
        return ReturnStatus("cancelled", first_line(error.message) or "the task was cancelled")
    if is_err or error is not None:
        return ReturnStatus("failed", "")
    return classify_return_value(return_value)


def _error_of(stored: Any) -> ResultError | None:
    """Read a stored error and what caused it, the innermost first."""
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
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _labels(value: Any) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}
