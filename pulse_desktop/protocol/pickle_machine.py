"""What a pickle's instructions work on: the data, a stack with marks, and a memo.

Everything that takes memory or time on a pickle's word is checked here, before it is done.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from pulse_desktop.protocol.value_limits import MEBIBYTE, OverLimitError, ValueLimits

_SHOWN_CHARACTERS: Final = 120

_NAMES_TWO_LINES: Final = {0x63: "GLOBAL", 0x69: "INST"}
_NAMES_A_LINE: Final = {0x50: "PERSID"}
_NAMES_THE_STACK_TOP: Final = {0x51: "BINPERSID"}
_NAMES_TWO_STACK_ITEMS: Final = {0x93: "STACK_GLOBAL"}
_NAMES_A_NUMBER: Final = {0x82: ("EXT1", 1), 0x83: ("EXT2", 2), 0x84: ("EXT4", 4)}
_NAMES_NOTHING: Final = {
    0x52: "REDUCE",
    0x62: "BUILD",
    0x6F: "OBJ",
    0x81: "NEWOBJ",
    0x92: "NEWOBJ_EX",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}


class UnsafePickleError(Exception):
    """A pickle that asks for more than plain data.

    Attributes:
        opcode: the refused instruction, as `pickletools` calls it.
        wanted: the class, function or object it asked for, empty when it named none.
    """

    def __init__(self, opcode: str, wanted: str = "") -> None:
        self.opcode = opcode
        self.wanted = wanted
        what = f"{wanted} ({opcode})" if wanted else opcode
        super().__init__(f"the pickle asks for {what}, which is not plain data")


class UnreadablePickleError(Exception):
    """A pickle that is malformed or over a limit. `str()` says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class PickleLimits(ValueLimits):
    """What a pickle may ask for, besides what any value may.

    Attributes:
        max_opcodes: instructions carried out.
        max_memory: bytes of the containers alone, estimated. Scalars are bounded by `max_bytes`,
            since each is copied out of the pickle once.
        max_memo: numbered places where values are kept to be used again.
        max_int_bytes: of one integer; 1024 bytes stay below the number of digits Python writes.
        max_key_nodes: values inside one tuple or frozenset that serves as a key or set member.
        max_equal_hashes: keys of one container that share a hash and are not text; more of them
            are an attempt to make a dictionary slow.
    """

    max_opcodes: int = 2_000_000
    max_memory: int = 64 * MEBIBYTE
    max_memo: int = 1_000_000
    max_int_bytes: int = 1024
    max_key_nodes: int = 32
    max_equal_hashes: int = 16


DEFAULT_PICKLE_LIMITS: Final = PickleLimits()

CONTAINER_BYTES: Final = 80
"""Upper estimate of an empty list, tuple or dictionary, and of one entry in a dictionary."""

_KEY_BYTES: Final = 256
_ABSENT: Final = object()
_TEXT_KEYS: Final = frozenset({str, bytes})
_SCALAR_KEYS: Final = frozenset({int, float, bool, type(None), str, bytes})
_COMPOUND_KEYS: Final = frozenset({tuple, frozenset})


