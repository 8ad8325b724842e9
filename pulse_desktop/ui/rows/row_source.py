"""The rows of a live table: the protocol it reads them by."""

from typing import Protocol, TypeVar

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

    def snapshot(self, stop: int) -> "RowSource[RowT]":
        """Return the present rows below a position; later changes do not affect them."""
