"""A message from NATS before it is decoded.

The transport puts these into a bounded queue and the state folds them. They carry what NATS knows
and the payload does not: the subject, the time and the sequence.
"""

import enum

import msgspec


class Source(enum.IntEnum):
    """The subscription that a message came from."""

    EVENT = 0
    """an event, on `websocket.{topic}`"""
    TASK = 1
    """a task message, on the task subject"""


class InboundMessage(msgspec.Struct, gc=False):
    """A message from NATS.

    Attributes:
        source: the subscription it came from.
        subject: NATS subject.
        payload: the raw body.
        at: Unix seconds, UTC: when the server stored the message, or when it was received if no
            stream stores it.
        sequence: the stream's sequence number, 0 if no stream stores the message.
        older: whether it was read from history, newest first, and is older than every message of
            its subject that was delivered before it.
    """

    source: Source
    subject: str
    payload: bytes
    at: float
    sequence: int = 0
    older: bool = False
