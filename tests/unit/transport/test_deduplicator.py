"""Each message enters the queue once, live or from a stream."""

from pulse_desktop.protocol.inbound import Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.deduplicator import Deduplicator
from tests.kit.arrivals import take_messages


def make_deduplicator(capacity: int = 100) -> tuple[Deduplicator, ArrivalQueue]:
    queue = ArrivalQueue(capacity)
    return Deduplicator(queue, Source.EVENT, lambda: 50.0), queue


def test_a_live_message_is_recognized_once_when_the_stream_delivers_it() -> None:
    deduplicator, queue = make_deduplicator()
    for payload in (b"a", b"a", b"b"):
        deduplicator.accept_live("s", payload)
    deduplicator.begin_dedup(49.0)
    for sequence, payload in enumerate([b"a", b"b", b"a", b"a"], start=1):
        assert deduplicator.accept_stored("s", payload, 51.0, sequence)
    assert [each.payload for each in take_messages(queue)] == [b"a", b"a", b"b", b"a"]
    assert (deduplicator.last, deduplicator.received) == (4, 4)


def test_the_same_payload_on_another_subject_is_another_message() -> None:
    deduplicator, queue = make_deduplicator()
    deduplicator.accept_live("s", b"a")
    deduplicator.begin_dedup(0.0)
    deduplicator.accept_stored("other", b"a", 51.0, 1)
    assert len(queue) == 2


def test_stored_copies_are_accepted_again_once_deduplication_has_ended() -> None:
    deduplicator, queue = make_deduplicator()
    deduplicator.accept_live("s", b"a")
    deduplicator.begin_dedup(0.0)
    deduplicator.end_dedup()
    deduplicator.accept_stored("s", b"a", 51.0, 1)
    assert len(queue) == 2


def test_without_room_a_stored_message_stays_in_the_stream_and_is_not_dropped() -> None:
    deduplicator, queue = make_deduplicator(capacity=1)
    assert deduplicator.accept_stored("s", b"a", 1.0, 1)
    assert not deduplicator.accept_stored("s", b"b", 1.0, 2)
    assert (queue.dropped, deduplicator.last, deduplicator.received) == (0, 1, 1)
    deduplicator.accept_live("s", b"c")
    assert queue.dropped == 1


def test_gaps_in_the_sequence_are_recorded() -> None:
    deduplicator, _queue = make_deduplicator()
    for sequence in (1, 2, 7, 8):
        deduplicator.accept_stored("s", b"", 1.0, sequence)
    assert deduplicator.sequence_gaps == [(3, 7)]
