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
    queue = ArrivalQueue(capacity=2)
    kept = [queue.put(arrival(bytes([n]))) for n in range(4)]
    assert kept == [True, True, False, False]
    assert (len(queue), queue.received, queue.dropped, queue.room) == (2, 2, 2, 0)
    assert [item.payload for item in queue.take(10)] == [b"\0", b"\1"]
    assert queue.room == 2


def test_large_payloads_are_bounded_by_their_bytes() -> None:
    queue = ArrivalQueue(capacity=1000, max_bytes=100)
    while queue.room:
        queue.put(arrival(b"y" * 40))
    assert len(queue) == 3
    assert not queue.put(arrival())
    queue.take(1)
    assert queue.held_bytes == 80
    assert queue.put(arrival())


def test_an_queue_without_places_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ArrivalQueue(capacity=0)


@given(st.lists(st.one_of(st.integers(1, 5), st.binary(max_size=9)), max_size=60))
def test_everything_kept_comes_out_once_and_in_order(steps) -> None:
    queue = ArrivalQueue(capacity=7)
    kept, taken = [], []
    for step in steps:
        if isinstance(step, int):
            taken += queue.take(step)
        else:
            item = arrival(step) if len(step) % 2 else StoredObject(str(step), 1, 1, "", 0.0)
            if queue.put(item):
                kept.append(item)
    taken += queue.take(1000)
    assert taken == kept
    assert queue.held_bytes == 0
    assert queue.received == len(kept)
