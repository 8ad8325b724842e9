"""The times in which events may have passed unseen, so that nothing is missed without a word."""

import dataclasses
from collections.abc import Callable
from typing import Final

from pulse_desktop.transport.feed_status import Gap

MAX_GAPS: Final = 100


class GapLog:
    """Gaps of one feed, and the one that is open now.

    Attributes:
        gaps: oldest first, the newest hundred.
        blind_since: Unix seconds since which nothing is seen, None while everything is.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.gaps: tuple[Gap, ...] = ()
        self.blind_since: float | None = None
        self._on_change = on_change

    def lose_sight(self, since: float) -> None:
        """Nothing is seen since then; an earlier loss of sight counts on."""
        if self.blind_since is None:
            self.blind_since = since

    def see_again(self, now: float, *, missed: int | None) -> None:
        """Everything is seen again.

        Args:
            now: Unix seconds.
            missed: what a stream kept meanwhile and brings now, 0 if nothing; None without one.
        """
        since, self.blind_since = self.blind_since, None
        if since is not None and missed != 0:
            self.add(Gap(since, now, missed, filled=missed is not None))

    def fill(self, start: float) -> None:
        """A stream turned up that kept what passed in the gap that began then."""
        self.gaps = tuple(
            dataclasses.replace(gap, filled=True) if gap.start == start else gap
            for gap in self.gaps
        )
        self._on_change()

    def add(self, gap: Gap) -> None:
        """Record a gap."""
        self.gaps = (*self.gaps, gap)[-MAX_GAPS:]
        self._on_change()
