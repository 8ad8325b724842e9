"""Status of a feed: where its messages come from, and the gaps in them."""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from pulse_desktop.text.translation import _

MAX_GAPS: Final = 100

Mode = Literal["history", "live", "off"]


@dataclass(frozen=True)
class Gap:
    """A time in which messages may have been missed.

    Attributes:
        start: Unix seconds of the last moment known to be complete.
        end: Unix seconds from which on the feed is complete again.
        missed: number of messages, None when it is not known.
        filled: whether a stream delivered them later.
        reason: what happened, a sentence without its full stop.
    """

    start: float
    end: float
    missed: int | None
    filled: bool
    reason: str = field(default="", compare=False)


@dataclass(frozen=True)
class Loss:
    """Stored messages that were deleted before a feed had read them.

    Attributes:
        count: about how many.
        start: Unix seconds when the last message before them was stored.
        end: Unix seconds when that was noticed.
        reason: what happened, a sentence without its full stop.
    """

    count: int
    start: float
    end: float
    reason: str


def count_gaps(gaps: Iterable[Gap]) -> tuple[int, int]:
    """Return the numbers of open and of filled gaps; those that overlap, as of two feeds, are one.

    It is open until all of it is filled.
    """
    counts = [0, 0]
    end, filled = -math.inf, True
    for gap in sorted(gaps, key=lambda each: each.start):
        if gap.start >= end:
            counts[filled] += math.isfinite(end)
            end, filled = gap.end, gap.filled
        else:
            end, filled = max(end, gap.end), filled and gap.filled
    counts[filled] += math.isfinite(end)
    return counts[False], counts[True]


@dataclass(frozen=True)
class FeedStatus:
    """Snapshot of a feed.

    Attributes:
        mode: history (read from a stream, which misses nothing), live (a plain subscription) or
            off (nothing is received).
        stream: name of the stream, empty unless in history mode.
        received: messages put into the arrival queue.
        replayed: those of them that were stored before the feed began to read.
        last_sequence: stream sequence of the newest message read, 0 without a stream.
        lag: messages stored and not yet read; 0 in live mode.
        unread: messages that were stored and not read when the last stream ceased to be read; 0
            while one is.
        gaps: oldest first, the newest hundred.
        problem: why the feed does not read a stream; empty in history mode.
        caught_up: whether all stored messages have been read that can be read.
        is_current: the same since the latest connection: False from a loss until what was stored
            meanwhile has been read.
        to_replay: stored messages that are read since the latest connection before the feed is
            current; 0 until their number is known.
        unreadable: whether the server may store messages that cannot be read, or refuses new ones.
        missing: whether no stream stores the subject, so that one could be made.
        older: about how many stored messages are older than what the feed reads, until
            `take_older_pages` is called.
        loss: what was deleted before it was read, None for nothing.
        oldest_at: Unix seconds when the first message that was read had been stored, 0 before it.
    """

    mode: Mode = "off"
    stream: str = ""
    received: int = 0
    replayed: int = 0
    last_sequence: int = 0
    lag: int = 0
    unread: int = 0
    gaps: tuple[Gap, ...] = ()
    problem: str = ""
    caught_up: bool = False
    is_current: bool = False
    to_replay: int = 0
    unreadable: bool = False
    missing: bool = False
    older: int = 0
    oldest_at: float = 0.0
    loss: Loss | None = None


class GapLog:
    """The gaps of one feed.

    Attributes:
        gaps: oldest first, the newest hundred.
        offline_since: Unix seconds since which nothing is received, None while everything is.
    """

    def __init__(self) -> None:
        self.gaps: tuple[Gap, ...] = ()
        self.offline_since: float | None = None
        self._reason = ""

    def disconnected(self, since: float, reason: str = "") -> None:
        """Record that nothing is received since then, unless that has been recorded.

        Args:
            since: Unix seconds.
            reason: what happened, empty for a loss of the connection.
        """
        if self.offline_since is None:
            self._reason = reason or _("the connection was lost")
            self.offline_since = since

    def reconnected(self, now: float, *, missed: int | None, reason: str = "") -> None:
        """Record that everything is received again.

        Args:
            now: Unix seconds.
            missed: messages that a stream kept meanwhile and delivers now; None without a stream.
            reason: what happened meanwhile, empty for what is known already.
        """
        since, self.offline_since = self.offline_since, None
        if since is not None and missed != 0:
            why = reason or self._reason
            self.add(Gap(since, now, missed, filled=missed is not None, reason=why))

    def fill(self, start: float) -> None:
        """Mark the gap that began at `start` as filled: a stream kept its messages."""
        self.gaps = tuple(
            dataclasses.replace(gap, filled=True) if gap.start == start else gap
            for gap in self.gaps
        )

    def add(self, gap: Gap) -> None:
        """Add a gap."""
        self.gaps = (*self.gaps, gap)[-MAX_GAPS:]


class LossLog:
    """The stored messages that were deleted before one feed had read them.

    Attributes:
        loss: all of them as one span, with the latest reason; None for nothing.
    """

    def __init__(self) -> None:
        self.loss: Loss | None = None

    def add(self, count: int, reason: str, *, since: float, now: float) -> None:
        """Add messages that were deleted.

        Args:
            count: about how many; nothing is added if there are none.
            reason: what happened; nothing is added without one.
            since: Unix seconds when the last message before them was stored, 0 for none.
            now: Unix seconds.
        """
        if not (count and reason):
            return
        before = self.loss
        start = before.start if before else since or now
        self.loss = Loss(count + (before.count if before else 0), start, now, reason)
