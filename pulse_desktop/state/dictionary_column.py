"""Dictionary-encoded columns: a field of all rows as one byte each, beside the rows.

A filter looks at a byte per row instead of at the row, all of them at once. The rows of a table
have few states, tasks, workers and topics; should there be more of one than codes, the others share
one code, and only these rows have to be looked at.
"""

from collections.abc import Sequence

from pulse_desktop.state.code_table import CodeTable


class DictionaryColumn:
    """The dictionary-encoded values of one field, by position as in a `RingBuffer`."""

    def __init__(self, capacity: int) -> None:
        """Create a column without values.

        Args:
            capacity: maximum number of rows.
        """
        self._table = CodeTable()
        self._ring = bytearray(capacity)

    @property
    def values(self) -> Sequence[str]:
        """The values by code, in the order in which they were first seen."""
        return self._table.by_code

    def set(self, position: int, value: str) -> None:
        """Set the value of the row at a position."""
        ring = self._ring
        ring[position % len(ring)] = self._table[value]

    def codes(self, start: int, stop: int) -> bytes:
        """Return the codes of the rows at positions `start` to `stop` - 1, which have to exist."""
        ring = self._ring
        begin, end = start % len(ring), (stop - 1) % len(ring) + 1
        if stop <= start:
            return b""
        return bytes(ring[begin:end] if begin < end else ring[begin:] + ring[:end])

    def counts(self, start: int, stop: int) -> dict[str, int]:
        """Return the number of rows with each value, without those that have no code."""
        codes = self.codes(start, stop)
        counted = {value: codes.count(code) for code, value in enumerate(self.values)}
        return {value: count for value, count in counted.items() if count}


class DictionaryColumns:
    """The dictionary columns of a collection, by name."""

    def __init__(self, capacity: int, names: Sequence[str]) -> None:
        """Create columns without values.

        Args:
            capacity: maximum number of rows.
            names: of the columns.
        """
        self.by_name = {name: DictionaryColumn(capacity) for name in names}

    @property
    def payloads(self) -> None:
        """None: the rows are not searched in this way."""

    def column(self, name: str) -> DictionaryColumn | None:
        """Return a column, None if there is none of this name."""
        return self.by_name.get(name)
