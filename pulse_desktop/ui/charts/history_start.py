"""From when on this program knows what happened: before that, a rate is unknown and not zero."""

import math

from pulse_desktop.protocol.event import Event
from pulse_desktop.state.ring_buffer import RingBuffer


def history_start(log: RingBuffer[Event]) -> float:
    """Return Unix seconds of the first event heard; infinity before any, 0 when it is forgotten."""
    if log.evicted:
        return 0.0
    return log[log.start].timestamp if log else math.inf
