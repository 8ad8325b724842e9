"""Pickle instructions that push a number, a string or a byte string on the stack.

Each takes the position after its opcode and returns the position of the next opcode.
"""

import struct
from collections.abc import Callable
from typing import Final

from pulse_desktop.protocol.pickle_machine import PickleMachine, UnreadablePickleError
from pulse_desktop.protocol.value_limits import OverLimitError, digits_cost

_DIGITS_PER_BYTE: Final = 2.41
_SHORT_INTEGER: Final = 20
_MAX_FLOAT_CHARACTERS: Final = 64

_unpack_uint16 = struct.Struct("<H").unpack_from
_unpack_int32 = struct.Struct("<i").unpack_from
_unpack_uint32 = struct.Struct("<I").unpack_from
_unpack_uint64 = struct.Struct("<Q").unpack_from
_unpack_float64 = struct.Struct(">d").unpack_from


def _none(state: PickleMachine, at: int) -> int:
    state.stack.append(None)
    return at


def _true(state: PickleMachine, at: int) -> int:
    state.stack.append(True)
    return at


def _false(state: PickleMachine, at: int) -> int:
    state.stack.append(False)
    return at


def _int8(state: PickleMachine, at: int) -> int:
    state.stack.append(state.data[at])
    return at + 1


def _int16(state: PickleMachine, at: int) -> int:
    state.stack.append(_unpack_uint16(state.data, at)[0])
    return at + 2


def _int32(state: PickleMachine, at: int) -> int:
    state.stack.append(_unpack_int32(state.data, at)[0])
    return at + 4


def _long1(state: PickleMachine, at: int) -> int:
    return _long(state, at + 1, state.data[at])


def _long4(state: PickleMachine, at: int) -> int:
    return _long(state, at + 4, _unpack_int32(state.data, at)[0])


def _long(state: PickleMachine, start: int, length: int) -> int:
    if length > state.limits.max_int_bytes:
        raise OverLimitError(f"an integer of more than {state.limits.max_int_bytes} bytes")
    raw, end = state.take(start, length)
    state.stack.append(int.from_bytes(raw, "little", signed=True))
    return end


def _int_line(state: PickleMachine, at: int) -> int:
    line, end = state.line(at)
    if line in (b"00", b"01"):  # how protocols 0 and 1 encode booleans
        state.stack.append(line == b"01")
    else:
        state.stack.append(decimal_integer(state, line))
    return end


def _long_line(state: PickleMachine, at: int) -> int:
    line, end = state.line(at)
    state.stack.append(decimal_integer(state, line.removesuffix(b"L")))
    return end


def decimal_integer(state: PickleMachine, digits: bytes) -> int:
    """Parse a decimal integer.

    Raises:
        OverLimitError: it has too many digits.
        UnreadablePickleError: it is not an integer.
    """
    if len(digits) > state.limits.max_int_bytes * _DIGITS_PER_BYTE:
        raise OverLimitError(f"an integer of more than {state.limits.max_int_bytes} bytes")
    if len(digits) > _SHORT_INTEGER:
        state.charge(digits_cost(len(digits)))
    try:
        return int(digits)
    except ValueError:
        raise UnreadablePickleError("the pickle holds a malformed integer") from None


def _float64(state: PickleMachine, at: int) -> int:
    state.stack.append(_unpack_float64(state.data, at)[0])
    return at + 8


def _float_line(state: PickleMachine, at: int) -> int:
    line, end = state.line(at)
    number = b"" if len(line) > _MAX_FLOAT_CHARACTERS else line  # a long one is slow to convert
    try:
        state.stack.append(float(number))
    except ValueError:
        raise UnreadablePickleError("the pickle holds a malformed number") from None
    return end


def _text8(state: PickleMachine, at: int) -> int:
    return _text(state, at + 1, state.data[at])


def _text32(state: PickleMachine, at: int) -> int:
    return _text(state, at + 4, _unpack_uint32(state.data, at)[0])


def _text64(state: PickleMachine, at: int) -> int:
    return _text(state, at + 8, _unpack_uint64(state.data, at)[0])


def _text(state: PickleMachine, start: int, length: int) -> int:
    raw, end = state.take(start, length)
    state.stack.append(state.text(raw))
    return end


def _text_line(state: PickleMachine, at: int) -> int:
    line, end = state.line(at)
    state.stack.append(line.decode("raw-unicode-escape"))
    return end


def _old_text8(state: PickleMachine, at: int) -> int:
    return _text(state, at + 1, state.data[at])


def _old_text32(state: PickleMachine, at: int) -> int:
    return _text(state, at + 4, _unpack_int32(state.data, at)[0])


def _bytes8(state: PickleMachine, at: int) -> int:
    return _bytes(state, at + 1, state.data[at])


def _bytes32(state: PickleMachine, at: int) -> int:
    return _bytes(state, at + 4, _unpack_uint32(state.data, at)[0])


def _bytes64(state: PickleMachine, at: int) -> int:
    return _bytes(state, at + 8, _unpack_uint64(state.data, at)[0])


def _bytes(state: PickleMachine, start: int, length: int) -> int:
    raw, end = state.take(start, length)
    state.stack.append(raw)
    return end


def _bytearray64(state: PickleMachine, at: int) -> int:
    raw, end = state.take(at + 8, _unpack_uint64(state.data, at)[0])
    state.stack.append(bytearray(raw))
    return end


SCALARS: Final[dict[int, Callable[[PickleMachine, int], int]]] = {
    0x4E: _none,  # NONE
    0x88: _true,  # NEWTRUE
    0x89: _false,  # NEWFALSE
    0x4B: _int8,  # BININT1
    0x4D: _int16,  # BININT2
    0x4A: _int32,  # BININT
    0x8A: _long1,  # LONG1
    0x8B: _long4,  # LONG4
    0x49: _int_line,  # INT
    0x4C: _long_line,  # LONG
    0x47: _float64,  # BINFLOAT
    0x46: _float_line,  # FLOAT
    0x8C: _text8,  # SHORT_BINUNICODE
    0x58: _text32,  # BINUNICODE
    0x8D: _text64,  # BINUNICODE8
    0x56: _text_line,  # UNICODE
    0x55: _old_text8,  # SHORT_BINSTRING
    0x54: _old_text32,  # BINSTRING
    0x43: _bytes8,  # SHORT_BINBYTES
    0x42: _bytes32,  # BINBYTES
    0x8E: _bytes64,  # BINBYTES8
    0x96: _bytearray64,  # BYTEARRAY8
}
