"""Decode the plain data in a pickle without unpickling it.

TaskIQ stores results as pickles by default, and a pickle is a program: anyone who can write to the
bucket could run code in the process that unpickles. Real results are plain dictionaries, for which
a small part of the instruction set is enough, and this interpreter implements only that part. It
imports nothing, calls nothing that a pickle names, and checks each length before it allocates.

Source of the instructions: CPython's `pickletools`, protocols 0 to 5.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from pulse_desktop.protocol.pickle_containers import CONTAINERS
from pulse_desktop.protocol.pickle_machine import (
    CONTAINER_BYTES,
    DEFAULT_PICKLE_LIMITS,
    PickleLimits,
    PickleMachine,
    UnreadablePickleError,
    UnreadObject,
    UnsafePickleError,
    reject,
)
from pulse_desktop.protocol.pickle_scalars import SCALARS, decimal_integer
from pulse_desktop.protocol.value_limits import (
    OverLimitError,
    ValueSize,
    format_mib,
    measure,
)

__all__ = [
    "DEFAULT_PICKLE_LIMITS",
    "PickleLimits",
    "UnreadablePickleError",
    "UnsafePickleError",
    "read_measured_pickle",
    "read_pickle",
]

_Handler = Callable[[PickleMachine, int], int]

_NEWEST_PROTOCOL: Final = 5
_STOP: Final = 0x2E

_unpack_uint32 = struct.Struct("<I").unpack_from
_unpack_uint64 = struct.Struct("<Q").unpack_from


def read_pickle(data: bytes, limits: PickleLimits = DEFAULT_PICKLE_LIMITS) -> Any:
    """Decode a pickle of None, bool, int, float, str, bytes, bytearray, list, tuple, dict, sets.

    Types that older protocols encode as a call (bytes before 3, sets before 4, bytearray before 5)
    are rejected, as every call is.

    Args:
        data: the whole pickle, protocol 0 to 5.
        limits: limits that apply.

    Returns:
        Plain data within the limits, in which nothing contains itself.

    Raises:
        UnsafePickleError: it refers to a class, a function or an external object.
        UnreadablePickleError: it is malformed or exceeds a limit.
    """
    return read_measured_pickle(data, limits)[0]


def read_measured_pickle(
    data: bytes, limits: PickleLimits = DEFAULT_PICKLE_LIMITS, *, keep_objects: bool = False
) -> tuple[Any, ValueSize]:
    """Decode a pickle like `read_pickle`, and return the size of its value too.

    Args:
        data: the whole pickle.
        limits: limits that apply.
        keep_objects: replace each object by an `UnreadObject` instead of rejecting the pickle.
            Nothing is imported or called then either.

    Raises:
        UnsafePickleError: it refers to a class, a function or an external object.
        UnreadablePickleError: it is malformed or exceeds a limit.
    """
    if len(data) > limits.max_bytes:
        raise UnreadablePickleError(f"larger than {format_mib(limits.max_bytes)}")
    try:
        state = PickleMachine(data, limits)
        _run(state, _HANDLERS_OF_OBJECTS if keep_objects else _HANDLERS)
        value = state.stack[0]
        return value, measure(value, limits)
    except (IndexError, struct.error):
        raise UnreadablePickleError("the pickle is cut short or malformed") from None
    except UnicodeDecodeError:
        raise UnreadablePickleError("the pickle holds text that is not UTF-8") from None
    except OverLimitError as error:
        raise UnreadablePickleError(str(error)) from None


def _run(state: PickleMachine, handlers: Sequence[_Handler | None]) -> None:
    """Run the instructions to the end of the pickle, leaving one value on the stack."""
    data = state.data
    size = len(data)
    stack = state.stack
    memo = state.memo
    max_memo = state.limits.max_memo
    at = 0
    for _ in range(state.limits.max_opcodes):
        opcode = data[at]
        at += 1
        if opcode == 0x8C:  # SHORT_BINUNICODE, inlined: it is by far the most common
            start = at + 1
            at = start + data[at]
            if at > size:
                raise IndexError
            raw = data[start:at]
            stack.append(raw.decode() if raw.isascii() else state.text(raw))
        elif opcode == 0x94 and len(memo) < max_memo:  # MEMOIZE, inlined for the same reason
            memo.append(stack[-1])
        elif opcode == _STOP:
            return _check_end(state, at)
        else:
            handler = handlers[opcode]
            at = reject(data, at, stack) if handler is None else handler(state, at)
    raise OverLimitError(f"more than {state.limits.max_opcodes:,} instructions")


def _check_end(state: PickleMachine, at: int) -> None:
    if len(state.stack) != 1 or state.marks:
        raise UnreadablePickleError("the pickle ends in the middle of a value")
    if at != len(state.data):
        raise UnreadablePickleError("more bytes follow the end of the pickle")


def _put8(state: PickleMachine, at: int) -> int:
    state.put(state.data[at])
    return at + 1


def _put32(state: PickleMachine, at: int) -> int:
    state.put(_unpack_uint32(state.data, at)[0])
    return at + 4


def _put_line(state: PickleMachine, at: int) -> int:
    line, end = state.line(at)
    state.put(decimal_integer(state, line))
    return end


def _memoize(state: PickleMachine, at: int) -> int:
    state.put(len(state.memo))
    return at


def _get8(state: PickleMachine, at: int) -> int:
    state.get(state.data[at])
    return at + 1


def _get32(state: PickleMachine, at: int) -> int:
    state.get(_unpack_uint32(state.data, at)[0])
    return at + 4


def _get_line(state: PickleMachine, at: int) -> int:
    line, end = state.line(at)
    state.get(decimal_integer(state, line))
    return end


def _proto(state: PickleMachine, at: int) -> int:
    if state.data[at] > _NEWEST_PROTOCOL:
        raise UnreadablePickleError(f"pickle protocol {state.data[at]} is not known")
    return at + 1


def _frame(state: PickleMachine, at: int) -> int:
    start = at + 8
    if _unpack_uint64(state.data, at)[0] > len(state.data) - start:
        raise IndexError
    return start


def _push_object(state: PickleMachine, name: str) -> None:
    state.charge(CONTAINER_BYTES)
    state.stack.append(UnreadObject(name))


def _global(state: PickleMachine, at: int) -> int:
    module, at = state.line(at)
    name, at = state.line(at)
    _push_object(state, state.name(module + b"." + name))
    return at


def _stack_global(state: PickleMachine, at: int) -> int:
    name, module = state.stack.pop(), state.stack.pop()
    _push_object(state, f"{state.name(module)}.{state.name(name)}")
    return at


def _call(state: PickleMachine, at: int) -> int:
    """Drop the arguments of a call; the function stands for its result."""
    state.stack.pop()
    made_by = state.stack[-1]
    if type(made_by) is not UnreadObject:
        raise UnreadablePickleError("the pickle calls what is no function")
    return at


def _call_with_keywords(state: PickleMachine, at: int) -> int:
    state.stack.pop()
    return _call(state, at)


_OBJECTS: Final[dict[int, _Handler]] = {
    0x63: _global,  # GLOBAL
    0x93: _stack_global,  # STACK_GLOBAL
    0x52: _call,  # REDUCE
    0x81: _call,  # NEWOBJ
    0x92: _call_with_keywords,  # NEWOBJ_EX
    0x62: _call,  # BUILD
}

_OTHERS: Final[dict[int, Callable[[PickleMachine, int], int]]] = {
    0x71: _put8,  # BINPUT
    0x72: _put32,  # LONG_BINPUT
    0x70: _put_line,  # PUT
    0x94: _memoize,  # MEMOIZE
    0x68: _get8,  # BINGET
    0x6A: _get32,  # LONG_BINGET
    0x67: _get_line,  # GET
    0x80: _proto,  # PROTO
    0x95: _frame,  # FRAME
}

_KNOWN: Final = {**SCALARS, **CONTAINERS, **_OTHERS}
_HANDLERS: Final = [_KNOWN.get(opcode) for opcode in range(256)]
_HANDLERS_OF_OBJECTS: Final = [(_KNOWN | _OBJECTS).get(opcode) for opcode in range(256)]
