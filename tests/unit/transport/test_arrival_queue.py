"""The bounded queue between the callbacks and the fold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.transport.arrival_queue import ArrivalQueue


def arrival(payload: bytes = b"x") -> InboundMessage:
    return InboundMessage(Source.EVENT, "websocket.tasks", payload, 0.0)


def test_what_finds_no_room_is_counted_and_the_older_stay() -> None:
    inbox = ArrivalQueue(capacity=2)
    kept = [inbox.put(arrival(bytes([n]))) for n in range(4)]
    assert kept == [True, True, False, False]
    assert (len(inbox), inbox.received, inbox.dropped, inbox.room) == (2, 2, 2, 0)
    assert [item.payload for item in inbox.take(10)] == [b"\0", b"\1"]
    assert inbox.room == 2


def test_large_payloads_are_bounded_by_their_bytes() -> None:
    inbox = ArrivalQueue(capacity=1000, max_bytes=100)
    while inbox.room:
        inbox.put(arrival(b"y" * 40))
    assert len(inbox) == 3
    assert not inbox.put(arrival())
    inbox.take(1)
    assert inbox.held_bytes == 80
    assert inbox.put(arrival())


def test_an_inbox_without_places_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ArrivalQueue(capacity=0)


@given(st.lists(st.one_of(st.integers(1, 5), st.binary(max_size=9)), max_size=60))
def test_everything_kept_comes_out_once_and_in_order(steps) -> None:
    inbox = ArrivalQueue(capacity=7)
    kept, taken = [], []
    for step in steps:
        if isinstance(step, int):
            taken += inbox.take(step)
        else:
            item = arrival(step) if len(step) % 2 else StoredObject(str(step), 1, 1, "", 0.0)
            if inbox.put(item):
                kept.append(item)
    taken += inbox.take(1000)
    assert taken == kept
    assert inbox.held_bytes == 0
    assert inbox.received == len(kept)
