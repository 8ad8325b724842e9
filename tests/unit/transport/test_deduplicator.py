"""Each event once, whichever way it came."""

from pulse_desktop.protocol.inbound import Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.deduplicator import Deduplicator


def make_deduplicator(capacity: int = 100) -> tuple[Deduplicator, ArrivalQueue]:
    queue = ArrivalQueue(capacity)
    return Deduplicator(queue, Source.EVENT, lambda: 50.0), queue


def test_what_passed_live_is_recognised_once_when_the_stream_brings_it() -> None:
    deduplicator, queue = make_deduplicator()
    for payload in (b"a", b"a", b"b"):
        deduplicator.accept_live("s", payload)
    deduplicator.begin_dedup(49.0)
    for sequence, payload in enumerate([b"a", b"b", b"a", b"a"], start=1):
        assert deduplicator.accept_stored("s", payload, 51.0, sequence)
    assert [item.payload for item in queue.take(9)] == [b"a", b"a", b"b", b"a"]
    assert (deduplicator.last, deduplicator.received) == (4, 4)


def test_the_same_words_on_another_subject_are_another_event() -> None:
    deduplicator, queue = make_deduplicator()
    deduplicator.accept_live("s", b"a")
    deduplicator.begin_dedup(0.0)
    deduplicator.accept_stored("other", b"a", 51.0, 1)
    assert len(queue) == 2


def test_without_room_an_event_stays_in_the_stream_and_is_not_dropped() -> None:
    deduplicator, queue = make_deduplicator(capacity=1)
    assert deduplicator.accept_stored("s", b"a", 1.0, 1)
    assert not deduplicator.accept_stored("s", b"b", 1.0, 2)
    assert (queue.dropped, deduplicator.last, deduplicator.received) == (0, 1, 1)
    deduplicator.accept_live("s", b"c")
    assert queue.dropped == 1


def test_jumps_in_the_numbering_are_kept_for_an_explanation() -> None:
    deduplicator, _ = make_deduplicator()
    for sequence in (1, 2, 7, 8):
        deduplicator.accept_stored("s", b"", 1.0, sequence)
    assert deduplicator.sequence_gaps == [(3, 7)]
