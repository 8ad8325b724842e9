"""The machine that runs a pickle's instructions: data, a stack with marks, and a memo.

Everything that would take memory or time because a pickle says so is checked here first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from pulse_desktop.protocol.value_limits import (
    MEBIBYTE,
    OverLimitError,
    ValueLimits,
    surrogates_cost,
)

_MAX_NAME_LENGTH: Final = 120

_TWO_LINE_OPCODES: Final = {0x63: "GLOBAL", 0x69: "INST"}
_ONE_LINE_OPCODES: Final = {0x50: "PERSID"}
_STACK_TOP_OPCODES: Final = {0x51: "BINPERSID"}
_TWO_STACK_ITEM_OPCODES: Final = {0x93: "STACK_GLOBAL"}
_EXTENSION_OPCODES: Final = {0x82: ("EXT1", 1), 0x83: ("EXT2", 2), 0x84: ("EXT4", 4)}
_NAMELESS_OPCODES: Final = {
    0x52: "REDUCE",
    0x62: "BUILD",
    0x6F: "OBJ",
    0x81: "NEWOBJ",
    0x92: "NEWOBJ_EX",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}


class UnsafePickleError(Exception):
    """A pickle that needs more than plain data.

    Attributes:
        opcode: the rejected instruction, by its name in `pickletools`.
        wanted: the class, function or object that it refers to, empty for none.
    """

    def __init__(self, opcode: str, wanted: str = "") -> None:
        self.opcode = opcode
        self.wanted = wanted
        what = f"{wanted} ({opcode})" if wanted else opcode
        super().__init__(f"the pickle asks for {what}, which is not plain data")


class UnreadablePickleError(Exception):
    """A pickle that is malformed or exceeds a limit. `str()` gives the reason."""


@dataclass(frozen=True, slots=True)
class PickleLimits(ValueLimits):
    """Limits for running a pickle, besides those for any value.

    Attributes:
        max_opcodes: number of instructions.
        max_memory: estimated bytes of all containers. Scalars are bounded by `max_bytes`, since
            each is copied out of the pickle once. What is slow to convert or compare counts more.
        max_memo: number of memo slots.
        max_int_bytes: size of one integer; 1024 bytes stay below the number of digits that Python
            converts to text.
        max_key_nodes: values in one tuple or frozenset that is a key or a set member.
        max_equal_hashes: keys of one container, other than strings, with the same hash; more are an
            attack on the dictionary's speed.
    """

    max_opcodes: int = 2_000_000
    max_memory: int = 64 * MEBIBYTE
    max_memo: int = 1_000_000
    max_int_bytes: int = 1024
    max_key_nodes: int = 32
    max_equal_hashes: int = 16


DEFAULT_PICKLE_LIMITS: Final = PickleLimits()

CONTAINER_BYTES: Final = 80
"""Upper estimate for an empty list, tuple or dictionary, and for one dictionary entry."""

_KEY_BYTES: Final = 256
_KEY_NODE_BYTES: Final = 64
_SHORT_KEY: Final = 64
_NAME_CHARACTER_BYTES: Final = 32
_ABSENT: Final = object()
_TEXT_KEYS: Final = frozenset({str, bytes})
_SCALAR_KEYS: Final = frozenset({int, float, bool, type(None), str, bytes})
_COMPOUND_KEYS: Final = frozenset({tuple, frozenset})


class UnreadObject:
    """Stands for an object that a pickle describes, of which nothing but its class is known.

    Attributes:
        name: its class, or the function that would make it.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class PickleMachine:
    """State of one pickle being run.

    Reading beyond the data, below the stack or below a mark raises IndexError.

    Attributes:
        data: the whole pickle.
        limits: limits that apply.
        stack: values not yet added to a container.
        marks: stack heights at which a container's items begin.
        memo: values stored for reuse, by index.
    """

    __slots__ = (
        "_hashes",
        "_keyed",
        "_memory",
        "_names",
        "_number_keys",
        "data",
        "limits",
        "marks",
        "memo",
        "stack",
    )

    def __init__(self, data: bytes, limits: PickleLimits) -> None:
        self.data = data
        self.limits = limits
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self._memory = 0
        self._hashes: dict[tuple[int, int], int] = {}
        self._keyed: list[Any] = []  # keeps containers alive, so that no id is reused
        self._number_keys: dict[int, int] = {}
        self._names: dict[str | bytes, str] = {}

    def take(self, start: int, length: int) -> tuple[bytes, int]:
        """Return `length` bytes and the position after them. Copies nothing if data is missing."""
        end = start + length
        if length < 0 or end > len(self.data):
            raise IndexError
        return self.data[start:end], end

    def line(self, at: int) -> tuple[bytes, int]:
        """Return the text up to the end of the line and the start of the next line."""
        end = self.data.find(b"\n", at)
        if end < 0:
            raise IndexError
        return self.data[at:end], end + 1

    def text(self, raw: bytes) -> str:
        """Decode UTF-8, in which pickles hold surrogates too."""
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.charge(surrogates_cost(raw))
            return raw.decode("utf-8", "surrogatepass")

    def name(self, value: object) -> str:
        """Return a name as one short printable line."""
        if not isinstance(value, str | bytes):
            return printable(value)
        start = value[: 4 * _MAX_NAME_LENGTH]
        name = self._names.get(start)
        if name is None:
            name = self._names[start] = printable(value)
            self.charge(_NAME_CHARACTER_BYTES * len(name))
        return name

    def since_mark(self) -> list[Any]:
        """Pop and return the items pushed since the last mark."""
        mark = self.marks.pop()
        if mark > len(self.stack):
            raise IndexError
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def top(self, kind: type) -> Any:
        """Return the container on top of the stack, which must be of a type."""
        container = self.stack[-1]
        if type(container) is UnreadObject:
            return kind()  # its contents are dropped
        if type(container) is not kind:
            raise UnreadablePickleError(f"the pickle fills what is no {kind.__name__}")
        return container

    def charge(self, size: int) -> None:
        """Count bytes that containers use.

        Raises:
            OverLimitError: the limit is exceeded.
        """
        self._memory += size
        if self._memory > self.limits.max_memory:
            raise OverLimitError("more memory than a value may take")

    def put(self, index: int) -> None:
        """Store the value on top of the stack in the memo."""
        if not 0 <= index < self.limits.max_memo:
            raise OverLimitError(f"more than {self.limits.max_memo:,} remembered values")
        missing = index - len(self.memo)
        if missing >= 0:
            self.memo.extend([_ABSENT] * (missing + 1))
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        """Push a value from the memo on the stack."""
        value = self.memo[index] if index >= 0 else _ABSENT
        if value is _ABSENT:
            raise IndexError
        self.stack.append(value)

    def check_keys(self, container: Any, keys: Iterable[Any]) -> None:
        """Reject keys whose hashing or comparison could take forever or crash the process.

        The hash of a tuple is recomputed each time, without a guard against depth, and the hashes
        of numbers and tuples can be chosen to collide; those of strings cannot.
        """
        for key in keys:
            kind = type(key)
            if kind in _TEXT_KEYS:
                if len(key) > _SHORT_KEY:  # it is compared with an equal one
                    self.charge(len(key))
                continue
            if kind in _COMPOUND_KEYS:
                self._check_compound_key(key)
            elif kind not in _SCALAR_KEYS:
                raise UnreadablePickleError(f"the pickle uses {kind.__name__} as a key")
            self.charge(_KEY_BYTES)
            number = self._number_keys.get(id(container), 0) + 1
            self.limits.check_number_keys(number)
            self._number_keys[id(container)] = number
            slot = (id(container), hash(key))
            count = self._hashes.get(slot, 0) + 1
            self._hashes[slot] = count
            self._keyed.append(container)
            if count > self.limits.max_equal_hashes:
                raise OverLimitError("too many keys with one hash")

    def _check_compound_key(self, key: Any) -> None:
        pending = [key]
        nodes = 0
        while pending:
            for item in pending.pop():
                nodes += 1
                if type(item) in _COMPOUND_KEYS:
                    pending.append(item)
                elif type(item) in _TEXT_KEYS:
                    self.charge(len(item))
                elif type(item) is int:
                    nodes += item.bit_length() >> 6
                elif type(item) not in _SCALAR_KEYS:
                    raise UnreadablePickleError(
                        f"the pickle uses a {type(item).__name__} inside a key"
                    )
                if nodes > self.limits.max_key_nodes:
                    raise OverLimitError("a key is too large")
        self.charge(_KEY_NODE_BYTES * nodes)


