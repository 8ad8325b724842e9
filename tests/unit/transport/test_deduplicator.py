"""Each event once, whichever way it came."""

from pulse_desktop.protocol.inbound import Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.deduplicator import Deduplicator


def intake_of(capacity: int = 100) -> tuple[Deduplicator, ArrivalQueue]:
    inbox = ArrivalQueue(capacity)
    return Deduplicator(inbox, Source.EVENT, lambda: 50.0), inbox


def test_what_passed_live_is_recognised_once_when_the_stream_brings_it() -> None:
    intake, inbox = intake_of()
    for payload in (b"a", b"a", b"b"):
        intake.take_live("s", payload)
    intake.expect_again(49.0)
    for sequence, payload in enumerate([b"a", b"b", b"a", b"a"], start=1):
        assert intake.take_stored("s", payload, 51.0, sequence)
    assert [item.payload for item in inbox.take(9)] == [b"a", b"a", b"b", b"a"]
    assert (intake.last, intake.received) == (4, 4)


def test_the_same_words_on_another_subject_are_another_event() -> None:
    intake, inbox = intake_of()
    intake.take_live("s", b"a")
    intake.expect_again(0.0)
    intake.take_stored("other", b"a", 51.0, 1)
    assert len(inbox) == 2


def test_without_room_an_event_stays_in_the_stream_and_is_not_dropped() -> None:
    intake, inbox = intake_of(capacity=1)
    assert intake.take_stored("s", b"a", 1.0, 1)
    assert not intake.take_stored("s", b"b", 1.0, 2)
    assert (inbox.dropped, intake.last, intake.received) == (0, 1, 1)
    intake.take_live("s", b"c")
    assert inbox.dropped == 1


def test_jumps_in_the_numbering_are_kept_for_an_explanation() -> None:
    intake, _ = intake_of()
    for sequence in (1, 2, 7, 8):
        intake.take_stored("s", b"", 1.0, sequence)
    assert intake.jumps == [(3, 7)]
