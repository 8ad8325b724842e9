"""How far a filter has been applied to the rows of a table, in slices from the newest row on."""

from enum import Enum, auto

import numpy as np

from pulse_desktop.ui.rows.positions import Positions


class FilterStep(Enum):
    """What is to be done next to show what a filter accepts."""

    SEARCHING = auto()
    """older rows have not been filtered yet"""
    SHOWING = auto()
    """all rows are filtered, and some that match are not shown yet"""
    CHECKING = auto()
    """what is shown was found by a former filter, or missed changes"""
    DONE = auto()


class FilterProgress:
    """The progress of a filter.

    Attributes:
        filtered_to: position from which on to the newest row it has been applied.
        checked_to: position from which on what is shown is right.
        is_unsorted: whether rows of a sorted table were found that are not in their places yet.
    """

    def __init__(self, start: int) -> None:
        """Begin without anything to do.

        Args:
            start: position of the oldest row.
        """
        self.filtered_to = self.checked_to = start
        self.is_unsorted = False
        self._unshown: list[Positions] = []  # oldest last

    def next_step(self, start: int, *, is_filtered: bool) -> FilterStep:
        """Return what is to be done next.

        Args:
            start: position of the oldest row.
            is_filtered: whether there is a filter.
        """
        if is_filtered and self.filtered_to > start:
            return FilterStep.SEARCHING
        if self._unshown:
            return FilterStep.SHOWING
        if is_filtered and self.checked_to > start:
            return FilterStep.CHECKING
        return FilterStep.DONE

    def restart(self, start: int, filtered_to: int) -> None:
        """Begin anew: a filter has been applied from a position on to the newest row.

        Args:
            start: position of the oldest row.
            filtered_to: that position; `start` if it has been applied to all rows.
        """
        self.filtered_to, self.checked_to = filtered_to, start

    def forget_found(self) -> None:
        """Forget what was found but is not shown, or not in its place: the table is made anew."""
        self._unshown.clear()
        self.is_unsorted = False

    def reach_down(self, former_start: int, start: int) -> None:
        """Follow the oldest row of a table: older ones than before are to be filtered.

        Args:
            former_start: its position before.
            start: its position.
        """
        if self.checked_to <= former_start:
            self.checked_to = start
        self.filtered_to = max(self.filtered_to, start)

    def keep(self, found: Positions) -> None:
        """Keep older rows that were found to match until they are shown."""
        if len(found):
            self._unshown.append(found)

    def take_unshown(self) -> Positions | None:
        """Return the rows that are to be shown, in ascending order; None if there are none."""
        if not self._unshown:
            return None
        together = np.concatenate(self._unshown[::-1])
        self._unshown.clear()
        return together
