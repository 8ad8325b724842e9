"""What a pickle's instructions work on: the data, a stack with marks, and a memo.

Everything that takes memory or time on a pickle's word is checked here, before it is done.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pulse_desktop.protocol.pickle_errors import UnreadablePickleError
from pulse_desktop.protocol.value_limits import MEBIBYTE, OverLimitError, ValueLimits


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