class PickleMachine:
    """One pickle being read.

    Reading beyond the data, below the stack or below a mark raises IndexError.

    Attributes:
        data: the whole pickle.
        limits: how much it may ask for.
        stack: values not yet put into a container.
        marks: heights of the stack from which a container's items begin.
        memo: values kept to be used again, by number.
    """

    __slots__ = ("_hashes", "_keyed", "_memory", "data", "limits", "marks", "memo", "stack")

    def __init__(self, data: bytes, limits: PickleLimits) -> None:
        self.data = data
        self.limits = limits
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self._memory = 0
        self._hashes: dict[tuple[int, int], int] = {}
        self._keyed: list[Any] = []  # keeps containers alive, so that no id stands for two

    def take(self, start: int, length: int) -> tuple[bytes, int]:
        """Return so many bytes, and where they end; none are copied unless all are there."""
        end = start + length
        if length < 0 or end > len(self.data):
            raise IndexError
        return self.data[start:end], end

    def line(self, at: int) -> tuple[bytes, int]:
        """Return the text up to the end of the line, and where the next one begins."""
        end = self.data.find(b"\n", at)
        if end < 0:
            raise IndexError
        return self.data[at:end], end + 1

    def since_mark(self) -> list[Any]:
        """Take from the stack what was put there since the last mark."""
        mark = self.marks.pop()
        if mark > len(self.stack):
            raise IndexError
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def top(self, kind: type) -> Any:
        """Return the container on top of the stack, which has to be of the kind."""
        container = self.stack[-1]
        if type(container) is not kind:
            raise UnreadablePickleError(f"the pickle fills what is no {kind.__name__}")
        return container

    def charge(self, size: int) -> None:
        """Count bytes that containers take.

        Raises:
            OverLimitError: it has become too many.
        """
        self._memory += size
        if self._memory > self.limits.max_memory:
            raise OverLimitError("more memory than a value may take")

    def put(self, index: int) -> None:
        """Keep the value on top of the stack under a number."""
        if not 0 <= index < self.limits.max_memo:
            raise OverLimitError(f"more than {self.limits.max_memo:,} remembered values")
        missing = index - len(self.memo)
        if missing >= 0:
            self.memo.extend([_ABSENT] * (missing + 1))
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        """Put the value kept under a number on the stack."""
        value = self.memo[index] if index >= 0 else _ABSENT
        if value is _ABSENT:
            raise IndexError
        self.stack.append(value)

    def check_keys(self, container: Any, keys: Iterable[Any]) -> None:
        """Refuse keys whose hashing or comparing could take for ever, or end the process.

        The hash of a tuple is computed anew each time, without a guard against depth, and the
        hashes of numbers and tuples can be chosen to collide, as those of texts cannot.
        """
        for key in keys:
            kind = type(key)
            if kind in _TEXT_KEYS:
                continue
            if kind in _COMPOUND_KEYS:
                self._check_compound_key(key)
            elif kind not in _SCALAR_KEYS:
                raise UnreadablePickleError(f"the pickle uses {kind.__name__} as a key")
            self.charge(_KEY_BYTES)
            place = (id(container), hash(key))
            count = self._hashes.get(place, 0) + 1
            self._hashes[place] = count
            self._keyed.append(container)
            if count > self.limits.max_equal_hashes:
                raise OverLimitError("too many keys with one hash")

    def _check_compound_key(self, key: Any) -> None:
        pending = [key]
        nodes = 0
        while pending:
            for item in pending.pop():
                nodes += 1
                if nodes > self.limits.max_key_nodes:
                    raise OverLimitError("a key is too large")
                if type(item) in _COMPOUND_KEYS:
                    pending.append(item)
                elif type(item) not in _SCALAR_KEYS:
                    raise UnreadablePickleError(
                        f"the pickle uses a {type(item).__name__} inside a key"
                    )


def reject(data: bytes, at: int, stack: list[Any]) -> NoReturn:
    """Refuse the instruction before `at`, naming what it wanted.

    Raises:
        UnsafePickleError: it reaches for code or for objects from elsewhere.
        UnreadablePickleError: there is no such instruction.
        IndexError: the data ends inside it.
    """
    opcode = data[at - 1]
    if opcode in _NAMES_TWO_LINES:
        module, name, *_ = (*data[at : at + 4 * _SHOWN_CHARACTERS].split(b"\n", 2), b"")
        raise UnsafePickleError(_NAMES_TWO_LINES[opcode], _shown(module + b"." + name))
    if opcode in _NAMES_A_LINE:
        line = data[at : at + 4 * _SHOWN_CHARACTERS].partition(b"\n")[0]
        raise UnsafePickleError(_NAMES_A_LINE[opcode], f"the object {_shown(line)}")
    if opcode in _NAMES_THE_STACK_TOP:
        raise UnsafePickleError(_NAMES_THE_STACK_TOP[opcode], f"the object {_shown(stack[-1])}")
    if opcode in _NAMES_TWO_STACK_ITEMS:
        wanted = f"{_shown(stack[-2])}.{_shown(stack[-1])}"
        raise UnsafePickleError(_NAMES_TWO_STACK_ITEMS[opcode], wanted)
    if opcode in _NAMES_A_NUMBER:
        name_of_opcode, width = _NAMES_A_NUMBER[opcode]
        number = int.from_bytes(data[at : at + width], "little")
        raise UnsafePickleError(name_of_opcode, f"the registered extension {number}")
    if opcode in _NAMES_NOTHING:
        raise UnsafePickleError(_NAMES_NOTHING[opcode])
    raise UnreadablePickleError(f"byte {at - 1} is no pickle instruction: 0x{opcode:02x}")


def _shown(value: object) -> str:
    """Write what was named so that it can stand in a sentence: one short printable line."""
    if isinstance(value, bytes):
        text = value[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace")
    elif isinstance(value, str):
        text = value
    else:
        return f"({type(value).__name__})"
    short = text[:_SHOWN_CHARACTERS]
    return "".join(c if c.isprintable() else "?" for c in short) + "…" * (short != text)
