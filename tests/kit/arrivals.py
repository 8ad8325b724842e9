"""Test access to the items that the transport has put into an arrival queue."""

from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.transport.arrival_queue import ArrivalQueue

ALL = 1_000_000


def take_messages(queue: ArrivalQueue) -> list[InboundMessage]:
    """Take everything; all of it must be messages."""
    items = queue.take(ALL)
    messages = [item for item in items if isinstance(item, InboundMessage)]
    assert messages == items
    return messages


def take_objects(queue: ArrivalQueue) -> list[StoredObject]:
    """Take everything; all of it must be objects of a bucket."""
    items = queue.take(ALL)
    objects = [item for item in items if isinstance(item, StoredObject)]
    assert objects == items
    return objects
