"""What a feed says of itself: where its events come from, and what it could not get."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["history", "live", "off"]


@dataclass(frozen=True)
class Gap:
    """A time in which events may have passed unseen.

    Attributes:
        start: Unix seconds of the last moment known to be complete.
        end: Unix seconds from which on it is complete again.
        missed: how many events, None when nobody counted them.
        filled: whether history brought them later.
    """

    start: float
    end: float
    missed: int | None
    filled: bool


@dataclass(frozen=True)
class FeedStatus:
    """One moment of a feed.

    Attributes:
        mode: history (read from a stream, nothing can be missed), live (what passes while we
            listen) or off (nothing comes).
        stream: name of the stream, empty unless in history mode.
        received: events put into the inbox.
        replayed: those of them that were already stored when the feed came to read.
        last_sequence: the stream's sequence of the newest event read, 0 without a stream.
        lag: events stored and not yet read; 0 in live mode.
        gaps: oldest first, the newest hundred.
        problem: why it is not better than it is, in plain words; empty in history mode.
        caught_up: whether all that was stored has been read; always true in live mode.
    """

    mode: Mode = "off"
    stream: str = ""
    received: int = 0
    replayed: int = 0
    last_sequence: int = 0
    lag: int = 0
    gaps: tuple[Gap, ...] = ()
    problem: str = ""
    caught_up: bool = False
