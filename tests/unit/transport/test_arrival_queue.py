"""The bounded queue between the network's callbacks and the fold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from tests.kit.arrivals import take_messages


def message(payload: bytes = b"x") -> InboundMessage:
    return InboundMessage(Source.EVENT, "websocket.tasks", payload, 0.0)


def test_without_room_the_newest_is_dropped_and_counted() -> None:
    queue = ArrivalQueue(capacity=2)
    kept = [queue.put(message(bytes([n]))) for n in range(4)]
    assert kept == [True, True, False, False]
    assert (len(queue), queue.received, queue.dropped, queue.room) == (2, 2, 2, 0)
    assert [each.payload for each in take_messages(queue)] == [b"\0", b"\1"]
    assert queue.room == 2


def test_large_payloads_are_bounded_by_their_bytes() -> None:
    queue = ArrivalQueue(capacity=1000, max_bytes=100)
    while queue.room:
        queue.put(message(b"y" * 40))
    assert len(queue) == 3
    assert not queue.put(message())
    queue.take(1)
    assert queue.held_bytes == 80
    assert queue.put(message())


def test_what_its_sender_keeps_is_not_counted_as_dropped() -> None:
    queue = ArrivalQueue(capacity=1)
    assert queue.offer(message())
    assert not queue.offer(message())
    assert (queue.received, queue.dropped) == (1, 0)
    assert not queue.put(message())
    assert (queue.received, queue.dropped) == (1, 1)


def test_a_capacity_of_zero_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ArrivalQueue(capacity=0)


@given(st.lists(st.one_of(st.integers(1, 5), st.binary(max_size=9)), max_size=60))
def test_every_item_is_taken_once_and_in_order(steps: list[int | bytes]) -> None:
    queue = ArrivalQueue(capacity=7)
    kept: list[InboundMessage | StoredObject] = []
    taken: list[InboundMessage | StoredObject] = []
    for step in steps:
        if isinstance(step, int):
            taken += queue.take(step)
        else:
            item = message(step) if len(step) % 2 else StoredObject(str(step), 1, 1, "", 0.0)
            if queue.put(item):
                kept.append(item)
    taken += queue.take(1000)
    assert taken == kept
    assert queue.held_bytes == 0
    assert queue.received == len(kept)
