"""The event log: rows like any other, appended ten thousand times as often."""

from typing import Final

from pulse_desktop.protocol.event import Event
from pulse_desktop.state.ring_buffer import RingBuffer

_OVERHEAD: Final = 200  # bytes an Event takes beside its payload


class EventLog(RingBuffer[Event]):
    """Events oldest to newest, bounded by number and by bytes.

    Once it is full, every event that comes costs the oldest its place. So `append` does in one
    step what `RingBuffer` does in several that anybody may override.
    """

    def __init__(self, capacity: int, max_bytes: int) -> None:
        """Make an empty log.

        Args:
            capacity: most events to keep.
            max_bytes: most bytes to keep, the payloads and what is kept of them beside.
        """
        super().__init__(capacity, max_weight=max_bytes, weigh=_weight)

    def append(self, row: Event) -> int:
        """Add an event as the newest and return its position."""
        position, first, capacity, ring = self.end, self.first, self.capacity, self._ring
        weight = self.weight + len(row.raw) + _OVERHEAD
        if position - first == capacity:
            place = first % capacity
            weight -= len(ring[place].raw) + _OVERHEAD  # type: ignore[union-attr]
            ring[place] = row
            self.first = first + 1
            self.forgotten += 1
        elif position < capacity:
            ring.append(row)
        else:
            ring[position % capacity] = row
        self.end = position + 1
        self.weight = weight
        if weight > self.max_weight > 0:
            while self.weight > self.max_weight and self.first < position:
                self._forget_oldest()
        return position


def _weight(event: Event) -> int:
    return len(event.raw) + _OVERHEAD
