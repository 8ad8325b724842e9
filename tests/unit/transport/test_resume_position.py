"""A feed resumes at the right position after every change of a stream."""

import pytest

from pulse_desktop.protocol.inbound import Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.deduplicator import Deduplicator
from pulse_desktop.transport.feed_status import GapLog
from pulse_desktop.transport.ordered_consumer import DeliverPolicy
from pulse_desktop.transport.resume_position import CLOCK_MARGIN_S, ResumePosition
from pulse_desktop.transport.source_stream import SourceStream
from tests.kit.arrivals import take_messages

NOW = 1000.0


class Feed:
    """The parts of a feed that decide where it resumes."""

    def __init__(self) -> None:
        self.queue = ArrivalQueue(100)
        self.gaps = GapLog()
        self.deduplicator = Deduplicator(self.queue, Source.EVENT, lambda: NOW)
        self.position = ResumePosition(self.deduplicator, self.gaps)

    def read(self, stream: SourceStream, *sequences: int) -> None:
        """Read messages that contain their sequence, stored 900 s plus their sequence."""
        self.position.begin_reading(stream, stream.first - 1)
        for sequence in sequences:
            self.deduplicator.accept_stored("s", str(sequence).encode(), 900.0 + sequence, sequence)

    def missed(self) -> list[int | None]:
        return [gap.missed for gap in self.gaps.gaps]

    def payloads(self) -> list[bytes]:
        return [each.payload for each in take_messages(self.queue)]


@pytest.fixture
def feed() -> Feed:
    return Feed()


def stream(first: int = 1, last: int = 0, created: float = 1.0, name: str = "E") -> SourceStream:
    return SourceStream(name, created, first, last)


def started_after(start: DeliverPolicy | None, moment: float) -> bool:
    assert start is not None
    assert start.since is not None
    return moment < start.since < moment + 1e-3


def test_a_new_position_leaves_the_start_to_the_caller(feed: Feed) -> None:
    assert feed.position.start_in(stream(), NOW) is None


def test_the_same_stream_is_resumed_after_the_last_message_read(feed: Feed) -> None:
    feed.read(stream(), 1, 2, 3)
    assert feed.position.start_in(stream(last=9), NOW) == DeliverPolicy(4)
    assert feed.gaps.gaps == ()


def test_messages_that_expired_unread_are_recorded_as_one_gap(feed: Feed) -> None:
    feed.read(stream(), 1, 2, 3)
    for _attempt in range(2):
        start = feed.position.start_in(stream(first=10, last=20), NOW)
        assert start == DeliverPolicy(10)
    (gap,) = feed.gaps.gaps
    assert (gap.missed, gap.filled, gap.start, gap.end) == (6, False, 903.0, NOW)


def test_a_recreated_stream_is_read_from_the_time_of_the_last_message(feed: Feed) -> None:
    feed.read(stream(), 1, 2, 3)
    assert started_after(feed.position.start_in(stream(created=2.0), NOW), 903.0)


def test_a_replaced_stream_of_which_nothing_was_read_is_read_completely(feed: Feed) -> None:
    feed.read(stream())
    assert feed.position.start_in(stream(created=2.0), NOW) == DeliverPolicy(1)


def test_a_stream_created_while_offline_is_read_from_the_disconnection(feed: Feed) -> None:
    feed.position.begin_listening(NOW)
    feed.gaps.disconnected(950.0)
    start = feed.position.start_in(stream(last=9), NOW)
    assert start == DeliverPolicy(since=950.0 - CLOCK_MARGIN_S)


def test_a_new_stream_is_read_after_the_messages_received_live(feed: Feed) -> None:
    feed.position.begin_listening(NOW)
    feed.deduplicator.accept_live("s", b"8")
    assert feed.position.prepare_switch(stream(last=7), NOW)
    assert feed.position.start_in(stream(last=7), NOW) == DeliverPolicy(8)
    feed.read(stream(last=7), 8, 9)
    assert feed.payloads() == [b"8", b"9"]


def test_a_stream_that_responds_again_is_resumed_without_duplicates(feed: Feed) -> None:
    feed.read(stream(), 1, 2)
    feed.position.begin_listening(NOW)
    feed.deduplicator.accept_live("s", b"4")
    assert not feed.position.prepare_switch(stream(last=4), NOW)
    assert feed.position.start_in(stream(last=4), NOW) == DeliverPolicy(3)
    feed.read(stream(last=4), 3, 4)
    assert feed.payloads() == [b"1", b"2", b"4", b"3"]


def test_messages_stored_by_a_replacement_before_the_subscription_are_read_from_it(
    feed: Feed,
) -> None:
    feed.read(stream(), 1, 2, 3)
    feed.gaps.disconnected(950.0)
    feed.position.begin_listening(NOW)
    feed.gaps.reconnected(NOW, missed=None)
    feed.deduplicator.accept_live("s", b"2")
    replacement = stream(last=2, created=949.0)
    assert not feed.position.prepare_switch(replacement, NOW)
    assert started_after(feed.position.start_in(replacement, NOW), 903.0)
    feed.position.begin_reading(replacement, 0)
    for sequence, payload in ((1, b"1"), (2, b"2"), (3, b"3")):
        feed.deduplicator.accept_stored("s", payload, NOW, sequence)
    assert feed.payloads() == [b"1", b"2", b"3", b"2", b"1", b"3"]
    (gap,) = feed.gaps.gaps
    assert gap.filled


@pytest.mark.parametrize(("created", "is_filled"), [(949.0, True), (951.0, True), (960.0, False)])
def test_a_stream_made_during_an_outage_does_not_fill_it(
    feed: Feed, created: float, *, is_filled: bool
) -> None:
    feed.read(stream(), 1, 2, 3)
    feed.gaps.disconnected(950.0)
    replacement = stream(last=2, created=created)
    assert feed.position.start_in(replacement, NOW) is not None
    feed.position.begin_reading(replacement, 0)
    assert feed.position.covers_gap is is_filled


def test_a_stream_created_after_the_subscription_fills_no_gap(feed: Feed) -> None:
    feed.read(stream(), 1)
    feed.gaps.disconnected(950.0)
    feed.position.begin_listening(NOW)
    feed.gaps.reconnected(NOW, missed=None)
    assert feed.position.prepare_switch(stream(created=NOW + 10, last=5), NOW + 20)
    (gap,) = feed.gaps.gaps
    assert not gap.filled


def test_expired_messages_are_a_gap_and_deleted_ones_are_not(feed: Feed) -> None:
    feed.read(stream(), 1, 5, 20)
    feed.position.classify_gaps(stream(first=1, last=20), NOW)
    assert feed.missed() == []
    feed.read(stream(), 30)
    feed.position.classify_gaps(stream(first=25, last=30), NOW)
    assert feed.missed() == [4]
