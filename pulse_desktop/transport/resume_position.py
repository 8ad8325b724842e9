"""Resume position of a feed: which message of a stream is read next.

The one place that decides what is read again. It does no I/O, so that every change of a stream can
be tested.
"""

from dataclasses import dataclass
from typing import Final

from pulse_desktop.text.translation import _
from pulse_desktop.transport.deduplicator import Deduplicator
from pulse_desktop.transport.feed_status import Gap, GapLog
from pulse_desktop.transport.ordered_consumer import DeliverPolicy
from pulse_desktop.transport.source_stream import SourceStream

CLOCK_MARGIN_S: Final = 2.0
"""How much earlier a live copy can be than its storing, or one clock than the other."""


@dataclass(frozen=True)
class _BlindWindow:
    """The time between the end of one stream and the start of a live subscription.

    Attributes:
        since: Unix seconds when it began, as in the gap.
        read_until: Unix seconds when the last message read was stored, 0 if none was.
    """

    since: float
    read_until: float


class ResumePosition:
    """Progress of a feed: what was read from a stream and received live so far.

    Attributes:
        stream: the last one read; the deduplicator's `last` is a sequence of it. None at first.
        live_since: Unix seconds since which messages are received live instead, None while the
            stream is read.
        covers_gap: whether the stream has all messages since the connection was lost: it is the
            one that was read before, or was there by then.
    """

    def __init__(self, deduplicator: Deduplicator, gaps: GapLog) -> None:
        self._deduplicator = deduplicator
        self._gaps = gaps
        self.stream: SourceStream | None = None
        self.live_since: float | None = None
        self.covers_gap = True
        self._blind: _BlindWindow | None = None
        self._backfill: _BlindWindow | None = None
        self._unreadable = False
        self._subscribed_at = 0.0

    def start_in(self, stream: SourceStream, now: float) -> DeliverPolicy | None:
        """Return where to start in a stream, None when nothing was read or received yet."""
        deduplicator = self._deduplicator
        if self.stream is not None and self.stream.is_same_as(stream):
            if stream.first > deduplicator.last + 1:
                self._add_expired(stream.first - deduplicator.last - 1, now)
                deduplicator.last = stream.first - 1
            return DeliverPolicy(deduplicator.last + 1)
        if self._is_unread():
            deduplicator.begin_dedup(self.live_since or now)
            return None
        if self._backfill is not None and self._gaps.offline_since is None:
            deduplicator.begin_dedup(self.live_since or now)
            return _after(self._backfill.read_until)
        if self.live_since is not None:
            # It was created while the feed was offline. The two clocks may differ a little.
            moment = (self._gaps.offline_since or now) - CLOCK_MARGIN_S
            deduplicator.begin_dedup(moment - CLOCK_MARGIN_S)
            return DeliverPolicy(since=moment)
        if self.stream is not None:
            return _after(deduplicator.last_at)
        return None

    def begin_reading(self, stream: SourceStream, before_first: int) -> None:
        """Record that a stream is read from now on.

        Args:
            stream: which.
            before_first: sequence before the first message that will arrive.
        """
        offline_since = self._gaps.offline_since
        is_other = self.stream is None or not self.stream.is_same_as(stream)
        self.covers_gap = (
            self.stream is None
            or not is_other
            or offline_since is None
            or _was_there(stream, offline_since)
        )
        if is_other:
            self._deduplicator.last = max(before_first, stream.first - 1)
        if self._backfill is not None and _was_there(stream, self._backfill.since):
            self._gaps.fill(self._backfill.since)
        self.stream = stream
        self.live_since = self._blind = self._backfill = None

    def begin_listening(self, now: float, *, unreadable: bool = False) -> None:
        """Record that messages are received live from now on.

        Args:
            now: Unix seconds.
            unreadable: whether a stream may exist that cannot be read.
        """
        if self.live_since is None:
            self._unreadable = unreadable
            self._deduplicator.clear_recent()
            self.live_since = now
            since = self._gaps.offline_since
            if self.stream is not None and since is not None:
                self._blind = _BlindWindow(since, self._deduplicator.last_at)

    def record_subscription(self, now: float) -> None:
        """Record that the server has registered the live subscription (`now` in Unix seconds)."""
        self._subscribed_at = now

    def prepare_switch(self, stream: SourceStream, now: float) -> bool:
        """Prepare to read a stream while the live subscription is still active.

        Returns:
            Whether to keep listening for a moment first: what the stream holds by now counts as
            received, and the last live copies may still be under way.
        """
        known = self.stream is not None and self.stream.is_same_as(stream)
        since = self.live_since if self.live_since is not None else now
        if known and self._deduplicator.has_recent_since(since):
            self._deduplicator.begin_dedup(since)
            return False
        if self._is_unread():
            return False
        blind = self._blind
        if blind is None and stream.created >= since - CLOCK_MARGIN_S:
            blind = _BlindWindow(since, since - CLOCK_MARGIN_S)
        early = stream.created < max(since, self._subscribed_at) + CLOCK_MARGIN_S
        self._backfill = None
        if blind is not None and early and self._deduplicator.has_recent_since(since):
            # Messages of the time before the live subscription started are stored in it, and only
            # there: it replaced the stream that was read before, or did not exist when the feed
            # looked for one.
            self._backfill = blind
            return False
        self.stream = stream
        self._deduplicator.last = stream.last
        self._deduplicator.begin_dedup(now - CLOCK_MARGIN_S)
        return True

    def classify_gaps(self, stream: SourceStream, now: float) -> None:
        """Record gaps for messages that expired before they were read; deleted ones are none."""
        gaps, self._deduplicator.sequence_gaps = self._deduplicator.sequence_gaps, []
        missed = sum(
            min(stream.first, received) - expected
            for expected, received in gaps
            if stream.first > expected
        )
        if missed > 0:
            self._add_expired(missed, now)

    def _is_unread(self) -> bool:
        """Whether no stream could be read until now, though there may have been one.

        Its history is wanted then, such as when a permission was granted later.
        """
        since = self.live_since
        return (
            self._unreadable
            and self.stream is None
            and since is not None
            and self._deduplicator.has_recent_since(since)
        )

    def _add_expired(self, missed: int, now: float) -> None:
        since = self._gaps.offline_since or self._deduplicator.last_at
        self._gaps.add(
            Gap(
                since,
                now,
                missed,
                filled=False,
                reason=_("messages were removed before they were read"),
            )
        )


def _was_there(stream: SourceStream, since: float) -> bool:
    """Return whether a stream existed by a time; clocks may differ by `CLOCK_MARGIN_S`."""
    return stream.created <= since + CLOCK_MARGIN_S


def _after(moment: float) -> DeliverPolicy:
    return DeliverPolicy(since=moment + 1e-6) if moment else DeliverPolicy(1)
