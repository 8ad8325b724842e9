"""The event log: every event and task message that arrived, bounded by number and by bytes."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from pulse_desktop.protocol.event import Event
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.ring_buffer import RingBuffer

_OVERHEAD: Final = 200  # bytes an Event takes beside its payload


class EventLog(Collection[Event], RingBuffer[Event]):
    """Events oldest to newest. The log is its own `rows`.

    Once it is full, every new event evicts the oldest. That happens ten thousand times as often as
    in any other collection, so `append` does in one step what `RingBuffer` does in several.
    """

    name = "log"

    def __init__(self, capacity: int, max_bytes: int) -> None:
        """Create an empty log.

        Args:
            capacity: maximum number of events.
            max_bytes: maximum size of the events, payload and overhead.
        """
        super().__init__(capacity, max_weight=max_bytes, weigh=_weight)
        self.rows = self

    def append(self, row: Event) -> int:
        """Add an event as the newest and return its position."""
        position, start, capacity, ring = self.stop, self.start, self.capacity, self._ring
        weight = self.weight + len(row.raw) + _OVERHEAD
        if position - start == capacity:
            index = start % capacity
            weight -= len(ring[index].raw) + _OVERHEAD  # type: ignore[union-attr]
            ring[index] = row
            self.start = start + 1
            self.evicted += 1
            self._ends_here = True
        elif len(ring) < capacity:
            ring.append(row)
        else:
            ring[position % capacity] = row
        self.stop = position + 1
        self.weight = weight
        if weight > self.max_weight > 0:
            while self.weight > self.max_weight and self.start < position:
                self._evict_oldest()
        return position

    def mentioning(self, task_id: str, limit: int = 500, *, type_: str = "") -> list[Event]:
        """Return the events that mention a task id, in the order of their timestamps.

        They come from two subjects and from history, so they need not have arrived in that order.
        Heartbeats are left out. Scans the log, which takes up to about 50 ms.

        Args:
            task_id: the id to look for.
            limit: maximum number of events of each type, so that the thousands of one type do not
                push the others out; the latest to arrive are kept.
            type_: type of the events to return; all but heartbeats by default.
        """
        found: list[Event] = []
        counts: Counter[str] = Counter()
        for event in self._mentioning(task_id):
            counts[event.type] += 1
            if type_ in ("", event.type) and counts[event.type] <= limit:
                found.append(event)
        found.reverse()  # events with equal timestamps keep their order of arrival
        found.sort(key=lambda event: event.timestamp)
        return found

    def count_mentioning(self, task_id: str) -> Counter[str]:
        """Return the number of events that mention a task id, by type; see `mentioning`."""
        return Counter(event.type for event in self._mentioning(task_id))

    def _mentioning(self, task_id: str) -> Iterator[Event]:
        """Iterate over the events that mention a task id, the latest to arrive first."""
        needle = task_id.encode()
        for event in self.newest_first():
            if needle in event.raw and event.type != "worker.heartbeat":
                yield event


def _weight(event: Event) -> int:
    return len(event.raw) + _OVERHEAD
