"""Decode a stored body of unknown format: JSON, pickle, MessagePack or CBOR.

TaskIQ's serializers do not mark their output, so the format is sniffed from the first bytes.
In every format, the decoded value is plain data, small enough to be displayed.
"""

import builtins
import contextlib
import json
import logging
import re
import traceback
from typing import Any, Final, Literal, NamedTuple

import msgspec

from pulse_desktop.protocol.cbor import MalformedCborError, decode_cbor
from pulse_desktop.protocol.msgpack_validation import MalformedMsgpackError, validate_msgpack
from pulse_desktop.protocol.safe_pickle import (
    DEFAULT_PICKLE_LIMITS,
    PickleLimits,
    UnreadablePickleError,
    UnsafePickleError,
    read_measured_pickle,
)
from pulse_desktop.protocol.value_limits import (
    OverLimitError,
    ValueLimits,
    ValueSize,
    digits_cost,
    format_mib,
    measure,
    to_plain,
)

Format = Literal["json", "pickle", "msgpack", "cbor", "unknown"]

_WHITESPACE: Final = b" \t\r\n"
_JSON_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)', re.DOTALL)
_NEWEST_PICKLE_PROTOCOL: Final = 5
_MAX_DIGITS: Final = 4_000  # Python converts at most 4300 digits to text
_LONG_NUMBER: Final = b"0" * 64
_DIGITS_AS_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_OLD_PICKLE_PREFIXES: Final = (b"(dp", b"}q\x00", b"(lp", b"]q\x00")
_CBOR_TAGS: Final = (b"\xd9\x01\x00", b"\xd8\x1c", b"\xd9\xd9\xf7")
"""String references, a shared value, and the mark of CBOR files."""
_CBOR_MAPS: Final = frozenset({*range(0xA0, 0xBC), 0xBF})
"""First bytes that in MessagePack begin a lone string, which no serializer of TaskIQ writes."""


_log: Final = logging.getLogger(__name__)

_reported: Final[set[tuple[str, type]]] = set()
"""Formats and kinds of unexpected errors that have been logged."""


class UnreadableBodyError(Exception):
    """A body that cannot be decoded. `str()` gives the reason.

    Attributes:
        format: the sniffed format.
    """

    def __init__(self, format_: Format, reason: str) -> None:
        self.format: Format = format_
        super().__init__(reason)


class Body(NamedTuple):
    """A decoded body.

    Attributes:
        format: the sniffed format.
        value: plain data.
        not_plain: what in it became text because it is not plain data, empty for nothing. Only
            known for CBOR, whose decoder converts it.
    """

    format: Format
    value: Any
    not_plain: str = ""


def sniff_format(body: bytes) -> Format:
    """Return a body's format, judging by its first bytes; MessagePack if no other matches."""
    head = body[:16].lstrip(_WHITESPACE)
    if not head:
        return "unknown"
    if body[0] == 0x80 and len(body) > 1 and body[1] <= _NEWEST_PICKLE_PROTOCOL:
        return "pickle"
    if body.startswith(_OLD_PICKLE_PREFIXES):
        return "pickle"
    if head[0] < 0x80:  # in MessagePack a single small number, which no serializer stores
        return "json"
    if body[0] in _CBOR_MAPS or body.startswith(_CBOR_TAGS):
        return "cbor"
    return "msgpack"


def decode_body(body: bytes, limits: PickleLimits = DEFAULT_PICKLE_LIMITS) -> Body:
    """Decode a stored body into plain data that can be displayed.

    Lone surrogates become U+FFFD, and MessagePack timestamps ISO 8601 text.

    Args:
        body: as it was stored.
        limits: limits that apply.

    Raises:
        UnreadableBodyError: it cannot be decoded safely, or is too large.
    """
    decoded, size = read_body(body, limits)
    return decoded if size.plain else decoded._replace(value=to_plain(decoded.value))


