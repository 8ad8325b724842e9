"""Values of which many rows hold equal copies: each is kept once."""

from typing import Final, TypeVar

_Value = TypeVar("_Value", str, bytes)

_MAX_LENGTH: Final = 16 << 10


class InternedValues(dict[_Value, _Value]):
    """Texts that senders repeat: `interned[value]` is an equal value, the same for all rows.

    It is bounded: full of values that did not repeat, it starts anew.
    """

    def __init__(self, max_values: int = 4_096) -> None:
        """Create an empty table for so many values."""
        super().__init__()
        self._max_values = max_values

    def __missing__(self, value: _Value) -> _Value:
        if len(value) > _MAX_LENGTH:
            return value
        if len(self) >= self._max_values:
            self.clear()
        self[value] = value
        return value


INTERNED_TEXT: Final[InternedValues[str]] = InternedValues()
"""Names of tasks and workers, types of exceptions."""
INTERNED_LABELS: Final[InternedValues[bytes]] = InternedValues()
"""Labels of tasks and their types, as JSON."""
INTERNED_TRACEBACKS: Final[InternedValues[str]] = InternedValues(500)
