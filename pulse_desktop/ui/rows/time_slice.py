"""Limits how long one step of a long pass over rows takes, between two events of the window."""

import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from pulse_desktop.ui.rows.row_source import RowSource

RowT = TypeVar("RowT")

SLICE_S: Final = 0.008
"""Half a frame at 60 Hz. Rows are of any size, so that their number limits no time."""

CHANGES_S: Final = 0.025
"""The same for the rows that change in a frame, which nearly always are few and small."""

_CHUNK: Final = 128
"""Rows that are taken from their source in one go."""


class TimeSlice:
    """The processor time that a step may take.

    What other programs take of the processor does not count: a step would do nothing on a busy
    machine.
    """

    def __init__(
        self, seconds: float | None = None, clock: Callable[[], float] = time.thread_time
    ) -> None:
        """Begin now.

        Args:
            seconds: how long the step may take, `SLICE_S` by default.
            clock: seconds of processor time.
        """
        self._clock = clock
        self._end = clock() + (SLICE_S if seconds is None else seconds)

    @property
    def is_over(self) -> bool:
        """Whether the step should end."""
        return self._clock() >= self._end

    def newest_first(
        self, source: RowSource[RowT], start: int, stop: int
    ) -> Iterator[tuple[int, RowT]]:
        """Yield positions and rows from `stop` - 1 down to `start`, at least one, until time is up.

        Args:
            source: the rows.
            start: position of the oldest row.
            stop: position after the newest one.
        """
        while stop > start:
            low = max(stop - _CHUNK, start)
            rows = source.span(low, stop)
            for position in range(stop - 1, low - 1, -1):
                yield position, rows[position - low]
                if self.is_over:
                    return
            stop = low
