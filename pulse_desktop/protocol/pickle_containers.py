"""Pickle instructions that create and fill containers or move values on the stack.

Each takes the position after its opcode and returns the position of the next opcode.
"""

from collections.abc import Callable
from typing import Any, Final

from pulse_desktop.protocol.pickle_machine import (
    CONTAINER_BYTES,
    PickleMachine,
    UnreadablePickleError,
)

_SET_BYTES: Final = 232
"""Upper estimate for an empty set."""


def _mark(state: PickleMachine, at: int) -> int:
    state.marks.append(len(state.stack))
    return at


def _add(state: PickleMachine, container: Any, items: int = 0) -> None:
    state.charge(CONTAINER_BYTES + 8 * items)
    state.stack.append(container)


def _empty_tuple(state: PickleMachine, at: int) -> int:
    state.stack.append(())
    return at


def _tuple(state: PickleMachine, at: int) -> int:
    items = state.since_mark()
    _add(state, tuple(items), len(items))
    return at


def _tuple1(state: PickleMachine, at: int) -> int:
    return _tuple_of(state, 1, at)


def _tuple2(state: PickleMachine, at: int) -> int:
    return _tuple_of(state, 2, at)


def _tuple3(state: PickleMachine, at: int) -> int:
    return _tuple_of(state, 3, at)


def _tuple_of(state: PickleMachine, count: int, at: int) -> int:
    if len(state.stack) < count:
        raise IndexError
    items = tuple(state.stack[-count:])
    del state.stack[-count:]
    _add(state, items, count)
    return at


def _empty_list(state: PickleMachine, at: int) -> int:
    _add(state, [])
    return at


def _list(state: PickleMachine, at: int) -> int:
    items = state.since_mark()
    _add(state, items, len(items))
    return at


def _append(state: PickleMachine, at: int) -> int:
    item = state.stack.pop()
    state.top(list).append(item)
    return at


def _appends(state: PickleMachine, at: int) -> int:
    items = state.since_mark()
    state.top(list).extend(items)
    return at


def _empty_dict(state: PickleMachine, at: int) -> int:
    _add(state, {})
    return at


def _dict(state: PickleMachine, at: int) -> int:
    items = state.since_mark()
    _add(state, {})
    _set_items(state, items)
    return at


def _setitem(state: PickleMachine, at: int) -> int:
    value = state.stack.pop()
    key = state.stack.pop()
    _set_items(state, [key, value])
    return at


def _setitems(state: PickleMachine, at: int) -> int:
    _set_items(state, state.since_mark())
    return at


def _set_items(state: PickleMachine, items: list[Any]) -> None:
    if len(items) % 2:
        raise UnreadablePickleError("the pickle holds a key without a value")
    container = state.top(dict)
    keys = items[::2]
    state.check_keys(container, keys)
    state.charge(CONTAINER_BYTES * len(keys))
    container.update(zip(keys, items[1::2], strict=True))


def _empty_set(state: PickleMachine, at: int) -> int:
    state.charge(_SET_BYTES)
    state.stack.append(set())
    return at


def _additems(state: PickleMachine, at: int) -> int:
    items = state.since_mark()
    container = state.top(set)
    state.check_keys(container, items)
    state.charge(CONTAINER_BYTES * len(items))
    container.update(items)
    return at


def _frozenset(state: PickleMachine, at: int) -> int:
    items = state.since_mark()
    state.check_keys(items, items)
    state.charge(_SET_BYTES + CONTAINER_BYTES * len(items))
    state.stack.append(frozenset(items))
    return at


def _pop(state: PickleMachine, at: int) -> int:
    if state.marks and state.marks[-1] == len(state.stack):
        state.marks.pop()
    else:
        state.stack.pop()
    return at


def _dup(state: PickleMachine, at: int) -> int:
    state.stack.append(state.stack[-1])
    return at


def _pop_mark(state: PickleMachine, at: int) -> int:
    state.since_mark()
    return at


CONTAINERS: Final[dict[int, Callable[[PickleMachine, int], int]]] = {
    0x28: _mark,  # MARK
    0x29: _empty_tuple,  # EMPTY_TUPLE
    0x74: _tuple,  # TUPLE
    0x85: _tuple1,  # TUPLE1
    0x86: _tuple2,  # TUPLE2
    0x87: _tuple3,  # TUPLE3
    0x5D: _empty_list,  # EMPTY_LIST
    0x6C: _list,  # LIST
    0x61: _append,  # APPEND
    0x65: _appends,  # APPENDS
    0x7D: _empty_dict,  # EMPTY_DICT
    0x64: _dict,  # DICT
    0x73: _setitem,  # SETITEM
    0x75: _setitems,  # SETITEMS
    0x8F: _empty_set,  # EMPTY_SET
    0x90: _additems,  # ADDITEMS
    0x91: _frozenset,  # FROZENSET
    0x30: _pop,  # POP
    0x32: _dup,  # DUP
    0x31: _pop_mark,  # POP_MARK
}