def read_body(
    body: bytes, limits: PickleLimits = DEFAULT_PICKLE_LIMITS, *, keep_objects: bool = False
) -> tuple[Body, ValueSize]:
    """Decode a body into data within limits, without conversion of what cannot be displayed.

    Args:
        body: as it was sent or stored.
        limits: limits that apply.
        keep_objects: replace objects in a pickle by `UnreadObject` instead of rejecting it.

    Raises:
        UnreadableBodyError: it cannot be decoded safely, or is too large.
    """
    format_ = sniff_format(body)
    try:
        return _read(format_, body, limits, keep_objects)
    except (UnsafePickleError, UnreadablePickleError, OverLimitError) as error:
        raise UnreadableBodyError(format_, str(error)) from None
    except RecursionError:
        reason = f"nested deeper than {limits.max_depth} levels"
        raise UnreadableBodyError(format_, reason) from None
    except (UnreadableBodyError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - one message must not stop the reading of others
        _report(format_, error)
        reason = f"the decoder failed ({type(error).__name__})"
        raise UnreadableBodyError(format_, reason) from None


def _report(format_: Format, error: Exception) -> None:
    """Log where a decoder failed, once, since a sender may repeat its message.

    The text of the error is left out: it may quote the message.
    """
    kind = (format_, type(error))
    if kind in _reported:
        return
    _reported.add(kind)
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("the decoder of %s failed with %s:\n%s", format_, type(error).__name__, frames)


def _read(
    format_: Format, body: bytes, limits: PickleLimits, keep_objects: bool
) -> tuple[Body, ValueSize]:
    if len(body) > limits.max_bytes:
        raise OverLimitError(f"larger than {format_mib(limits.max_bytes)}")
    not_plain = ""
    match format_:
        case "pickle":
            value, size = read_measured_pickle(body, limits, keep_objects=keep_objects)
            return Body(format_, value), size
        case "json":
            value = _read_json(body, limits)
        case "msgpack":
            value = _read_msgpack(body, limits)
        case "cbor":
            try:
                value, not_plain = decode_cbor(body, limits)
            except MalformedCborError:
                raise UnreadableBodyError(format_, "the CBOR is cut short or malformed") from None
        case _:
            raise UnreadableBodyError(format_, "the body is empty")
    return Body(format_, value, not_plain), measure(value, limits)


def _read_json(body: bytes, limits: PickleLimits) -> Any:
    """Decode JSON, and the NaN, Infinity and lone surrogates that Python's json module writes."""
    if _json_marks(body, 0, len(body)) > limits.max_nodes and _has_more_values(body, limits):
        raise limits.too_many_values()
    if _LONG_NUMBER not in body.translate(_DIGITS_AS_ZERO):  # else see _Numbers
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            return _decode_json(body)
    numbers = _Numbers(limits)
    try:
        return json.loads(body.decode(), parse_int=numbers.integer, parse_float=numbers.float)
    except OverLimitError:
        raise
    except ValueError as error:
        raise UnreadableBodyError("json", f"not JSON: {error}") from None


class _Numbers:
    """Converts the numbers in JSON, as long as their digits are not too many together."""

    def __init__(self, limits: ValueLimits) -> None:
        self._limits = limits
        self._text = 0

    def integer(self, digits: str) -> int:
        if len(digits) > _MAX_DIGITS:
            raise OverLimitError(f"an integer of more than {_MAX_DIGITS:,} digits")
        self._charge(digits)
        return int(digits)

    def float(self, digits: str) -> builtins.float:
        self._charge(digits)
        return builtins.float(digits)

    def _charge(self, digits: str) -> None:
        if len(digits) > len(_LONG_NUMBER):
            self._text += digits_cost(len(digits))
            self._limits.check_text(self._text)


def _json_marks(text: bytes, start: int, end: int) -> int:
    """Return an upper bound for the number of values after the first."""
    return (
        text.count(b",", start, end) + text.count(b"[", start, end) + text.count(b"{", start, end)
    )


def _has_more_values(body: bytes, limits: ValueLimits) -> bool:
    """Return whether there are too many values, without what is inside strings."""
    marks = end = 0
    for strings, string in enumerate(_JSON_STRING.finditer(body)):
        marks += _json_marks(body, end, string.start())
        if marks > limits.max_nodes or strings > 2 * limits.max_nodes:
            return True
        end = string.end()
    return marks + _json_marks(body, end, len(body)) > limits.max_nodes


def _read_msgpack(body: bytes, limits: PickleLimits) -> Any:
    try:
        validate_msgpack(body, limits)
        return _decode_msgpack(body)
    except (MalformedMsgpackError, msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableBodyError("unknown", "neither JSON nor pickle nor MessagePack") from None


def _extension(_code: int, data: memoryview) -> bytes:
    return bytes(data)


_decode_json = msgspec.json.Decoder().decode
_decode_msgpack = msgspec.msgpack.Decoder(ext_hook=_extension).decode
