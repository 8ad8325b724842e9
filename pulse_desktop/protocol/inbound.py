"""One message as it came off the wire, before anybody has read it.

This is the seam between the bus, which fills a bounded inbox with arrivals, and the state, which
folds them. It carries what NATS knows and the payload does not.
"""

import enum

import msgspec


class Source(enum.IntEnum):
    """What was being listened to when the message came."""

    EVENT = 0
    """`websocket.{topic}`"""
    TASK = 1
    """the task subject: somebody enqueued a task"""
    RESULT = 2
    """a result body, read from the Object Store; `subject` is the object's name"""


class InboundMessage(msgspec.Struct, gc=False):
    """A message and the circumstances of its coming.

    Attributes:
        source: what was listened to.
        subject: NATS subject (for a result: the object's name, which is the task id).
        payload: the body, untouched.
        at: Unix time in seconds, UTC. For a stored message this is the time the server stored it,
            else the time it was received here.
        sequence: the stream's sequence number, 0 when no stream holds the message.
    """

    source: Source
    subject: str
    payload: bytes
    at: float
    sequence: int = 0
