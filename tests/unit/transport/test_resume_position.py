"""Where a feed goes on after every turn a stream can take."""

import pytest

from pulse_desktop.protocol.inbound import Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.deduplicator import Deduplicator
from pulse_desktop.transport.feed_status import GapLog
from pulse_desktop.transport.ordered_consumer import DeliverPolicy
from pulse_desktop.transport.resume_position import CLOCK_MARGIN_S, ResumePosition
from pulse_desktop.transport.source_stream import SourceStream

NOW = 1000.0


class Feeding:
    def __init__(self) -> None:
        self.queue = ArrivalQueue(100)
        self.gaps = GapLog(lambda: None)
        self.deduplicator = Deduplicator(self.queue, Source.EVENT, lambda: NOW)
        self.position = ResumePosition(self.deduplicator, self.gaps)

    def read(self, stream: SourceStream, *sequences: int) -> None:
        self.position.begin_reading(stream, stream.first - 1)
        for sequence in sequences:
            self.deduplicator.accept_stored("s", str(sequence).encode(), 900.0 + sequence, sequence)


@pytest.fixture
def feeding() -> Feeding:
    return Feeding()


def stream(first: int = 1, last: int = 0, created: float = 1.0, name: str = "E") -> SourceStream:
    return SourceStream(name, created, first, last)


def test_before_anything_was_read_the_caller_decides(feeding: Feeding) -> None:
    assert feeding.position.start_in(stream(), NOW) is None


def test_the_same_stream_goes_on_behind_what_was_read(feeding: Feeding) -> None:
    feeding.read(stream(), 1, 2, 3)
    assert feeding.position.start_in(stream(last=9), NOW) == DeliverPolicy(4)
    assert feeding.gaps.gaps == ()


def test_what_expired_before_it_was_read_is_a_gap_told_once(feeding: Feeding) -> None:
    feeding.read(stream(), 1, 2, 3)
    for _ in range(2):
        assert feeding.position.start_in(stream(first=10, last=20), NOW) == DeliverPolicy(10)
    (gap,) = feeding.gaps.gaps
    assert (gap.missed, gap.filled, gap.start, gap.end) == (6, False, 903.0, NOW)


def test_another_stream_of_the_same_name_is_read_from_where_the_first_ended(
    feeding: Feeding,
) -> None:
    feeding.read(stream(), 1, 2, 3)
    start = feeding.position.start_in(stream(created=2.0), NOW)
    assert start.since == pytest.approx(903.0, abs=1e-3)
    assert start.since > 903.0


def test_a_replaced_stream_of_which_nothing_was_read_is_read_whole(feeding: Feeding) -> None:
    feeding.read(stream())
    assert feeding.position.start_in(stream(created=2.0), NOW) == DeliverPolicy(1)


def test_a_stream_found_after_being_away_is_read_from_where_sight_was_lost(
    feeding: Feeding,
) -> None:
    feeding.position.begin_listening(NOW)
    feeding.gaps.disconnected(950.0)
    assert feeding.position.start_in(stream(last=9), NOW) == DeliverPolicy(
        since=950.0 - CLOCK_MARGIN_S
    )


def test_a_new_stream_is_taken_over_behind_what_was_heard(feeding: Feeding) -> None:
    feeding.position.begin_listening(NOW)
    feeding.deduplicator.accept_live("s", b"8")
    assert feeding.position.prepare_switch(stream(last=7), NOW)
    assert feeding.position.start_in(stream(last=7), NOW) == DeliverPolicy(8)
    feeding.read(stream(last=7), 8, 9)
    assert [item.payload for item in feeding.queue.take(9)] == [b"8", b"9"]


def test_a_stream_that_answers_again_is_read_on_without_repeating_what_was_heard(
    feeding: Feeding,
) -> None:
    feeding.read(stream(), 1, 2)
    feeding.position.begin_listening(NOW)
    feeding.deduplicator.accept_live("s", b"4")
    assert not feeding.position.prepare_switch(stream(last=4), NOW)
    assert feeding.position.start_in(stream(last=4), NOW) == DeliverPolicy(3)
    feeding.read(stream(last=4), 3, 4)
    assert [item.payload for item in feeding.queue.take(9)] == [b"1", b"2", b"4", b"3"]


def test_what_a_replacing_stream_took_before_anybody_listened_is_read_from_it(
    feeding: Feeding,
) -> None:
    feeding.read(stream(), 1, 2, 3)
    feeding.gaps.disconnected(950.0)
    feeding.position.begin_listening(NOW)
    feeding.gaps.reconnected(NOW, missed=None)
    feeding.deduplicator.accept_live("s", b"2")
    replacing = stream(last=2, created=949.0)
    assert not feeding.position.prepare_switch(replacing, NOW)
    start = feeding.position.start_in(replacing, NOW)
    assert start.since == pytest.approx(903.0, abs=1e-3)
    feeding.position.begin_reading(replacing, 0)
    for sequence, payload in ((1, b"1"), (2, b"2"), (3, b"3")):
        feeding.deduplicator.accept_stored("s", payload, NOW, sequence)
    assert [item.payload for item in feeding.queue.take(9)] == [b"1", b"2", b"3", b"2", b"1", b"3"]
    (gap,) = feeding.gaps.gaps
    assert gap.filled


def test_a_stream_made_after_listening_began_holds_nothing_unheard(feeding: Feeding) -> None:
    feeding.read(stream(), 1)
    feeding.gaps.disconnected(950.0)
    feeding.position.begin_listening(NOW)
    feeding.gaps.reconnected(NOW, missed=None)
    assert feeding.position.prepare_switch(stream(created=NOW + 10, last=5), NOW + 20)
    (gap,) = feeding.gaps.gaps
    assert not gap.filled


def test_deleted_messages_are_no_gap_and_expired_ones_are(feeding: Feeding) -> None:
    feeding.read(stream(), 1, 5, 20)
    feeding.position.classify_gaps(stream(first=1, last=20), NOW)
    assert feeding.gaps.gaps == ()
    feeding.read(stream(), 30)
    feeding.position.classify_gaps(stream(first=25, last=30), NOW)
    assert [gap.missed for gap in feeding.gaps.gaps] == [4]
