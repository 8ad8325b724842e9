"""What a live table needs of the rows it shows, and a copy of them that stands still."""

from typing import Generic, Protocol, TypeVar

RowT = TypeVar("RowT")


class RowSource(Protocol[RowT]):
    """Rows by position: `pulse_desktop.state.ring_buffer.RingBuffer`, or a frozen copy of it."""

    @property
    def start(self) -> int:
        """Position of the oldest row."""

    @property
    def stop(self) -> int:
        """Position after the newest row."""

    def __getitem__(self, position: int) -> RowT:
        """Return a row. Raises IndexError when it is not kept."""

    def span(self, start: int, stop: int) -> list[RowT]:
        """Return the rows from start to stop - 1, as far as they are kept."""


class FrozenRows(Generic[RowT]):
    """The rows as they were at one moment, whatever is appended or forgotten after it."""

    def __init__(self, source: RowSource[RowT], end: int) -> None:
        """Keep the rows below the position `end`."""
        self.start = min(source.start, end)
        self.stop = end
        self._kept = source.span(source.start, end)

    def __getitem__(self, position: int) -> RowT:
        """Return a row. Raises IndexError when it was not kept."""
        if not self.start <= position < self.stop:
            raise IndexError(position)
        return self._kept[position - self.start]

    def span(self, start: int, stop: int) -> list[RowT]:
        """Return the rows from start to stop - 1, as far as they were kept."""
        return self._kept[max(start, self.start) - self.start : max(stop, self.start) - self.start]
