"""Where a feed stands, and so where it goes on: the one place that decides what is read again.

Without input or output, so that every turn of a stream's life can be tried out.
"""

from dataclasses import dataclass
from typing import Final

from pulse_desktop.transport.deduplicator import Deduplicator
from pulse_desktop.transport.feed_status import Gap
from pulse_desktop.transport.gap_log import GapLog
from pulse_desktop.transport.ordered_consumer import DeliverPolicy
from pulse_desktop.transport.source_stream import SourceStream

MARGIN: Final = 2.0
"""Seconds by which a live copy may be ahead of its storing, or two clocks apart."""


@dataclass(frozen=True)
class _BlindWindow:
    """The time between the end of one stream and listening.

    Attributes:
        since: Unix seconds when it began, as the gap tells it.
        read_until: Unix seconds when the last event read was stored, 0 if none was.
    """

    since: float
    read_until: float


class ResumePosition:
    """What has been read and heard so far.

    Attributes:
        stream: the last one read; `intake.last` is a sequence of it. None before the first.
        live_since: Unix seconds since which it is listened to instead, None while it is read.
    """

    def __init__(self, intake: Deduplicator, gaps: GapLog) -> None:
        self._intake = intake
        self._gaps = gaps
        self.stream: SourceStream | None = None
        self.live_since: float | None = None
        self._unseen: _BlindWindow | None = None
        self._made_up_for: _BlindWindow | None = None

    def start_in(self, stream: SourceStream, now: float) -> DeliverPolicy | None:
        """Return where to go on in a stream, None when nothing was read or heard yet."""
        intake = self._intake
        if self.stream is not None and self.stream.is_same_as(stream):
            if stream.first > intake.last + 1:
                self._note_expired(stream.first - intake.last - 1, now)
                intake.last = stream.first - 1
            return DeliverPolicy(intake.last + 1)
        if self._made_up_for is not None and self._gaps.blind_since is None:
            intake.expect_again(self.live_since or now)
            return _behind(self._made_up_for.read_until)
        if self.live_since is not None:
            # It appeared while we were away. Our clock and the server's may differ a little.
            moment = (self._gaps.blind_since or now) - MARGIN
            intake.expect_again(moment - MARGIN)
            return DeliverPolicy(since=moment)
        if self.stream is not None:
            return _behind(intake.last_at)
        return None

    def begin_reading(self, stream: SourceStream, before_first: int) -> None:
        """A stream is being read.

        Args:
            stream: which.
            before_first: sequence before the first one that will come.
        """
        if self.stream is None or not self.stream.is_same_as(stream):
            self._intake.last = max(before_first, stream.first - 1)
        if self._made_up_for is not None:
            self._gaps.fill(self._made_up_for.since)
        self.stream = stream
        self.live_since = self._unseen = self._made_up_for = None

    def begin_listening(self, now: float) -> None:
        """Nothing is read any more; what passes by is remembered, to be recognised later."""
        if self.live_since is None:
            self._intake.forget_live()
            self.live_since = now
            since = self._gaps.blind_since
            if self.stream is not None and since is not None:
                self._unseen = _BlindWindow(since, self._intake.last_at)

    def prepare_taking_over(self, stream: SourceStream, now: float) -> bool:
        """Get ready to read a stream while still listening.

        Returns:
            Whether to listen on for a moment first: what the stream holds by now counts as heard,
            and its last live copies may still be under way.
        """
        known = self.stream is not None and self.stream.is_same_as(stream)
        since = self.live_since if self.live_since is not None else now
        if known and self._intake.remembers_live_since(since):
            self._intake.expect_again(since)
            return False
        early = stream.created < since + MARGIN
        self._made_up_for = None
        if self._unseen is not None and early and self._intake.remembers_live_since(since):
            # It took the place of the one that was read before anything was listened to: what came
            # in between is in it, and only there.
            self._made_up_for = self._unseen
            return False
        self.stream = stream
        self._intake.last = stream.last
        self._intake.expect_again(now - MARGIN)
        return True

    def explain_jumps(self, stream: SourceStream, now: float) -> None:
        """Tell messages that expired before they were read from such as were deleted."""
        jumps, self._intake.jumps = self._intake.jumps, []
        missed = sum(
            min(stream.first, came) - expected
            for expected, came in jumps
            if stream.first > expected
        )
        if missed > 0:
            self._note_expired(missed, now)

    def _note_expired(self, missed: int, now: float) -> None:
        since = self._gaps.blind_since or self._intake.last_at
        self._gaps.add(Gap(since, now, missed, filled=False))


def _behind(moment: float) -> DeliverPolicy:
    return DeliverPolicy(since=moment + 1e-6) if moment else DeliverPolicy(1)