def reject(data: bytes, at: int, stack: list[Any]) -> NoReturn:
    """Reject the instruction before `at`, naming what it refers to.

    Raises:
        UnsafePickleError: it refers to code or to external objects.
        UnreadablePickleError: there is no such instruction.
        IndexError: the data ends inside it.
    """
    opcode = data[at - 1]
    if opcode in _TWO_LINE_OPCODES:
        module, name, *_ = (*data[at : at + 4 * _MAX_NAME_LENGTH].split(b"\n", 2), b"")
        raise UnsafePickleError(_TWO_LINE_OPCODES[opcode], printable(module + b"." + name))
    if opcode in _ONE_LINE_OPCODES:
        line = data[at : at + 4 * _MAX_NAME_LENGTH].partition(b"\n")[0]
        raise UnsafePickleError(_ONE_LINE_OPCODES[opcode], f"the object {printable(line)}")
    if opcode in _STACK_TOP_OPCODES:
        raise UnsafePickleError(_STACK_TOP_OPCODES[opcode], f"the object {printable(stack[-1])}")
    if opcode in _TWO_STACK_ITEM_OPCODES:
        wanted = f"{printable(stack[-2])}.{printable(stack[-1])}"
        raise UnsafePickleError(_TWO_STACK_ITEM_OPCODES[opcode], wanted)
    if opcode in _EXTENSION_OPCODES:
        name_of_opcode, width = _EXTENSION_OPCODES[opcode]
        number = int.from_bytes(data[at : at + width], "little")
        raise UnsafePickleError(name_of_opcode, f"the registered extension {number}")
    if opcode in _NAMELESS_OPCODES:
        raise UnsafePickleError(_NAMELESS_OPCODES[opcode])
    raise UnreadablePickleError(f"byte {at - 1} is no pickle instruction: 0x{opcode:02x}")


def printable(value: object) -> str:
    """Return a name from a pickle as one short printable line."""
    if isinstance(value, bytes):
        text = value[: 4 * _MAX_NAME_LENGTH].decode("utf-8", "replace")
    elif isinstance(value, str):
        text = value
    else:
        return f"({type(value).__name__})"
    short = text[:_MAX_NAME_LENGTH]
    if not short.isprintable():
        short = "".join(c if c.isprintable() else "?" for c in short)
    return short + "…" * (len(text) > _MAX_NAME_LENGTH)
