"""The rows of a live table: the protocol it reads them by, and a snapshot of them."""

from typing import Generic, Protocol, TypeVar

RowT = TypeVar("RowT")


class RowSource(Protocol[RowT]):
    """Rows by position: a `RingBuffer` of the state, or a snapshot of it."""

    @property
    def start(self) -> int:
        """Position of the oldest row."""

    @property
    def stop(self) -> int:
        """Position after the newest row."""

    def __getitem__(self, position: int) -> RowT:
        """Return a row. Raises IndexError when it does not exist."""

    def span(self, start: int, stop: int) -> list[RowT]:
        """Return the rows from start to stop - 1, as far as they exist."""


class RowSnapshot(Generic[RowT]):
    """A snapshot of rows; later appends and evictions do not affect it."""

    def __init__(self, source: RowSource[RowT], end: int) -> None:
        """Copy the rows below the position `end`."""
        self.start = min(source.start, end)
        self.stop = end
        self._rows = source.span(source.start, end)

    def __getitem__(self, position: int) -> RowT:
        """Return a row. Raises IndexError when it is not in the snapshot."""
        if not self.start <= position < self.stop:
            raise IndexError(position)
        return self._rows[position - self.start]

    def span(self, start: int, stop: int) -> list[RowT]:
        """Return the rows from start to stop - 1, as far as the snapshot has them."""
        return self._rows[max(start, self.start) - self.start : max(stop, self.start) - self.start]
